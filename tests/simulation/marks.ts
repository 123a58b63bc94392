// Named states that a long run must have been in, so that green means something: each is counted once a time it is
// reached, and a run that never gets somewhere says so.
//
// Marks are read off the same events that the checkers see, never planted in the production code.

import type {
  Entry,
  NodeId,
  Refusal,
  Status,
  TraceEvent,
  WireMessage,
} from '../../raft/core/types.ts'
import type { LoadedLog, LogWrite } from '../../raft/ports.ts'
import type { Memories } from './memory.ts'
import type { Death, Observed, Observer } from './observer.ts'

export const MARKS = [
  'a leader is elected',
  'a leader is deposed with proposals pending',
  'a leader hears no majority',
  'a leader dies with proposals of others pending',
  'an election has no winner',
  'a pre-vote begins because a link closed',
  'a pre-vote is refused',
  'of two pre-candidates one steps back',
  'a vote is refused',
  'a vote is asked for by transfer',
  'leadership is handed over',
  'a transfer is given up',
  'a leader with a stalled disk goes silent',
  'an old leader learns of a later term',
  'a follower lacks what comes before an append',
  'a conflicting suffix is overwritten',
  'a conflict moves a follower back',
  'an entry of an earlier term is committed by a later leader',
  'a term begins with entries of earlier terms uncommitted',
  'a commit is pushed to a follower',
  'a proposal is forwarded',
  'a proposal is sent again',
  'a proposal is refused for another term',
  'a proposal is refused without a leader',
  'a proposal is refused during a transfer',
  'a proposal is refused for the uncommitted limit',
  'a proposal dies and is proposed again in a later term',
  'a read is confirmed for a follower',
  'a read is refused by a node that does not lead',
  'a follower is fed from disk',
  'a follower needs a snapshot',
  'a snapshot is offered',
  'a snapshot comes in several chunks',
  'a snapshot goes on with another sender',
  'a snapshot is interrupted by a crash',
  'a snapshot comes into force',
  'a snapshot does not verify',
  'a log starts anew behind a snapshot',
  'a checkpoint is durable',
  'a checkpoint lets segments go',
  'a node dies with a write under way',
  'a node dies with its vote under way',
  'a node dies with a checkpoint under way',
  'a node dies while it overwrites a suffix',
  'a torn write is cut at the start',
  'a start redoes from a checkpoint',
  'a start redoes from nothing',
  'a power cut leaves a store with holes',
  'a store is redone from nothing after a loss',
  'a store is refilled by a peer',
  'a node meets a suspect',
  'a leader vouches for a suspect',
  'a suspect is cleared',
  'a node learns that it has forgotten',
  'a damaged log is refused',
  'a disk refuses a write',
  'a disk hangs and the process ends',
  'all nodes are down at once',
  'a paused leader finds itself deposed',
  'a publish is accepted',
  'a CloudEvent is accepted',
  'a publish is a duplicate',
  'a publish is a duplicate with other content',
  'a publish has no known outcome',
  'a publish is refused',
  'a linearizable read is answered',
  'a read is refused',
] as const

export type Mark = (typeof MARKS)[number]

export type MarkCounts = ReadonlyMap<Mark, number>

export class Marks implements Observer {
  readonly counts = new Map<Mark, number>()
  readonly #memories: Memories
  readonly #nodes: readonly Observed[]
  readonly #last = new Map<NodeId, { status: Status; life: number }>()
  readonly #inFlight = new Map<NodeId, LogWrite>()
  readonly #offeredBy = new Map<NodeId, NodeId>()
  readonly #proposedIn = new Map<string, number>()
  #committed = 0

  constructor(memories: Memories, nodes: readonly Observed[]) {
    this.#memories = memories
    this.#nodes = nodes
  }

  reached(mark: Mark): void {
    this.hit(mark)
  }

  hit(mark: Mark): void {
    this.counts.set(mark, (this.counts.get(mark) ?? 0) + 1)
  }

  noted({ id }: Observed, { type, detail }: TraceEvent): void {
    switch (type) {
      case 'leader':
        return this.hit('a leader is elected')
      case 'hears no majority':
        return this.hit('a leader hears no majority')
      case 'preCandidate':
        if (detail.why === 'link closed') this.hit('a pre-vote begins because a link closed')
        if (detail.why === 'election without a winner') this.hit('an election has no winner')
        return
      case 'candidate':
        if (detail.force === true) this.hit('a vote is asked for by transfer')
        return
      case 'vote':
        if (detail.granted === false) this.hit('a vote is refused')
        return
      case 'transfer given up':
        return this.hit('a transfer is given up')
      case 'disk stalled, silent':
        return this.hit('a leader with a stalled disk goes silent')
      case 'append refused':
        return this.hit('a follower lacks what comes before an append')
      case 'suffix overwritten':
        return this.hit('a conflicting suffix is overwritten')
      case 'conflict':
        return this.hit('a conflict moves a follower back')
      case 'snapshot needed':
        return this.hit('a follower needs a snapshot')
      case 'snapshot offered': {
        this.hit('a snapshot is offered')
        const before = this.#offeredBy.get(id)
        if (before !== undefined && before !== detail.from)
          this.hit('a snapshot goes on with another sender')
        this.#offeredBy.set(id, String(detail.from))
        return
      }
      case 'snapshot in force':
        this.#offeredBy.delete(id)
        return this.hit('a snapshot comes into force')
      case 'peer is suspect':
        return this.hit('a node meets a suspect')
      case 'vouch':
        return this.hit('a leader vouches for a suspect')
      case 'cleared':
        return this.hit('a suspect is cleared')
      case 'lost':
        return this.hit('a node learns that it has forgotten')
    }
  }

