// LevelDB's place in the simulation: a sorted store in memory that loses at a power cut what LevelDB can lose.
//
// Batches are atomic and, until something makes them durable, only as safe as the LevelDB log file they stand in.
// A file that fills up is closed without a sync (faults.md F9), so at a power cut each file loses a suffix of its own: a later
// batch may survive an earlier one. Reading a damaged file may also drop batches in its middle (F3). A mere kill
// loses nothing. makeDurable flushes all of it.
//
// The disk outlives the process; a SimStore is one life's handle on it, and its promises end with that life.

import type {
  KeyRange,
  MakeDurable,
  SortedStore,
  StoreBatch,
  StoreIterator,
} from '../../node/store/sorted-store.ts'
import type { Stream } from './stream.ts'

interface Change {
  readonly key: string
  /** null: deleted. */
  readonly value: Uint8Array | null
}

type Batch = readonly Change[]

export interface StoreFaults {
  /** Batches in a log file before the next one is begun. */
  readonly batchesPerFile: number
  /** How likely the table of a full file is written, and its batches durable, when the next file is full too. */
  readonly flush: number
  /** How likely a power cut also costs a batch in the middle of a file, beside its suffix. */
  readonly middle: number
}

export const STORE_FAULTS: StoreFaults = { batchesPerFile: 8, flush: 0.5, middle: 0.1 }

/** What stays when the process dies. */
export class SimStoreDisk {
  faults: StoreFaults
  readonly #random: Stream
  /** What a power cut cannot take. */
  #durable = new Map<string, Uint8Array>()
  /** LevelDB's log files, each with the batches that only it holds; the last one is being written. */
  #files: Batch[][] = [[]]
  #now = new SortedMap()
  batches = 0
  /** Batches that power cuts took, and those after which an earlier one was missing. */
  lost = 0
  holes = 0

  constructor(random: Stream, faults: StoreFaults = STORE_FAULTS) {
    this.#random = random
    this.faults = faults
  }

  get content(): SortedMap {
    return this.#now
  }

  write(batch: Batch): void {
    if (batch.length === 0) return
    this.batches++
    for (const change of batch) this.#now.change(change)
    let file = this.#files.at(-1)!
    if (file.length >= this.faults.batchesPerFile) {
      file = []
      this.#files.push(file)
      if (this.#files.length > 2 && this.#random.chance(this.faults.flush)) this.#flushOldest()
    }
    file.push(batch)
  }

  makeDurable(): void {
    while (this.#files.length > 1) this.#flushOldest()
    this.#flushOldest()
    this.#files = [[]]
  }

  powerCut(): void {
    let missing = false
    for (const file of this.#files) {
      const kept = this.#random.between(0, file.length)
      const middle =
        kept > 1 && this.#random.chance(this.faults.middle) ? this.#random.below(kept) : -1
      for (const [i, batch] of file.entries()) {
        if (i >= kept || i === middle) {
          this.lost++
          missing = true
          continue
        }
        if (missing) this.holes++
        this.#settle(batch)
      }
    }
    // Opening the store writes what it read into a table (F7).
    this.#files = [[]]
    this.#now = new SortedMap(this.#durable)
  }

  wipe(): void {
    this.#durable = new Map()
    this.#files = [[]]
    this.#now = new SortedMap()
  }

  /** A copy of all that is durable, as a backup of the stopped node would hold it. */
  copy(): ReadonlyMap<string, Uint8Array> {
    return new Map(this.#now.entries())
  }

  restore(copy: ReadonlyMap<string, Uint8Array>): void {
    this.#durable = new Map(copy)
    this.#files = [[]]
    this.#now = new SortedMap(this.#durable)
  }

  #flushOldest(): void {
    for (const batch of this.#files.shift()!) this.#settle(batch)
  }

  #settle(batch: Batch): void {
    for (const { key, value } of batch)
      if (value === null) this.#durable.delete(key)
      else this.#durable.set(key, value)
  }
}

/** Runs work of the disk: at once or later, and never once its life is over. */
export type Carry = <T>(work: () => T) => Promise<T>

export class SimStore implements SortedStore {
  readonly #disk: SimStoreDisk
  readonly #carry: Carry

  constructor(disk: SimStoreDisk, carry: Carry) {
    this.#disk = disk
    this.#carry = carry
  }

  getMany(keys: Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#carry(() => keys.map((key) => this.#disk.content.get(textOf(key))))
  }

  batch(): StoreBatch {
    const changes: Change[] = []
    return {
      put: (key, value) => changes.push({ key: textOf(key), value }),
      del: (key) => changes.push({ key: textOf(key), value: null }),
      write: () => this.#carry(() => this.#disk.write(changes)),
    }
  }

  /** Sees the store as it was when it was made. */
  iterator(range: KeyRange): StoreIterator {
    const { content } = this.#disk
    const keys = content.range(range)
    const pairs = keys.map((key): [Uint8Array, Uint8Array] => [bytesOf(key), content.get(key)!])
    let at = 0
    return {
      next: () => this.#carry(() => pairs[at++]),
      nextv: (size) =>
        this.#carry(() => {
          at += size
          return pairs.slice(at - size, at)
        }),
      close: async () => {},
    }
  }

  /** In steps, as LevelDB does it: a crash between them leaves a part. */
  async clear(range: KeyRange): Promise<void> {
    const keys = this.#disk.content.range(range)
    for (let at = 0; at < keys.length; at += 64)
      await this.#carry(() =>
        this.#disk.write(keys.slice(at, at + 64).map((key) => ({ key, value: null }))),
      )
  }

  async close(): Promise<void> {}

  readonly makeDurable: MakeDurable = (key, value) =>
    this.#carry(() => {
      this.#disk.write([{ key: textOf(key), value }])
      this.#disk.makeDurable()
    })
}

/** Keys byte for byte as strings, in order. */
class SortedMap {
  readonly #values: Map<string, Uint8Array>
  readonly #keys: string[]

  constructor(values: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#values = new Map(values)
    this.#keys = [...values.keys()].sort(byCode)
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key)
  }

  entries(): Iterable<[string, Uint8Array]> {
    return this.#values.entries()
  }

  change({ key, value }: Change): void {
    const known = this.#values.has(key)
    if (value === null) {
      if (!known) return
      this.#values.delete(key)
      this.#keys.splice(this.#firstAtOrAbove(key), 1)
      return
    }
    this.#values.set(key, value)
    if (known) return
    if (this.#keys.length === 0 || this.#keys.at(-1)! < key) this.#keys.push(key)
    else this.#keys.splice(this.#firstAtOrAbove(key), 0, key)
  }

  range({ gte, lte, reverse = false, limit = -1 }: KeyRange): string[] {
    let from = gte === undefined ? 0 : this.#firstAtOrAbove(textOf(gte))
    let to = lte === undefined ? this.#keys.length : this.#firstAtOrAbove(`${textOf(lte)}\0`)
    if (limit >= 0 && reverse) from = Math.max(from, to - limit)
    if (limit >= 0 && !reverse) to = Math.min(to, from + limit)
    const keys = this.#keys.slice(from, Math.max(from, to))
    return reverse ? keys.reverse() : keys
  }

  #firstAtOrAbove(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** One character a byte: such strings sort as the bytes do. */
function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

function bytesOf(key: string): Uint8Array {
  return Buffer.from(key, 'latin1')
}
