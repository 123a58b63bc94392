// The Raft log as the simulator has it: LogStorage over a disk that outlives the process and can be made to fail.
//
// A SimLog is one process's view of a SimLogDisk. When a call ends is up to the injected schedule; what a crash leaves,
// to the injected random. It passes the contract suite of the real log (tests/raft/log-contract.ts) and is never kinder:
// a write in flight at a crash is there wholly or not at all, and one that a restart finds may still vanish in a power
// cut before that restart's load() has settled.

import type { Entry, EntryId, Index, NodeId, StoreId } from '../../raft/core/types.ts'
import { ORIGIN } from '../../raft/core/types.ts'
import { checkWrite } from '../../raft/log/check-write.ts'
import { ForeignDirectoryError, MembersChangedError } from '../../raft/log/errors.ts'
import { type LoadedLog, LogDamageError, type LogStorage, type LogWrite } from '../../raft/ports.ts'
import {
  entriesOf,
  type Image,
  lastIndex,
  loadedFrom,
  newImage,
  trimmed,
  written,
} from './sim-image.ts'

export type SimLogCall = 'load' | 'append' | 'read' | 'remove'

export interface SimLogDiskOptions {
  /** In [0, 1). */
  readonly random: () => number
  readonly drawStoreId: () => StoreId
  /** Calls `done` when the disk shall have finished; never calling it is a disk that hangs. Default: at once. */
  readonly schedule?: (call: SimLogCall, done: () => void) => void
  /** Entries kept below the checkpoint, for followers that lag. Default: none. */
  readonly keepEntries?: number
}

export interface AppendFailure {
  readonly code: 'EIO' | 'ENOSPC'
  /** A restart finds the write, although the process was told that it failed. */
  readonly written: boolean
}

/** A directory as it was at some time. */
export interface SimLogCopy {
  readonly images: readonly Image[]
  readonly gone: EntryId
}

/** So many last writes can be lost by loseWrites(). */
const HISTORY_WRITES = 64

export class SimLogDisk {
  readonly options: Required<SimLogDiskOptions>
  /** After each of the last durable writes, oldest first; none: an empty directory. */
  #images: Image[] = []
  /** Written but not synced. */
  #unsynced: Image | null = null
  /** The live process is writing it at this moment. */
  #inFlight = false
  /** The last entry that was removed for good. */
  #gone: EntryId = ORIGIN
  #torn = false
  #failure: AppendFailure | null = null
  #rotten: Entry | null = null
  /** Counts writes that became durable. */
  durableWrites = 0
  /** Counts processes: of those before the last nothing is heard any more. */
  #life = 0

  constructor(options: SimLogDiskOptions) {
    this.options = { schedule: (_, done) => done(), keepEntries: 0, ...options }
  }

  /** A new process: what an earlier one began never ends. */
  open(nodeId: NodeId, members: readonly NodeId[]): SimLog {
    return new SimLog(this, nodeId, members)
  }

  // ---- faults

  /** The process has died; with `power`, what was not synced may be gone too. */
  crash(power: boolean): void {
    this.#life += 1
    if (this.#inFlight) {
      const fate = this.options.random()
      this.#torn = fate < 1 / 3
      if (fate < 2 / 3) this.#unsynced = null
    } else if (power && this.options.random() < 0.5) {
      this.#unsynced = null
    }
    this.#inFlight = false
    if (power) this.settle()
  }

  /** The next append rejects. */
  failNextAppend(failure: AppendFailure): void {
    this.#failure = failure
  }

  /**
   * The record of an entry no longer has the right checksum: read() and the next load() reject, as long as this very record
   * is part of the log. For a disk without a process.
   */
  rot(index: Index): void {
    const image = this.durable
    const [entry] = image === null ? [] : entriesOf(image, index, index)
    if (image === null || entry === undefined) throw new RangeError(`no entry ${index} to damage`)
    this.#rotten = { ...entry }
    image.shared[image.shared.indexOf(entry)] = this.#rotten
  }

  /** The log loses its last writes, at a write's border: no start can see it. For a disk without a process. */
  loseWrites(count: number): void {
    this.#unsynced = null
    this.#images = this.#imagesWithout(count)
  }

