// The invariants of faults.md part 5, each an object of its own that looks at all replicas after every step.
//
// They believe no node: what is durable they know from the disk (memory.ts), what was promised from the wire, what was
// applied from the state machine. What clients see (I10, I11, I14, I15) is the ledger's to judge.

import type {
  Entry,
  EntryId,
  Glance,
  Index,
  NodeId,
  Term,
  TraceEvent,
  WireMessage,
} from '../../raft/core/types.ts'
import type { LogWrite } from '../../raft/ports.ts'
import { broken } from './broken.ts'
import type { Memories } from './memory.ts'
import type { Observed, Observer } from './observer.ts'
import { DecidesAsTheModel, EqualStates } from './store-checks.ts'

/** Everything that has ever been applied anywhere: the one history that all nodes must share. */
export class Committed {
  /** By index; [0] is unused. */
  readonly entries: (Entry | undefined)[] = [undefined]

  get last(): Index {
    return this.entries.length - 1
  }
}

/** I1: at most one leader in a term. */
export class ElectionSafety implements Observer {
  readonly leaders = new Map<Term, NodeId>()

  turned({ id }: Observed, { role, term }: Glance): void {
    if (role !== 'leader') return
    const known = this.leaders.get(term)
    if (known === undefined) this.leaders.set(term, id)
    else if (known !== id) broken('I1', `${known} and ${id} both lead term ${term}`)
  }
}

/** I2 and I3: an index and a term name one entry, behind one other entry, for ever and everywhere. */
export class LogMatching implements Observer {
  readonly #memories: Memories
  readonly #known = new Map<number, { entry: Entry; previousTerm: Term | null }>()

  constructor(memories: Memories) {
    this.#memories = memories
  }

  writing({ id }: Observed, { entries, checkpoint, base }: LogWrite): void {
    let previous: EntryId | null = base ? checkpoint : null
    for (const entry of entries) {
      const previousTerm =
        previous?.index === entry.index - 1
          ? previous.term
          : this.#memories.of(id).termAt(entry.index - 1)
      this.#compare(id, entry, previousTerm)
      previous = entry
    }
  }

  #compare(node: NodeId, entry: Entry, previousTerm: Term | null): void {
    const key = entry.term * 2 ** 32 + entry.index
    const known = this.#known.get(key)
    if (known === undefined) {
      this.#known.set(key, { entry, previousTerm })
      return
    }
    const place = `${entry.index} of term ${entry.term}`
    if (!sameEntry(known.entry, entry))
      broken('I2', `${node} writes another entry at ${place} than the one written there before`)
    if (previousTerm !== null && known.previousTerm !== null && previousTerm !== known.previousTerm)
      broken(
        'I3',
        `${node} writes ${place} behind term ${previousTerm}, others behind ${known.previousTerm}`,
      )
  }
}

/**
 * I4: whatever was committed in a term stands in the log of the leader of every later one. An entry may be older than the
 * term in which it was committed; and who sleeps while its votes arrive may wake as leader of a term that lies between.
 */
export class LeaderCompleteness implements Observer {
  readonly #memories: Memories
  readonly #committed: Committed
  readonly #judged = new Set<Term>()
  /** By index: the first term in which it is known to be committed; it never falls from one index to the next. */
  readonly #committedIn: Term[] = []

  constructor(memories: Memories, committed: Committed) {
    this.#memories = memories
    this.#committed = committed
  }

