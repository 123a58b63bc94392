// The log as the core sees it: which entries exist, how far they are durable, committed and applied.
//
//        base            applied       commit      stable                last
//   ──────┤───────────────┤─────────────┤───────────┤─────────────────────┤
//   gone  │ on disk only  ·  in memory (from #memoryFirst on)             │
//
// Terms of all entries behind `base` are known without their bytes, as runs: a term starts at an index and holds
// until the next. Bytes are kept in memory for entries that are not yet applied or not yet durable, and for as
// many recent ones as the limit allows; older ones are read from disk by a ReadTask.
//
// It never touches a disk. Keeps: base ≤ applied ≤ commit ≤ last; nothing at or below commit is ever overwritten.

import { invariant } from './invariant.ts'
import type { Entry, EntryId, Index, Term } from './types.ts'

/** What an entry costs in windows and limits beside its data. */
const ENTRY_OVERHEAD_BYTES = 64

export function entryBytes(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES
}

/** §5.4.1: the log with the later last term is more up to date; in the same term, the longer one. */
export function compareLogs(a: EntryId, b: EntryId): number {
  return a.term - b.term || a.index - b.index
}

export class RaftLog {
  #base: EntryId
  /** First index of each term behind base, ascending in both. */
  #runs: EntryId[]
  #entries: Entry[]
  #memoryFirst: Index
  #memoryBytes = 0
  #last: EntryId
  #stable: Index
  #commit: Index
  #applied: Index
  #done: Index
  #waitingBytes = 0

