// Term and vote, and everything on its way to the disk: one append at a time, and what comes meanwhile is the next.
//
// Keeps: a task holds all that its promises rest on; after AppendDone(n), what task n wrote is durable, unless a
// later term has cut it off meanwhile (raft.md 4.5-a).

import type { Identities } from './identity.ts'
import { invariant } from './invariant.ts'
import type { RaftLog } from './log.ts'
import type { Outbox } from './outbox.ts'
import type {
  AppendTask,
  Checkpoint,
  HardState,
  Index,
  NodeId,
  PeerMessage,
  Term,
} from './types.ts'

export class Persistence {
  #hardState: HardState
  /** The one in the last task handed out. */
  #savedHardState: HardState
  #durableHardState: HardState
  #unfinished: { task: AppendTask; promises: PeerMessage[]; stableAfter: Index } | null = null
  #ticks = 0
  #seq = 0
  #checkpoint: { checkpoint: Checkpoint; base: boolean } | null = null

  constructor(hardState: HardState) {
    this.#hardState = hardState
    this.#savedHardState = hardState
    this.#durableHardState = hardState
  }

  get term(): Term {
    return this.#hardState.term
  }

  get vote(): NodeId | null {
    return this.#hardState.vote
  }

  /** Present term and vote are on the disk. */
  get isDurable(): boolean {
    return this.#hardState === this.#durableHardState
  }

  /** How long the oldest append has been unfinished. */
  get unfinishedTicks(): number {
    return this.#unfinished === null ? 0 : this.#ticks
  }

  tick(): void {
    this.#ticks++
  }

  /** Term never falls, and there is one vote in a term. */
  enterTerm(term: Term, vote: NodeId | null): void {
    invariant(term > this.#hardState.term, 'term never falls')
    this.#hardState = { term, vote }
  }

  voteFor(node: NodeId): void {
    if (this.vote === node) return
    invariant(this.vote === null, 'one vote in a term')
    this.#hardState = { term: this.term, vote: node }
  }

  /** With `base`, the log starts anew behind it. */
  save(checkpoint: Checkpoint, base: boolean): void {
    if (this.#checkpoint?.base && !base) return
    this.#checkpoint = { checkpoint, base }
  }

  /** The next write, and what may leave at once because it rests on nothing unsaved. */
  take(
    log: RaftLog,
    identities: Identities,
    outbox: Outbox,
  ): { task: AppendTask | null; now: readonly PeerMessage[] } {
    if (this.#unfinished !== null) return { task: null, now: [] }
    const entries = log.unstable()
    const hardState = this.#hardState === this.#savedHardState ? null : this.#hardState
    const identity = identities.takeChanged() ? identities.current : null
    const thenSend = outbox.takePromises()
    if (!hardState && !identity && !this.#checkpoint && entries.length === 0)
      return { task: null, now: thenSend }
    const { checkpoint = null, base = false } = this.#checkpoint ?? {}
    const task = { seq: ++this.#seq, hardState, identity, checkpoint, base, entries, thenSend }
    this.#savedHardState = this.#hardState
    this.#checkpoint = null
    this.#unfinished = { task, promises: thenSend, stableAfter: log.last.index }
    this.#ticks = 0
    return { task, now: [] }
  }

  /** This store has forgotten something: what its unfinished write was to promise, nobody may hear. */
  takeBackPromises(): void {
    this.#unfinished?.promises.splice(0)
  }

  done(seq: number, log: RaftLog): AppendTask {
    const unfinished = this.#unfinished
    invariant(unfinished?.task.seq === seq, 'appends complete one at a time')
    this.#unfinished = null
    this.#durableHardState = unfinished.task.hardState ?? this.#durableHardState
    if (unfinished.stableAfter > log.stable) log.setStable(unfinished.stableAfter)
    return unfinished.task
  }

  /** The log behind `index` was cut off or replaced: an unfinished write makes nothing behind it durable. */
  cutOff(index: Index): void {
    if (this.#unfinished !== null)
      this.#unfinished.stableAfter = Math.min(this.#unfinished.stableAfter, index)
  }
}
