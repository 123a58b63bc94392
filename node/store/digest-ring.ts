// The digests of the most recent applied indexes, so that two nodes find an index they can compare.

import type { Index } from '../../raft/core/types.ts'
import type { DigestSum } from './totals.ts'

/** Entries looked back; at 24 bytes each, 1.5 MiB. */
export const DIGEST_RING_ENTRIES = 65_536

export class DigestRing {
  readonly #indexes: Float64Array
  readonly #limbs: Uint32Array

  constructor(size = DIGEST_RING_ENTRIES) {
    this.#indexes = new Float64Array(size).fill(-1)
    this.#limbs = new Uint32Array(4 * size)
  }

  note(index: Index, digest: DigestSum): void {
    const slot = index % this.#indexes.length
    this.#indexes[slot] = index
    this.#limbs.set(digest, 4 * slot)
  }

  /** null: not noted, or overwritten since. */
  at(index: Index): DigestSum | null {
    const slot = index % this.#indexes.length
    if (this.#indexes[slot] !== index) return null
    const [a, b, c, d] = this.#limbs.subarray(4 * slot, 4 * slot + 4)
    return [a!, b!, c!, d!]
  }

  forget(): void {
    this.#indexes.fill(-1)
  }
}
