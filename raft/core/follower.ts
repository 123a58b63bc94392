// What a node does with what its leader sends: take entries in, move commit, take a snapshot over.
//
// raft.ts has checked term and sender; this file never sends more than an answer. Keeps: log matching (§5.3);
// commit moves only as far as this term's leader is known to agree with the own log, whatever commit index it
// sends (raft.md 4.3-b); an acknowledgement names prev + n, never the own last index (4.4-c).

import type { RaftConfig } from './config.ts'
import type { RaftLog } from './log.ts'
import type { Outbox } from './outbox.ts'
import type { Persistence } from './persistence.ts'
import type {
  Checkpoint,
  EntryId,
  Index,
  NodeId,
  PeerMessage,
  Pin,
  Ready,
  Session,
} from './types.ts'

interface Offer {
  readonly from: NodeId
  readonly session: Session
  readonly checkpoint: Checkpoint
  readonly pins: readonly Pin[]
  readonly configIndex: Index
}

export class Follower {
  readonly #log: RaftLog
  readonly #outbox: Outbox
  readonly #persistence: Persistence
  /** The highest index known to match this term's leader. */
  #verified: Index
  #offer: Offer | null = null
  /** The leadership that made it is over; the next one may not know that a snapshot is wanted. */
  #offerIsOld = false
  #install: Ready['install'] = null
  /** The state machine's store is lost: any snapshot that goes on is of use, and nothing is applied before. */
  #rebuilding: boolean
  /** A verified snapshot waits for its record to be durable. */
  #restoring = false

  readonly #limits: Pick<RaftConfig, 'uncommittedBytesMax'>

  constructor(
    log: RaftLog,
    outbox: Outbox,
    persistence: Persistence,
    limits: Pick<RaftConfig, 'uncommittedBytesMax'>,
    rebuilding: boolean,
  ) {
    this.#limits = limits
    this.#log = log
    this.#outbox = outbox
    this.#persistence = persistence
    this.#verified = log.commit
    this.#rebuilding = rebuilding
  }

  get rebuilding(): boolean {
    return this.#rebuilding
  }

  /** A lost store does not show in the log, so the leader must be asked for a snapshot. */
  get wantsOffer(): boolean {
    return this.#rebuilding && (this.#offer === null || this.#offerIsOld)
  }

  /** Nothing is known yet of how far a new leader agrees; what is committed, it holds (leader completeness). */
  newTerm(): void {
    this.#verified = this.#log.commit
    this.#offerIsOld = true
  }

  append(message: PeerMessage & { type: 'Append' }): void {
    const { from, session, prev, entries } = message
    // While the state machine is behind, more would only fill the memory. No answer: the leader asks again in time.
    const full = this.#log.waitingBytes > this.#limits.uncommittedBytesMax
    if (full && entries.length > 0) return
    if (prev.index < this.#log.commit) return this.#acknowledge(from, session, this.#log.commit)
    if (!this.#log.matches(prev)) {
      const hint = this.#conflictHint(prev)
      this.#outbox.note('append refused', { prev: prev.index, hint: hint.index })
      return this.#outbox.promise(from, { type: 'AppendConflict', session, prev, hint })
    }
    const cutBehind = this.#log.merge(entries)
    if (cutBehind !== null) {
      this.#outbox.note('suffix overwritten', { behind: cutBehind })
      this.#persistence.cutOff(cutBehind)
    }
    const match = prev.index + entries.length
    this.#verified = Math.max(this.#verified, match)
    this.commitUpTo(message.commit)
    this.#acknowledge(from, session, match)
  }

  commitUpTo(commit: Index): void {
    if (this.#log.commitTo(Math.min(commit, this.#verified)))
      this.#outbox.note('commit', { index: this.#log.commit })
  }

  #acknowledge(to: NodeId, session: Session, match: Index): void {
    this.#outbox.promise(to, { type: 'AppendOk', session, match })
  }

  /** The last place where our log can still agree with one that has prev.term at prev.index. */
  #conflictHint(prev: EntryId): EntryId {
    let index = Math.min(prev.index, this.#log.last.index)
    while (index > this.#log.commit && (this.#log.term(index) ?? 0) > prev.term) index--
    return { index, term: this.#log.term(index) ?? 0 }
  }

  // ---- Snapshots ----

  offered(message: PeerMessage & { type: 'SnapshotOffer' }): void {
    // Until a verified snapshot is in force, the state machine can begin no other. The leader repeats its offer.
    if (this.#restoring) return
    const { from, session, checkpoint } = message
    if (!this.#isOfUse(checkpoint)) return this.#acknowledge(from, session, this.#log.commit)
    const known = this.#offerIsOld ? null : this.#offer
    this.#offer = message
    this.#offerIsOld = false
    const same = known?.from === from && known.session === session
    if (same && known.checkpoint.index === checkpoint.index) return
    this.#outbox.note('snapshot offered', { from, index: checkpoint.index })
    this.#install = { from, session, checkpoint }
  }

  takeInstall(): Ready['install'] {
    const install = this.#install
    this.#install = null
    return install
  }

  /** An offer not above the own commit is old; but a lost store is refilled from any that leads to the own log. */
  #isOfUse({ index }: Checkpoint): boolean {
    return this.#rebuilding ? index >= this.#log.applied : index > this.#log.commit
  }

  /**
   * The state machine holds it and has verified it. Answers what comes into force, or null if the log has overtaken
   * it. The log starts anew behind it, in one record that is checkpoint and base; only a rebuilt store may lie
   * within the log, and then nothing of the log is given up.
   */
  verified(checkpoint: Checkpoint): { offer: Offer; within: boolean } | null {
    const offer = this.#offer
    // Another has been offered meanwhile: the pins beside it are not those of this one.
    if (offer?.checkpoint.index !== checkpoint.index) return null
    this.#offer = null
    if (!this.#isOfUse(checkpoint)) return null
    const inLog = checkpoint.index <= this.#log.stable && this.#log.matches(checkpoint)
    const within = this.#rebuilding && inLog
    // Committed, but still on its way to the own disk: a store must not be ahead of its log. It will be offered again.
    if (!within && checkpoint.index <= this.#log.commit) return null
    this.#outbox.note('snapshot in force', { index: checkpoint.index })
    this.#rebuilding = false
    this.#restoring = true
    if (within) this.#log.skipTo(checkpoint.index)
    else {
      this.#log.restore(checkpoint)
      this.#persistence.cutOff(0)
    }
    this.#persistence.save(checkpoint, !within)
    this.#verified = Math.max(this.#verified, checkpoint.index)
    return { offer, within }
  }

  /** Tells the sender, when the record is durable. */
  inForce(offer: Offer, checkpoint: Checkpoint): void {
    this.#acknowledge(offer.from, offer.session, checkpoint.index)
  }

  /** The state machine has been told to take it over. */
  restored(): void {
    this.#restoring = false
  }

  gaveUp(): void {
    this.#offer = null
  }
}