  sent(_: Observed, message: WireMessage): void {
    switch (message.type) {
      case 'PreVoteResp':
        if (!message.granted) this.hit('a pre-vote is refused')
        return
      case 'StaleTerm':
        return this.hit('an old leader learns of a later term')
      case 'Commit':
        return this.hit('a commit is pushed to a follower')
      case 'Propose': {
        this.hit('a proposal is forwarded')
        const { node, life, count } = message.id
        const key = `${node} ${life} ${count}`
        const before = this.#proposedIn.get(key)
        if (before === message.term) this.hit('a proposal is sent again')
        else if (before !== undefined)
          this.hit('a proposal dies and is proposed again in a later term')
        this.#proposedIn.set(key, message.term)
        return
      }
      case 'ProposeRefused':
        return this.hit(REFUSED[message.reason])
      case 'ReadIndexResp':
        if (message.index === null) this.hit('a read is refused by a node that does not lead')
        else this.hit('a read is confirmed for a follower')
        return
      case 'ChunkAsk':
        if (message.after > 0) this.hit('a snapshot comes in several chunks')
    }
  }

  turned({ id, life }: Observed, status: Status): void {
    const last = this.#last.get(id)
    this.#last.set(id, { status, life })
    if (last === undefined || last.life !== life) return
    const before = last.status
    if (before.role === 'leader' && status.role !== 'leader' && before.pendingProposals > 0)
      this.hit('a leader is deposed with proposals pending')
    if (before.role === 'preCandidate' && status.role === 'follower' && before.term === status.term)
      this.hit('of two pre-candidates one steps back')
    if (before.transferringTo !== null && status.role !== 'leader')
      this.hit('leadership is handed over')
    if (before.role !== 'leader' && status.role === 'leader' && status.commit < before.last.index)
      this.hit('a term begins with entries of earlier terms uncommitted')
  }

  loaded(_: Observed, log: LoadedLog): void {
    if (log.notes.some((note) => note.includes('torn')))
      this.hit('a torn write is cut at the start')
    if (log.entries.length === 0) return
    if (log.checkpoint === null) this.hit('a start redoes from nothing')
    else this.hit('a start redoes from a checkpoint')
  }

  writing({ id }: Observed, write: LogWrite): void {
    this.#inFlight.set(id, write)
  }

  durable({ id }: Observed, { checkpoint, base }: LogWrite): void {
    this.#inFlight.delete(id)
    if (checkpoint === null) return
    if (base) this.hit('a log starts anew behind a snapshot')
    else this.hit('a checkpoint is durable')
  }

  removing(): void {
    this.hit('a checkpoint lets segments go')
  }

  applied({ id }: Observed, entries: readonly Entry[]): void {
    const term = this.#memories.of(id).term
    for (const entry of entries) {
      if (entry.index <= this.#committed) continue
      this.#committed = entry.index
      if (entry.type === 'normal' && entry.term < term)
        this.hit('an entry of an earlier term is committed by a later leader')
    }
  }

  died(node: Observed, _how: Death): void {
    const { id } = node
    const status = node.status()
    const othersWait = this.#nodes.some((other) => (other.status()?.pendingProposals ?? 0) > 0)
    if (status?.role === 'leader' && othersWait)
      this.hit('a leader dies with proposals of others pending')
    if (this.#offeredBy.has(id)) this.hit('a snapshot is interrupted by a crash')
    if (this.#nodes.every((other) => other === node || other.status() === null))
      this.hit('all nodes are down at once')
    const write = this.#inFlight.get(id)
    this.#inFlight.delete(id)
    if (write === undefined) return
    this.hit('a node dies with a write under way')
    if (write.hardState !== null) this.hit('a node dies with its vote under way')
    if (write.checkpoint !== null) this.hit('a node dies with a checkpoint under way')
    const first = write.entries[0]?.index ?? Number.MAX_SAFE_INTEGER
    if (first <= this.#memories.of(id).last) this.hit('a node dies while it overwrites a suffix')
  }
}

const REFUSED: Readonly<Record<Refusal, Mark>> = {
  otherTerm: 'a proposal is refused for another term',
  noLeader: 'a proposal is refused without a leader',
  transferring: 'a proposal is refused during a transfer',
  uncommittedLimit: 'a proposal is refused for the uncommitted limit',
  stopped: 'a proposal is refused without a leader',
}

/** Adds the counts of one run to those of many. */
export function addMarks(sum: Map<Mark, number>, counts: Iterable<readonly [Mark, number]>): void {
  for (const [mark, count] of counts) sum.set(mark, (sum.get(mark) ?? 0) + count)
}
