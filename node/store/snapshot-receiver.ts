// A snapshot on its way in: values are stored above what is in force, and nobody reads them yet.
//
// Each value goes the way of a log entry, so that keys, counts and digest are this node's own work. What cannot be
// right (cut, empty, an event that stands elsewhere) makes the transfer `broken`: it then claims to be complete, and
// verification fails.

import type { Checkpoint } from '../../raft/core/types.ts'
import { type EventWalk, MalformedCommandError } from '../command/format.ts'
import type { Decision } from './decide.ts'
import { Frontier } from './frontier.ts'
import type { KeyFilter } from './key-filter.ts'
import { INSTALL_MARK } from './keys.ts'
import { encodeInstallMark } from './marks.ts'
import { chunkAfter, chunkValues } from './snapshot-chunk.ts'
import type { SortedStore } from './sorted-store.ts'
import { ForeignStoreError } from './store-errors.ts'
import { decodeTotals, sameDigest, type Totals } from './totals.ts'

export class SnapshotReceiver {
  readonly #frontier: Frontier
  #offer: Checkpoint
  #target: Totals
  #broken = false

  /** From what is in force towards the offer. */
  constructor(store: SortedStore, filter: KeyFilter, from: Totals, offer: Checkpoint) {
    this.#frontier = new Frontier(store, filter, from)
    this.#offer = offer
    this.#target = decodeTotals(offer.state)
  }

  get offer(): Checkpoint {
    return this.#offer
  }

  /** Behind which to go on; the offer's own when nothing more is needed. */
  get position(): number {
    return this.#broken ? this.#target.position : this.#frontier.totals.position
  }

  get complete(): boolean {
    return this.position === this.#target.position
  }

  /** Takes over another offer, if what has come so far is a beginning of it too. */
  retarget(offer: Checkpoint): boolean {
    const target = decodeTotals(offer.state)
    if (this.#broken || target.position < this.position) return false
    this.#offer = offer
    this.#target = target
    return true
  }

  async add(chunk: Uint8Array): Promise<void> {
    if (this.complete || chunkAfter(chunk) !== this.position) return // late or repeated
    const decision = await this.#decide(chunk)
    if (decision === null) {
      this.#broken = true
      return
    }
    const mark = encodeInstallMark({ phase: 'receiving', offer: this.#offer })
    await this.#frontier.advance(decision, INSTALL_MARK, mark)
  }

  agrees(): boolean {
    const { position, digest } = this.#frontier.totals
    const { position: due, digest: promised } = this.#target
    return !this.#broken && position === due && sameDigest(digest, promised)
  }

  /** null: the chunk cannot be right. */
  async #decide(chunk: Uint8Array): Promise<Decision | null> {
    try {
      const values = this.#upToTarget(chunkValues(chunk))
      if (values.length === 0) return null // the sender has nothing that begins here
      const decision = await this.#frontier.decide(values)
      // All that is stored was accepted: what is a duplicate here, or came damaged as another event before, is no progress.
      return decision.outcomes.every(({ accepted, count }) => accepted === count) ? decision : null
    } catch (error) {
      if (error instanceof MalformedCommandError || error instanceof ForeignStoreError) return null
      throw error
    }
  }

  /** The sender may have gone on meanwhile, and answer from a newer offer than the one that is followed here. */
  #upToTarget(values: readonly EventWalk[]): readonly EventWalk[] {
    let position = this.position
    const beyond = values.findIndex(({ count }) => {
      if (position >= this.#target.position) return true
      position += count
      return false
    })
    return beyond === -1 ? values : values.slice(0, beyond)
  }
}