  /** The leader has counted so far, or a follower has heard so from the leader of its term. */
  noted(_: Observed, { type, term, detail }: TraceEvent): void {
    if (type !== 'commit') return
    for (let index = detail.index as Index; index > 0; index--) {
      if ((this.#committedIn[index] ?? Number.POSITIVE_INFINITY) <= term) return
      this.#committedIn[index] = term
    }
  }

  turned({ id }: Observed, { role, term, applied }: Glance): void {
    if (role !== 'leader' || this.#judged.has(term)) return
    this.#judged.add(term)
    const view = this.#memories.of(id)
    for (let index = this.#committed.last; index > Math.max(view.base.index, applied); index--) {
      const entry = this.#committed.entries[index]
      const committedIn = this.#committedIn[index] ?? Number.POSITIVE_INFINITY
      if (entry === undefined || committedIn > term || view.termAt(index) === entry.term) continue
      broken(
        'I4',
        `${id} leads term ${term} with ${view.termAt(index)} at index ${index}, where an entry of term ${entry.term} was committed in term ${committedIn}`,
      )
    }
  }
}

/** §5.4.2: a leader commits by counting only what it has appended in its own term. */
export class CommitsInItsTerm implements Observer {
  readonly #memories: Memories
  readonly #seen = new Map<NodeId, { term: Term; commit: Index }>()

  constructor(memories: Memories) {
    this.#memories = memories
  }

  turned({ id }: Observed, { role, term, commit }: Glance): void {
    const before = this.#seen.get(id)
    this.#seen.set(id, { term: role === 'leader' ? term : 0, commit })
    if (role !== 'leader' || before?.term !== term || commit === before.commit) return
    const committed = this.#memories.of(id).termAt(commit)
    if (committed !== null && committed !== term)
      broken(
        'I4',
        `${id}, leader of term ${term}, commits up to ${commit}, an entry of term ${committed}`,
      )
  }
}

/** What a leader must be able to hear, to be one. */
export interface Audience {
  readonly nodes: readonly Observed[]
  readonly world: { readonly nowUs: number }
  readonly plan: {
    readonly settings: {
      readonly tickUs: number
      readonly raft: { readonly electionTicks: number }
    }
  }
  readonly network: {
    linked(from: NodeId, to: NodeId): boolean
    isCut(from: NodeId, to: NodeId): boolean
  }
}

/** I19, check-quorum: who has long been out of a majority's hearing does not lead. */
export class LeadsOnlyWhoIsHeard implements Observer {
  readonly #audience: Audience
  readonly #deafSinceUs = new Map<NodeId, { life: number; sinceUs: number }>()

  constructor(audience: Audience) {
    this.#audience = audience
  }

  turned({ id, life }: Observed, { role, term }: Glance): void {
    if (role !== 'leader' || this.#hearsMajority(id)) {
      this.#deafSinceUs.delete(id)
      return
    }
    const { world, plan } = this.#audience
    const known = this.#deafSinceUs.get(id)
    if (known === undefined || known.life !== life) {
      this.#deafSinceUs.set(id, { life, sinceUs: world.nowUs })
      return
    }
    const { tickUs, raft } = plan.settings
    const deafUs = world.nowUs - known.sinceUs
    if (deafUs > 4 * raft.electionTicks * tickUs + PAUSE_MAX_US)
      broken('I19', `${id} leads term ${term} and has heard no majority for ${deafUs / 1e6} s`)
  }

  #hearsMajority(id: NodeId): boolean {
    const { nodes, network } = this.#audience
    let heard = 0
    for (const node of nodes)
      if (node.id === id || (network.linked(node.id, id) && !network.isCut(node.id, id))) heard++
    return heard > nodes.length / 2
  }
}
/** A paused leader cannot step down. */
const PAUSE_MAX_US = 5_500_000

/** I5, I9: one entry for each index, applied in order, only when a majority holds it durably; no proposal twice. */
export class StateMachineSafety implements Observer {
  readonly #memories: Memories
  readonly #committed: Committed
  readonly #majority: number
  readonly #proposals = new Map<string, Index>()

  constructor(memories: Memories, committed: Committed, members: number) {
    this.#memories = memories
    this.#committed = committed
    this.#majority = Math.floor(members / 2) + 1
  }

  applied({ id }: Observed, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const known = this.#committed.entries[entry.index]
      if (known === undefined) this.#first(id, entry)
      else if (known.term !== entry.term || !sameEntry(known, entry))
        broken(
          'I5',
          `${id} applies an entry of term ${entry.term} at index ${entry.index}, where one of term ${known.term} was applied`,
        )
      if (!this.#memories.of(id).holds(entry))
        broken('I9', `${id} applies index ${entry.index}, which its own log does not hold durably`)
    }
  }

  #first(node: NodeId, entry: Entry): void {
    this.#committed.entries[entry.index] = entry
    const holders = this.#memories.holders(entry)
    if (holders < this.#majority)
      broken(
        'I9',
        `${node} applies index ${entry.index}, which only ${holders} nodes have ever held durably`,
      )
    const { proposal } = entry
    if (proposal === null) return
    const key = `${proposal.node} ${proposal.life} ${proposal.count}`
    const before = this.#proposals.get(key)
    if (before !== undefined)
      broken('I11', `proposal ${key} stands at index ${before} and again at index ${entry.index}`)
    this.#proposals.set(key, entry.index)
  }
}

/** I6: within a life commit and applied never move back; applied ≤ commit ≤ last. */
export class CommitMoves implements Observer {
  readonly #seen = new Map<NodeId, { life: number; commit: Index; applied: Index; term: Term }>()

  turned({ id, life }: Observed, { commit, applied, last, term }: Glance): void {
    const before = this.#seen.get(id)
    if (before?.life === life) {
      if (commit < before.commit)
        broken('I6', `commit of ${id} moves back from ${before.commit} to ${commit}`)
      if (applied < before.applied)
        broken('I6', `applied of ${id} moves back from ${before.applied} to ${applied}`)
      if (term < before.term) broken('I7', `the term of ${id} falls from ${before.term} to ${term}`)
    }
    if (applied > commit || commit > last.index)
      broken('I6', `${id} has applied ${applied}, commit ${commit}, last ${last.index}`)
    this.#seen.set(id, { life, commit, applied, term })
  }
}

/**
 * I7: one vote in a term, whatever restarts, wipes and set-back directories lie between. Only what a lost store had
 * promised in terms beyond the one in which the node is cleared may be contradicted: a majority without it was in that
 * term, so no such vote has made a leader or ever will.
 */
export class OneVote implements Observer {
  readonly #votes = new Map<NodeId, Map<Term, NodeId>>()

  noted({ id }: Observed, { type, term }: TraceEvent): void {
    if (type !== 'cleared') return
    const votes = this.#votesOf(id)
    for (const voted of votes.keys()) if (voted > term) votes.delete(voted)
  }

  sent({ id }: Observed, message: WireMessage): void {
    if (message.type === 'VoteResp' && message.granted) this.#vote(id, message.term, message.to)
    if (message.type === 'Vote') this.#vote(id, message.term, id)
  }

  #vote(node: NodeId, term: Term, candidate: NodeId): void {
    const votes = this.#votesOf(node)
    const before = votes.get(term) ?? candidate
    if (before !== candidate)
      broken('I7', `${node} votes for ${candidate} in term ${term}, after it voted for ${before}`)
    votes.set(term, candidate)
  }

  #votesOf(node: NodeId): Map<Term, NodeId> {
    let votes = this.#votes.get(node)
    if (votes === undefined) {
      votes = new Map()
      this.#votes.set(node, votes)
    }
    return votes
  }
}

