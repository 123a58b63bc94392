// Looks at all members after every step and throws at the first broken invariant (faults.md, part 5: I1–I7, and of
// I8 and I9 what can be seen without a wire). It remembers what has ever left a node, across crashes.

import type { Entry, Index, NodeId, PeerMessage, ProposalId } from '../../../raft/core/types.ts'
import type { Disk } from './disk.ts'
import { type Member, proposalKey } from './network.ts'

export class Oracle {
  /** Applied somewhere, once and for all: index → entry. */
  readonly history = new Map<Index, Entry>()
  readonly #disks: ReadonlyMap<NodeId, Disk>
  readonly #leaders = new Map<number, NodeId>()
  /** How far each term's leader has counted: only later leaders must have all that. */
  readonly #committedIn = new Map<number, Index>()
  readonly #votes = new Map<string, NodeId>()
  /** 'index term' → the entry and the term before it. */
  readonly #entries = new Map<string, string>()
  readonly #committed = new Set<string>()
  readonly #lives = new Map<Member, { commit: Index; leads: number | null }>()
  readonly #terms = new Map<NodeId, number>()
  #historyEnd = 0

  constructor(disks: ReadonlyMap<NodeId, Disk>) {
    this.#disks = disks
  }

  /** The highest index that any client may have had an answer for. */
  get applied(): Index {
    return this.#historyEnd
  }

  /** A directory was replaced: what that node has promised, nobody can ask of it any more. */
  forget(node: NodeId): void {
    this.#terms.delete(node)
  }

  look(member: Member): void {
    const { id, role, term, commit, applied, last } = member.status
    const known = this.#lives.get(member) ?? { commit, leads: null }
    check(commit >= known.commit, `I6 commit of ${id} moved back from ${known.commit} to ${commit}`)
    check(applied <= commit && commit <= last.index, `I6 applied ≤ commit ≤ last on ${id}`)
    check(term >= (this.#terms.get(id) ?? 0), `I7 term of ${id} fell`)
    if (role === 'leader' && known.leads !== term) {
      const other = this.#leaders.get(term)
      check(other === undefined || other === id, `I1 ${other} and ${id} both lead term ${term}`)
      this.#leaders.set(term, id)
      const end = this.history.get(this.#committedBefore(term))
      check(
        end === undefined || last.term > end.term || last.index >= end.index,
        `I4 ${id} leads term ${term} without entry ${end?.index}`,
      )
    }
    if (role === 'leader') this.#committedIn.set(term, commit)
    this.#lives.set(member, { commit, leads: role === 'leader' ? term : null })
  }

  /** A candidate may hear its votes when a later term's leader has committed something already. */
  #committedBefore(term: number): Index {
    let end = 0
    for (const [earlier, commit] of this.#committedIn)
      if (earlier < term) end = Math.max(end, commit)
    return Math.min(end, this.#historyEnd)
  }

  /** A write is durable. */
  written(id: NodeId, entries: readonly Entry[], disk: Disk): void {
    this.#terms.set(id, Math.max(this.#terms.get(id) ?? 0, disk.hardState.term))
    for (const entry of entries) {
      const place = `${entry.index} ${entry.term}`
      const before = disk.at(entry.index - 1)?.term ?? 'base'
      const what = `${before} ${entry.type} ${proposalKey(entry)}`
      const known = this.#entries.get(place)
      check(
        known === undefined || known === what,
        `I3 log matching at ${place}: ${known} / ${what}`,
      )
      this.#entries.set(place, what)
    }
  }

  /** A message leaves its node. */
  sent(message: PeerMessage): void {
    const { from, to, term } = message
    const disk = this.#disks.get(from)!
    if (message.type === 'Vote') this.#voted(from, term, from)
    if (message.type === 'VoteResp' && message.granted) this.#voted(from, term, to)
    if (message.type === 'AppendOk') {
      check(disk.hardState.term >= term, `I8 ${from} acknowledges in term ${term} not durable`)
      check(
        disk.last.index >= message.match,
        `I8 ${from} acknowledges ${message.match}, not durable`,
      )
    }
    if (message.type === 'Append')
      check(disk.hardState.term >= term, `I8 ${from} leads term ${term} not durable`)
  }

  #voted(node: NodeId, term: number, candidate: NodeId): void {
    const disk = this.#disks.get(node)!
    check(disk.hardState.term >= term, `I8 ${node} shows a vote in term ${term} not durable`)
    const key = `${node} ${disk.identity.store} ${term}`
    const known = this.#votes.get(key)
    check(known === undefined || known === candidate, `I7 ${node} votes twice in term ${term}`)
    this.#votes.set(key, candidate)
  }

  appliedAt(id: NodeId, entry: Entry): void {
    const known = this.history.get(entry.index)
    if (known !== undefined) {
      const same = known.term === entry.term && proposalKey(known) === proposalKey(entry)
      return check(same, `I5 ${id} applies another entry at ${entry.index}`)
    }
    this.history.set(entry.index, entry)
    this.#historyEnd = Math.max(this.#historyEnd, entry.index)
    const key = proposalKey(entry)
    if (key !== null) {
      check(!this.#committed.has(key), `one proposal stands twice among committed entries: ${key}`)
      this.#committed.add(key)
    }
  }

  /** The state machine of its origin has applied it: the client has its answer. */
  acknowledged(entry: Entry): void {
    let holders = 0
    // A directory lost since may have held it.
    for (const disk of this.#disks.values())
      if (disk.holds(entry) || disk.base.index >= entry.index || !disk.identity.member) holders++
    check(holders > this.#disks.size / 2, `I9 ${entry.index} is acknowledged on ${holders} disks`)
  }

  /** True: proven to be in no log. It must never appear. */
  readonly abandoned = new Set<string>()
  checkAbandoned(): void {
    for (const key of this.abandoned)
      check(!this.#committed.has(key), `${key} was certainly in no log, and is`)
  }
}

export function keyOf(id: ProposalId): string {
  return `${id.node} ${id.life} ${id.count}`
}

export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}
