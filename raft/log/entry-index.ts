// Where the log's entries stand on disk, in little memory: for each unbroken run of them in one segment, an offset every
// 64 KiB (five million entries of 300 bytes cost about 25,000 pairs of numbers).
//
// Keeps: runs follow each other by index without hole or overlap, so what was cancelled cannot be found. A
// run ends where something was cancelled, so that a walk along it meets its entries one after the other and no others.

import type { EntryId, Index } from '../core/types.ts'

/** Consecutive entries in one segment; between them stand only records of other types. */
export interface Run {
  readonly segment: number
  readonly first: Index
  /** Moves back when entries are cancelled, below `first` when all are. */
  last: Index
  /** Nothing may be added behind `last` any more: cancelled records stand there. */
  broken: boolean
  readonly anchorIndexes: Index[]
  readonly anchorOffsets: number[]
}

/** At most so much must be walked through before the entry looked for. */
export const ANCHOR_BYTES = 64 * 1024

export class EntryIndex {
  /** Before the first entry held. */
  base: EntryId
  /** The last entry, or the base where there is none. */
  last: EntryId
  /** Where each term begins. */
  readonly terms: EntryId[] = []
  readonly #runs: Run[] = []

  constructor(base: EntryId) {
    this.base = base
    this.last = base
  }

  /**
   * Cancels all from its index on, then adds it. At or below the base it is only passed by: the segments before were
   * deleted, this one still begins with what once overrode their end. What is owed is written behind it.
   */
  add({ index, term }: EntryId, segment: number, offset: number): void {
    if (index > this.last.index + 1) {
      throw new Error(`entry ${index} does not follow ${this.last.index}`)
    }
    if (index <= this.last.index) this.#cancelFrom(index)
    this.last = { index, term }
    if (index <= this.base.index) {
      if (index === this.base.index) this.base = this.last
      return
    }
    const run = this.#runs.at(-1)
    if (run && run.segment === segment && !run.broken) {
      if (offset - run.anchorOffsets.at(-1)! >= ANCHOR_BYTES) {
        run.anchorIndexes.push(index)
        run.anchorOffsets.push(offset)
      }
      run.last = index
    } else {
      this.#runs.push({
        segment,
        first: index,
        last: index,
        broken: false,
        anchorIndexes: [index],
        anchorOffsets: [offset],
      })
    }
    if (this.terms.at(-1)?.term !== term) this.terms.push({ index, term })
  }

  /** The run that holds an entry, and an offset in it from which the entry is soon met. */
  locate(index: Index): { readonly run: Run; readonly offset: number } | null {
    const run = this.#runs[lastAtMost(this.#runs, index, (run) => run.first)]
    if (!run || index > run.last) return null
    const anchor = lastAtMost(run.anchorIndexes, index, (first) => first)
    return { run, offset: run.anchorOffsets[anchor]! }
  }

  /** Entries up to `index`, which is held, are held no more. */
  dropThrough(index: Index): void {
    if (index <= this.base.index) return
    const term = lastAtMost(this.terms, index, (begin) => begin.index)
    this.base = { index, term: this.terms[term]!.term }
    const ends = this.terms[term + 1]?.index === index + 1 || this.last.index === index
    this.terms.splice(0, term + 1)
    if (!ends) this.terms.unshift({ index: index + 1, term: this.base.term })
    const kept = this.#runs.findIndex((run) => run.last > index)
    this.#runs.splice(0, kept < 0 ? this.#runs.length : kept)
  }

  #cancelFrom(index: Index): void {
    while (this.#runs.length > 0) {
      const run = this.#runs.at(-1)!
      if (run.last < index) break
      run.last = index - 1
      run.broken = true
      if (run.first < index) break
      this.#runs.pop()
    }
    while (this.terms.length > 0 && this.terms.at(-1)!.index >= index) this.terms.pop()
  }
}

/** The place of the last item whose key is at most `key`, in ascending items; -1 if there is none. */
function lastAtMost<Item>(
  items: readonly Item[],
  key: number,
  keyOf: (item: Item) => number,
): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keyOf(items[middle]!) <= key) low = middle + 1
    else high = middle
  }
  return low - 1
}
