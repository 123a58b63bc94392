// What one node has durable, and nothing else: an AppendTask counts from the moment it is finished, so a restart
// finds exactly what was promised on. Beside it, how far the state machine shows to have applied.
//
// It keeps the rules of raft/ports.ts in the smallest form; segments, checksums and torn writes are not its business.

import type { RaftStart } from '../../../raft/core/config.ts'
import type {
  AppendTask,
  Checkpoint,
  Entry,
  EntryId,
  HardState,
  Identity,
  Index,
} from '../../../raft/core/types.ts'

export class Disk {
  identity: Identity
  hardState: HardState
  checkpoint: Checkpoint | null
  base: EntryId
  /** All entries behind base. */
  entries: Entry[]
  /** The applied index that the store of the state machine shows. */
  shown: Index
  /** The state machine's store is gone; only a snapshot brings it back. */
  storeLost: boolean

  constructor(start: RaftStart) {
    this.identity = start.identity
    this.hardState = start.hardState
    this.checkpoint = start.checkpoint
    this.base = start.base
    this.entries = [...start.entries]
    this.shown = start.commit
    this.storeLost = start.rebuilding
  }

  get last(): EntryId {
    return this.entries.at(-1) ?? this.base
  }

  get firstIndex(): Index {
    return this.base.index + 1
  }

  write(task: AppendTask): void {
    if (task.hardState !== null) this.hardState = task.hardState
    if (task.identity !== null) this.identity = task.identity
    if (task.checkpoint !== null) {
      this.checkpoint = task.checkpoint
      if (task.base) {
        const { index, term } = task.checkpoint
        this.base = { index, term }
        this.entries = []
      }
    }
    const first = task.entries[0]
    if (first === undefined) return
    this.entries.length = Math.min(this.entries.length, first.index - this.firstIndex)
    if (this.last.index + 1 !== first.index) throw new Error('the log on disk has a hole')
    this.entries.push(...task.entries)
  }

  holds({ index, term }: EntryId): boolean {
    return this.at(index)?.term === term
  }

  at(index: Index): EntryId | undefined {
    return index === this.base.index ? this.base : this.entries[index - this.firstIndex]
  }

  read(from: Index, to: Index, countMax = 4): readonly Entry[] | 'compacted' {
    if (from < this.firstIndex) return 'compacted'
    const start = from - this.firstIndex
    return this.entries.slice(start, Math.min(start + countMax, to - this.firstIndex + 1))
  }

  /** Like a log that deletes everything it may; answers the first index still held. */
  removeBefore(index: Index): Index {
    const upTo = Math.min(index - 1, this.checkpoint?.index ?? 0)
    const base = this.at(upTo)
    if (upTo > this.base.index && base !== undefined) {
      this.entries.splice(0, upTo - this.base.index)
      this.base = { index: base.index, term: base.term }
    }
    return this.firstIndex
  }

  /** What a start finds. */
  load(): RaftStart {
    const applied = this.checkpoint?.index ?? this.base.index
    const previous = (i: number) => (i === 0 ? null : this.entries[i - 1]!.term)
    const runs = this.entries.filter((entry, i) => entry.term !== previous(i))
    const lostEnd = this.shown > this.last.index
    return {
      identity: this.identity,
      hardState: this.hardState,
      checkpoint: this.checkpoint,
      base: this.base,
      terms: runs.map(({ index, term }) => ({ index, term })),
      entries: this.entries.filter((entry) => entry.index > applied),
      commit: this.storeLost || lostEnd ? applied : Math.max(applied, this.shown),
      lostEnd,
      rebuilding: this.storeLost && this.base.index > 0,
    }
  }
}