  constructor(loaded: {
    base: EntryId
    terms: readonly EntryId[]
    entries: readonly Entry[]
    /** Where apply goes on: the index of the checkpoint, or of base. */
    applied: Index
  }) {
    this.#base = loaded.base
    this.#runs = [...loaded.terms]
    this.#entries = [...loaded.entries]
    this.#memoryFirst = loaded.applied + 1
    invariant(
      this.#entries.length === 0 || this.#entries[0]!.index === this.#memoryFirst,
      'the entries to apply again are in memory',
    )
    for (const entry of this.#entries) this.#memoryBytes += entryBytes(entry)
    const index = this.#entries.at(-1)?.index ?? loaded.applied
    const term = termInRuns(this.#runs, index) ?? this.#base.term
    this.#last = { index, term }
    this.#stable = index
    this.#commit = loaded.applied
    this.#applied = loaded.applied
    this.#done = loaded.applied
  }

  get base(): EntryId {
    return this.#base
  }
  get last(): EntryId {
    return this.#last
  }
  get firstIndex(): Index {
    return this.#base.index + 1
  }
  /** Everything up to here is durable in the own log. */
  get stable(): Index {
    return this.#stable
  }
  get commit(): Index {
    return this.#commit
  }
  /** The state machine is done with everything up to here. */
  get done(): Index {
    return this.#done
  }
  /** What is committed, and not yet done. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }
  /** Everything up to here was handed to the state machine. */
  get applied(): Index {
    return this.#applied
  }

  /** The term of the entry at `index`; null outside base…last. */
  term(index: Index): Term | null {
    if (index === this.#base.index) return this.#base.term
    if (index < this.#base.index || index > this.#last.index) return null
    return termInRuns(this.#runs, index)
  }

  matches(id: EntryId): boolean {
    return this.term(id.index) === id.term
  }

  /** Of what may still be committed, how many bytes: the leader's uncommitted part is bounded by it. */
  bytesAbove(index: Index): number {
    return this.#bytesBetween(index, this.#last.index)
  }

  /** Behind `after`, up to `to`, as far as it is in memory. */
  #bytesBetween(after: Index, to: Index): number {
    let bytes = 0
    for (let i = Math.max(after + 1, this.#memoryFirst); i <= to; i++)
      bytes += entryBytes(this.#at(i))
    return bytes
  }

  /** The state machine has reported to be done with everything up to `index`. */
  markDone(index: Index): void {
    if (index <= this.#done) return
    this.#waitingBytes -= this.#bytesBetween(this.#done, index)
    this.#done = index
  }

  /** The leader's own append (leader append-only: never below last). */
  append(entry: Entry): void {
    invariant(entry.index === this.#last.index + 1, 'the log has no holes')
    invariant(entry.term >= this.#last.term, 'terms in the log never fall')
    if (entry.term !== this.#last.term || this.#last.index === this.#base.index)
      this.#runs.push({ index: entry.index, term: entry.term })
    this.#entries.push(entry)
    this.#memoryBytes += entryBytes(entry)
    this.#last = { index: entry.index, term: entry.term }
  }

  /**
   * A follower's append behind a matching prev (§5.3): keeps what agrees, and only where terms conflict cuts the
   * old suffix off. A late, shorter message therefore removes nothing. Answers the index behind which it cut,
   * or null.
   */
  merge(entries: readonly Entry[]): Index | null {
    let cutBehind: Index | null = null
    for (const entry of entries) {
      if (entry.index <= this.#base.index) continue
      const own = this.term(entry.index)
      if (own === entry.term) continue
      if (own !== null) {
        this.#cutFrom(entry.index)
        cutBehind = entry.index - 1
      }
      this.append(entry)
    }
    return cutBehind
  }

  #cutFrom(index: Index): void {
    invariant(index > this.#commit, 'nothing committed is overwritten')
    for (let i = Math.max(index, this.#memoryFirst); i <= this.#last.index; i++)
      this.#memoryBytes -= entryBytes(this.#at(i))
    this.#entries.length = Math.max(0, index - this.#memoryFirst)
    this.#memoryFirst = Math.min(this.#memoryFirst, index)
    while (this.#runs.length > 0 && this.#runs.at(-1)!.index >= index) this.#runs.pop()
    const term = this.term(index - 1)
    invariant(term !== null, 'the entry before a cut is known')
    this.#last = { index: index - 1, term }
    this.#stable = Math.min(this.#stable, index - 1)
  }

  /** Entries from `from` on, at least one, about bytesMax in all; null if they are no longer in memory. */
  slice(from: Index, to: Index, bytesMax: number): readonly Entry[] | null {
    if (from < this.#memoryFirst) return null
    const start = from - this.#memoryFirst
    let end = start
    let bytes = 0
    while (end < this.#entries.length && this.#memoryFirst + end <= to) {
      bytes += entryBytes(this.#entries[end]!)
      if (bytes > bytesMax && end > start) break
      end++
    }
    return this.#entries.slice(start, end)
  }

  /** What the disk does not hold yet. */
  unstable(): readonly Entry[] {
    return this.#entries.slice(this.#stable + 1 - this.#memoryFirst)
  }

  setStable(index: Index): void {
    invariant(index <= this.#last.index, 'stable ≤ last')
    this.#stable = Math.max(this.#stable, index)
  }

  /** Commit never moves back; answers whether it moved. */
  commitTo(index: Index): boolean {
    invariant(index <= this.#last.index, 'commit ≤ last')
    if (index <= this.#commit) return false
    this.#waitingBytes += this.#bytesBetween(this.#commit, index)
    this.#commit = index
    return true
  }

  /** The next entries for the state machine: committed, and durable in the own log (DESIGN.md, "redo"). */
  takeApplicable(bytesMax: number): readonly Entry[] {
    const to = Math.min(this.#commit, this.#stable)
    if (to <= this.#applied) return []
    const entries = this.slice(this.#applied + 1, to, bytesMax)
    invariant(entries !== null && entries.length > 0, 'entries to apply are in memory')
    this.#applied = entries.at(-1)!.index
    return entries
  }

  /**
   * Lets go of the oldest applied, durable entries once they pass bytesMax; a quarter at a time, since the
   * front of an array is dear to move.
   */
  release(bytesMax: number): void {
    if (this.#memoryBytes <= bytesMax) return
    const upTo = Math.min(this.#done, this.#stable)
    let count = 0
    while (this.#memoryBytes > bytesMax * 0.75 && this.#memoryFirst + count <= upTo)
      this.#memoryBytes -= entryBytes(this.#entries[count++]!)
    if (count === 0) return
    this.#entries.splice(0, count)
    this.#memoryFirst += count
  }

  /** The disk no longer holds what is below `first`. */
  trimmedTo(first: Index): void {
    const index = first - 1
    if (index <= this.#base.index) return
    const term = this.term(index)
    invariant(term !== null && index <= this.#applied, 'only applied entries are removed')
    while (this.#runs.length > 1 && this.#runs[1]!.index <= index + 1) this.#runs.shift()
    if (this.#runs.length > 0 && this.#runs[0]!.index <= index)
      this.#runs[0] = { index: first, term: this.#runs[0]!.term }
    this.#base = { index, term }
    if (index >= this.#last.index) this.#runs = []
    const count = Math.min(Math.max(0, first - this.#memoryFirst), this.#entries.length)
    for (let i = 0; i < count; i++) this.#memoryBytes -= entryBytes(this.#entries[i]!)
    this.#entries.splice(0, count)
    this.#memoryFirst = Math.max(this.#memoryFirst, first)
  }

  /**
   * A verified snapshot takes the place of everything up to it. Entries behind it stay only if the log connects
   * (same term at its index); otherwise they are of another history.
   */
  restore(snapshot: EntryId): readonly Entry[] {
    invariant(snapshot.index > this.#commit, 'a snapshot moves commit forward')
    const connects = this.matches(snapshot) && snapshot.index >= this.#memoryFirst - 1
    const kept = connects ? this.#entries.slice(snapshot.index + 1 - this.#memoryFirst) : []
    this.#base = { index: snapshot.index, term: snapshot.term }
    this.#runs = []
    this.#entries = []
    this.#memoryBytes = 0
    this.#memoryFirst = snapshot.index + 1
    this.#last = this.#base
    this.#commit = snapshot.index
    this.#applied = snapshot.index
    this.#done = snapshot.index
    this.#waitingBytes = 0
    for (const entry of kept) this.append(entry)
    // All of it is written again behind the base record, in the same write.
    this.#stable = snapshot.index
    return kept
  }

  /** The state machine took over a snapshot that lies within this log. */
  skipTo(index: Index): void {
    invariant(index <= this.#last.index && index >= this.#applied, 'a snapshot within the log')
    this.#commit = Math.max(this.#commit, index)
    this.#applied = index
    this.#done = index
    this.#waitingBytes = this.#bytesBetween(index, this.#commit)
  }

  #at(index: Index): Entry {
    return this.#entries[index - this.#memoryFirst]!
  }
}

/** The term at `index`, from runs that cover it. */
export function termInRuns(runs: readonly EntryId[], index: Index): Term | null {
  let low = 0
  let high = runs.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    if (runs[middle]!.index <= index) low = middle + 1
    else high = middle - 1
  }
  return runs[high]?.term ?? null
}
