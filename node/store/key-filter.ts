// Which dedup keys the store certainly does not hold, known without asking it: a Bloom filter over all of them.
//
// Most events are new. To be told so by LevelDB costs a search in each memtable and table, more than everything else that
// apply does with an event; here it costs a tenth of that. Only what may be there is then looked up.
//
// Keeps: never answers "not there" for a key that is. So it answers "perhaps" to everything until it has read all keys
// of the store once, and each key is noted before the batch that holds it is written. Keys are never taken out: one that
// was deleted is looked up in vain. Beyond KEY_FILTER_KEYS_MAX it takes no more, and from then on answers "perhaps".
//
// The form is that of Parquet's split-block filter: a block of eight words, one bit in each.

import { CONTENT_RANGES } from './keys.ts'
import type { SortedStore } from './sorted-store.ts'

/** A layer is full at so many keys, and the next one holds four times as many: old bits cannot be spread anew. */
const FIRST_LAYER_KEYS = 4_096
const LAYER_GROWTH = 4
/** About 25 MB of filter. */
export const KEY_FILTER_KEYS_MAX = 22_000_000
/** A key's share of the filter, in bits: of keys that are not there, about one in fifty is looked up in vain. */
const BITS_PER_KEY = 10
const BLOCK_WORDS = 8
/** Keys read at a time while it fills. */
const FILL_KEYS = 1_000

const SALTS = [
  0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
]

interface Layer {
  readonly words: Int32Array
  readonly blocks: number
  readonly keysMax: number
  keys: number
}

export class KeyFilter {
  readonly #layers: Layer[] = []
  #keys = 0
  /** All keys of the store are in it. */
  #complete = false
  #filling = false
  #abandoned = false

  /** False: the store does not hold it. */
  mayHold(key: Uint8Array): boolean {
    if (!this.#complete || this.#keys >= KEY_FILTER_KEYS_MAX) return true
    hashOf(key)
    for (const layer of this.#layers) if (holds(layer)) return true
    return false
  }

  add(key: Uint8Array): void {
    if (this.#keys >= KEY_FILTER_KEYS_MAX) return
    this.#keys += 1
    hashOf(key)
    note(this.#roomyLayer())
  }

  /**
   * Reads all keys that stand in the store now; those that are written meanwhile are add()ed. Once is enough. Never
   * rejects: a filter that could not be filled goes on answering "perhaps".
   */
  async fill(store: SortedStore): Promise<void> {
    if (this.#filling) return
    this.#filling = true
    try {
      const iterator = store.iterator({ ...CONTENT_RANGES.dedup, values: false })
      try {
        for (;;) {
          const pairs = await iterator.nextv(FILL_KEYS)
          if (this.#abandoned) return
          if (pairs.length === 0) break
          for (const [key] of pairs) this.add(key)
        }
        this.#complete = !this.#abandoned
      } finally {
        await iterator.close()
      }
    } catch {
      // The store was closed, or cannot be read: whoever needs a key will meet the reason.
    }
  }

  /** The store is emptied, or closed: what is being read says nothing any more. */
  abandon(): void {
    this.#abandoned = true
    this.#complete = false
  }

  #roomyLayer(): Layer {
    const newest = this.#layers.at(-1)
    if (newest !== undefined && newest.keys < newest.keysMax) return newest
    const keysMax = newest === undefined ? FIRST_LAYER_KEYS : LAYER_GROWTH * newest.keysMax
    const blocks = Math.ceil((keysMax * BITS_PER_KEY) / (32 * BLOCK_WORDS))
    const layer = { words: new Int32Array(blocks * BLOCK_WORDS), blocks, keysMax, keys: 0 }
    this.#layers.push(layer)
    return layer
  }
}

// Two independent hashes of the key at hand, FNV-1a and a multiplicative one: module-wide, so that none is allocated.
let blockHash = 0
let bitsHash = 0

function hashOf(key: Uint8Array): void {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  for (let i = 0; i < key.length; i++) {
    const byte = key[i]!
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul(b + byte, 0x5bd1e995) ^ (b >>> 15)
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b)
  blockHash = (a ^ (a >>> 13)) >>> 0
  bitsHash = b ^ (b >>> 14)
}

function note(layer: Layer): void {
  layer.keys += 1
  const { words, blocks } = layer
  const block = (blockHash % blocks) * BLOCK_WORDS
  for (let i = 0; i < BLOCK_WORDS; i++) {
    const at = block + i
    words[at] = words[at]! | (1 << (Math.imul(bitsHash, SALTS[i]!) >>> 27))
  }
}

function holds({ words, blocks }: Layer): boolean {
  const block = (blockHash % blocks) * BLOCK_WORDS
  for (let i = 0; i < BLOCK_WORDS; i++) {
    if ((words[block + i]! & (1 << (Math.imul(bitsHash, SALTS[i]!) >>> 27))) === 0) return false
  }
  return true
}