  #imagesWithout(count: number): Image[] {
    const left = this.#images.slice(0, Math.max(1, this.#images.length - count))
    // What was removed does not come back with an older end.
    return left.map((image) => trimmed(image, this.#gone))
  }

  wipe(): void {
    this.restore({ images: [], gone: ORIGIN })
  }

  /** Without its last writes: as loseWrites() would leave it. */
  copy(lostWrites = 0): SimLogCopy {
    return { images: this.#imagesWithout(lostWrites), gone: this.#gone }
  }

  /** An older directory is put in this one's place. */
  restore({ images, gone }: SimLogCopy): void {
    this.#life += 1
    this.#images = [...images]
    this.#gone = gone
    this.#unsynced = null
    this.#inFlight = false
    this.#torn = false
    this.#rotten = null
  }

  // ---- for SimLog

  get life(): number {
    return this.#life
  }

  get durable(): Image | null {
    return this.#images.at(-1) ?? null
  }

  /** What is durable: the first entry that is held, and the last; none if the last is below the first. */
  get held(): { readonly first: Index; readonly last: Index } {
    const image = this.durable
    return image === null
      ? { first: 1, last: 0 }
      : { first: image.base.index + 1, last: lastIndex(image) }
  }

  /** What a start reads: also what may not be durable yet. */
  find(): { image: Image | null; notes: string[] } {
    const image = this.#unsynced ?? this.durable
    const owedFrom = image?.checkpoint?.index ?? 0
    if (image !== null) this.checkReadable(entriesOf(image, image.base.index + 1, lastIndex(image)))
    if (image !== null && (image.base.index > owedFrom || lastIndex(image) < owedFrom)) {
      throw new LogDamageError('the log is damaged: entries behind the checkpoint are missing')
    }
    return { image, notes: this.#torn ? ['cut a torn write'] : [] }
  }

  begin(image: Image): void {
    this.#unsynced = image
    this.#inFlight = true
  }

  takeFailure(): AppendFailure | null {
    const failure = this.#failure
    this.#failure = null
    if (failure !== null) {
      this.#inFlight = false
      if (!failure.written) this.#unsynced = null
    }
    return failure
  }

  settle(): void {
    this.#inFlight = false
    if (this.#unsynced === null) return
    this.#images.push(trimmed(this.#unsynced, this.#gone))
    this.durableWrites += 1
    if (this.#images.length > HISTORY_WRITES) this.#images.shift()
    this.#unsynced = null
  }

  /** A start has read and written again what it found. */
  started(image: Image): void {
    this.#torn = false
    if (this.#unsynced === null && this.durable === null) this.#images.push(image)
    this.settle()
  }

  trim(base: EntryId): void {
    this.#gone = base
    this.#images.push(trimmed(this.#images.pop()!, base))
  }

  checkReadable(entries: readonly Entry[]): void {
    if (this.#rotten === null || !entries.includes(this.#rotten)) return
    const { index } = this.#rotten
    throw new LogDamageError(`the log is damaged: the record of entry ${index} is unsound`)
  }
}

export class SimLog implements LogStorage {
  readonly #disk: SimLogDisk
  readonly #nodeId: NodeId
  readonly #members: readonly NodeId[]
  readonly #life: number
  #loaded = false
  #busy = false
  #spent: Error | null = null

  constructor(disk: SimLogDisk, nodeId: NodeId, members: readonly NodeId[]) {
    this.#disk = disk
    this.#nodeId = nodeId
    this.#members = [...members].sort()
    this.#life = disk.life
  }

  load(): Promise<LoadedLog> {
    return this.#alone(async () => {
      const { image, notes } = this.#disk.find()
      if (image !== null) this.#checkOwner(image)
      await this.#finished('load')
      const started = image ?? newImage(this.#nodeId, this.#newIdentity())
      this.#disk.started(started)
      this.#loaded = true
      return loadedFrom(started, notes)
    })
  }

  append(write: LogWrite): Promise<void> {
    return this.#alone(async () => {
      if (!this.#loaded) throw new Error('append() was called before load()')
      const before = this.#image()
      checkWrite(write, lastIndex(before), before.checkpoint?.index ?? 0)
      this.#disk.begin(written(before, write))
      await this.#finished('append')
      const failure = this.#disk.takeFailure()
      if (failure !== null) {
        throw Object.assign(new Error(`${failure.code}: simulated, write`), { code: failure.code })
      }
      this.#disk.settle()
    })
  }

  async read(from: Index, to: Index, bytesMax: number): Promise<readonly Entry[] | 'compacted'> {
    if (this.#spent) throw this.#spent
    await this.#finished('read')
    if (this.#spent) throw this.#spent
    const image = this.#image()
    if (from <= image.base.index) return 'compacted'
    if (from > lastIndex(image)) throw new RangeError(`entry ${from} is beyond the log's end`)
    let bytes = 0
    const entries = entriesOf(image, from, to)
    const over = entries.findIndex(({ data }) => {
      bytes += data.length
      return bytes > bytesMax
    })
    const fitting = over < 0 ? entries : entries.slice(0, Math.max(1, over))
    this.#disk.checkReadable(fitting)
    return fitting
  }

  async removeBefore(index: Index): Promise<Index> {
    if (this.#spent) throw this.#spent
    await this.#finished('remove')
    if (this.#spent) throw this.#spent
    const image = this.#image()
    const covered = image.checkpoint?.index ?? 0
    const limit = Math.min(index - 1, covered - this.#disk.options.keepEntries)
    const [last] = entriesOf(image, limit, limit)
    if (last) this.#disk.trim({ index: last.index, term: last.term })
    return this.#image().base.index + 1
  }

  bytesSinceCheckpoint(): number {
    return this.#image().bytesSinceCheckpoint
  }

  async close(): Promise<void> {
    if (this.#busy) throw new Error('close() was called during load() or append()')
    this.#spent ??= new Error('the log is closed')
  }

  #image(): Image {
    return this.#disk.durable!
  }

  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#spent) throw this.#spent
    if (this.#busy) throw new Error('the log was called again before the last call had settled')
    this.#busy = true
    try {
      return await work()
    } catch (error) {
      this.#spent ??= error as Error
      throw error
    } finally {
      this.#busy = false
    }
  }

  /** Waits for the disk; for ever if the process has died meanwhile. */
  #finished(call: SimLogCall): Promise<void> {
    return new Promise((resolve) => {
      this.#disk.options.schedule(call, () => {
        if (this.#disk.life === this.#life) resolve()
      })
    })
  }

  #newIdentity(): Image['identity'] {
    const store = this.#disk.options.drawStoreId()
    const member = this.#members.length === 1
    return { store, members: this.#members, pins: [], member, configIndex: 0 }
  }

  #checkOwner({ node, identity }: Image): void {
    if (node !== this.#nodeId) {
      throw new ForeignDirectoryError(`the directory belongs to node ${node}`)
    }
    if (identity.members.join() !== this.#members.join()) {
      throw new MembersChangedError(`the directory belongs to a cluster of ${identity.members}`)
    }
  }
}