/** I8: what a message says about its sender's disk is on that disk when it leaves. */
export class DurableBeforeMessage implements Observer {
  readonly #memories: Memories

  constructor(memories: Memories) {
    this.#memories = memories
  }

  sent({ id }: Observed, message: WireMessage): void {
    const disk = this.#memories.of(id)
    const { type, term } = message
    switch (type) {
      case 'VoteResp':
        if (message.granted && (disk.term !== term || disk.vote !== message.to))
          broken(
            'I8',
            `${id} grants ${message.to} term ${term}; its disk says ${disk.vote} in term ${disk.term}`,
          )
        return
      case 'Vote':
        if (disk.term !== term || disk.vote !== id)
          broken(
            'I8',
            `${id} asks for votes in term ${term}; its disk says ${disk.vote} in term ${disk.term}`,
          )
        return
      case 'AppendOk':
        if (disk.term < term || message.match > disk.last)
          broken(
            'I8',
            `${id} acknowledges ${message.match} in term ${term}; its disk ends at ${disk.last} in term ${disk.term}`,
          )
        return
      case 'Append':
      case 'Heartbeat':
      case 'AppendConflict':
        if (disk.term < term)
          broken('I8', `${id} sends ${type} in term ${term}; its disk is in term ${disk.term}`)
        return
      case 'Remembered':
        // Another pin may have taken its place meanwhile; but a first one must stand there.
        if (message.pinned !== null && !disk.pins.has(message.to))
          broken('I8', `${id} says it pins ${message.to}; its disk knows none`)
    }
  }
}

/** I17: no log is deleted above a durable checkpoint. */
export class KeepsItsLog implements Observer {
  readonly #memories: Memories

  constructor(memories: Memories) {
    this.#memories = memories
  }

  removing({ id }: Observed, before: Index): void {
    const { checkpointIndex } = this.#memories.of(id)
    if (before > checkpointIndex + 1)
      broken(
        'I17',
        `${id} deletes below ${before}; its durable checkpoint is at ${checkpointIndex}`,
      )
  }
}

/** I20: who may not vote does not. Its disk says whether it may; what it learns later undoes no vote on its way. */
export class OnlyMembersVote implements Observer {
  readonly #memories: Memories

  constructor(memories: Memories) {
    this.#memories = memories
  }

  sent({ id }: Observed, message: WireMessage): void {
    const votes = message.type === 'Vote' || (message.type === 'VoteResp' && message.granted)
    if (votes && !this.#memories.of(id).member)
      broken('I20', `${id} may not vote and sends ${message.type}`)
  }
}

/** I18: nothing grows without bound. */
export class Bounded implements Observer {
  readonly #pendingMax: number

  constructor(pendingMax: number) {
    this.#pendingMax = pendingMax
  }

  turned({ id }: Observed, { pendingProposals }: Glance): void {
    if (pendingProposals > this.#pendingMax)
      broken('I18', `${id} has ${pendingProposals} proposals waiting`)
  }
}

export function allInvariants(memories: Memories, members: readonly NodeId[]): readonly Observer[] {
  const committed = new Committed()
  return [
    new LogMatching(memories), // before memories: it looks at what stood there
    memories,
    new ElectionSafety(),
    new LeaderCompleteness(memories, committed),
    new CommitsInItsTerm(memories),
    new StateMachineSafety(memories, committed, members.length),
    new CommitMoves(),
    new OneVote(),
    new DurableBeforeMessage(memories),
    new EqualStates(),
    new DecidesAsTheModel(),
    new KeepsItsLog(memories),
    new OnlyMembersVote(memories),
    new Bounded(2_000),
  ]
}

function sameEntry(a: Entry, b: Entry): boolean {
  if (a === b) return true
  const sameProposal =
    a.proposal === b.proposal ||
    (a.proposal?.node === b.proposal?.node &&
      a.proposal?.life === b.proposal?.life &&
      a.proposal?.count === b.proposal?.count)
  return a.type === b.type && sameProposal && Buffer.compare(a.data, b.data) === 0
}
