// The Raft log on disk: LogStorage over segment files (record.ts: bytes; segment.ts: files; recovery.ts: what a start finds).
//
// Refuses to know what entries mean, and to go on after any failed write or sync: the instance is then spent.
//
// Keeps:
// - One write is one stretch of bytes, put down by one synced call; the next begins after it. So a crash leaves
//   it whole or not at all, and only the last one can be torn.
// - What this object says (index, state, what read() finds) is what is durable: it changes after the sync.
// - A write that opens a segment says everything but its entries in the head. Rotation, first start, restart and a new base
//   are the same code. After a start nothing is appended behind the old tail.
// - Segments are deleted oldest first, only when all that stands in them is at or below a durable checkpoint.

import { join } from 'node:path'
import {
  type Checkpoint,
  type Entry,
  type EntryId,
  type HardState,
  type Identity,
  type Index,
  type NodeId,
  ORIGIN,
  type StoreId,
} from '../core/types.ts'
import type { LoadedLog, LogStorage, LogWrite } from '../ports.ts'
import { checkWrite } from './check-write.ts'
import { EntryIndex } from './entry-index.ts'
import { ForeignDirectoryError, MembersChangedError } from './errors.ts'
import {
  type FileSystem,
  type LogFile,
  makeDirectory,
  realFiles,
  syncDirectory,
  writeAll,
} from './files.ts'
import { readRun } from './read-run.ts'
import { entryBytes, RECORD_BYTES_MIN, RecordWriter, type SegmentHead } from './record.ts'
import { type ClosedSegment, type FoundLog, findLog } from './recovery.ts'
import { PREAMBLE, type SegmentName, SpareSegment, segmentName } from './segment.ts'

export interface LogOnDiskOptions {
  /** Of the log alone; created with mode 0700 if missing. */
  readonly directory: string
  readonly nodeId: NodeId
  /** Every node id of the cluster, this one included. */
  readonly members: readonly NodeId[]
  /** Called once, for a new directory. 32 hexadecimal digits. */
  readonly drawStoreId: () => StoreId
  /** False: nothing is synced, a power cut may lose everything. */
  readonly fsync: boolean
  /** Size of a segment; a larger write gets a larger segment. */
  readonly segmentBytes?: number
  /** How much of the next segment is written and synced at a time. */
  readonly preallocateSliceBytes?: number
  /** How much of the log below the checkpoint stays, for followers that lag. */
  readonly keepBytes?: number
  readonly files?: FileSystem
}

const MIB = 1024 * 1024

interface ActiveSegment {
  readonly name: SegmentName
  readonly follows: EntryId
  readonly file: LogFile
  end: number
}

export class LogOnDisk implements LogStorage {
  readonly #options: Required<LogOnDiskOptions>
  readonly #files: FileSystem
  readonly #writer = new RecordWriter()
  readonly #zeros: Buffer

  #hardState: HardState = { term: 0, vote: null }
  #identity!: Identity
  #checkpoint: Checkpoint | null = null
  #bytesSinceCheckpoint = 0
  #entries = new EntryIndex(ORIGIN)
  #lastWrite = 0
  /** Counts the writes that overrode entries: a read that met one begins again. */
  #cancellations = 0

  #closed: ClosedSegment[] = []
  #active: ActiveSegment | null = null
  #spare: SpareSegment | null = null
  /** The store id in the names of segments: the one drawn for this directory. */
  #firstStore: StoreId = ''
  #nextNumber = 1
  /** Files that a new base has emptied; removed with the next removeBefore(). */
  #leftovers: SegmentName[] = []

  #busy = false
  /** Why nothing may be done any more. */
  #spent: Error | null = null

  constructor(options: LogOnDiskOptions) {
    this.#options = {
      segmentBytes: 16 * MIB,
      preallocateSliceBytes: MIB,
      keepBytes: 64 * MIB,
      files: realFiles,
      ...options,
    }
    this.#files = this.#options.files
    this.#zeros = Buffer.alloc(this.#options.preallocateSliceBytes)
  }

  load(): Promise<LoadedLog> {
    return this.#alone(async () => {
      if (this.#active !== null) throw new Error('load() was called twice')
      const found = await findLog(this.#files, this.#options.directory)
      await ('node' in found ? this.#goOn(found) : this.#create(found.unfinished))
      const { base, last, terms } = this.#entries
      return {
        identity: this.#identity,
        hardState: this.#hardState,
        checkpoint: this.#checkpoint,
        base,
        terms: [...terms],
        entries: await this.#readAll(
          Math.max(base.index, this.#checkpoint?.index ?? 0) + 1,
          last.index,
        ),
        notes: 'node' in found ? found.notes : [],
      }
    })
  }

  append(write: LogWrite): Promise<void> {
    return this.#alone(async () => {
      const active = this.#active
      if (active === null) throw new Error('append() was called before load()')
      if (this.#spare?.failure) throw this.#spare.failure
      checkWrite(write, this.#entries.last.index, this.#checkpoint?.index ?? 0)
      const bytes = writeBytes(write)
      if (bytes === 0) return
      if (write.base) {
        await this.#appendBase(active, write, write.checkpoint!)
      } else if (active.end + bytes > this.#options.segmentBytes) {
        await this.#appendToNext(active, write)
      } else {
        await this.#appendTo(active, write)
      }
      // Half a segment ahead of need: the next one is ready when this one is half full.
      this.#prepareNext().advance(2 * this.#active!.end)
    })
  }

  async read(from: Index, to: Index, bytesMax: number): Promise<readonly Entry[] | 'compacted'> {
    for (;;) {
      const index = this.#entries
      const cancellations = this.#cancellations
      const changed = () => this.#entries !== index || this.#cancellations !== cancellations
      try {
        const entries = await this.#readOnce(from, to, bytesMax)
        if (!changed()) return entries
      } catch (error) {
        // A file may have been removed meanwhile; then the next round says why.
        if (this.#spent || !(changed() || from <= this.#entries.base.index)) throw error
      }
    }
  }

  async removeBefore(index: Index): Promise<Index> {
    if (this.#spent) throw this.#spent
    const removed = this.#leftovers.splice(0).concat(this.#closeOff(index))
    if (removed.length > 0) {
      try {
        await this.#remove(removed)
      } catch (error) {
        throw this.#spend(error)
      }
    }
    return this.#entries.base.index + 1
  }

  bytesSinceCheckpoint(): number {
    return this.#bytesSinceCheckpoint
  }

  async close(): Promise<void> {
    if (this.#busy) throw new Error('close() was called during load() or append()')
    this.#spent ??= new Error('the log is closed')
    await this.#spare?.close()
    await this.#active?.file.close()
    this.#spare = null
    this.#active = null
  }

  /** One at a time, and none after a failure: what the disk holds then is not known. */
  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#spent) throw this.#spent
    if (this.#busy) throw new Error('the log was called again before the last call had settled')
    this.#busy = true
    try {
      return await work()
    } catch (error) {
      throw this.#spend(error)
    } finally {
      this.#busy = false
    }
  }

  #spend(error: unknown): Error {
    this.#spent ??= error instanceof Error ? error : new Error(String(error))
    return this.#spent
  }

  // ---- a start

  async #create(unfinished: readonly SegmentName[]): Promise<void> {
    const { directory, nodeId, members, fsync, drawStoreId } = this.#options
    if (!members.includes(nodeId)) throw new Error(`${nodeId} is not among the members`)
    await makeDirectory(this.#files, directory, fsync)
    await this.#remove(unfinished)
    const store = drawStoreId()
    if (!/^[0-9a-f]{32}$/.test(store)) throw new Error('a store id is 32 hexadecimal digits')
    this.#firstStore = store
    const alone = members.length === 1
    this.#identity = {
      store,
      members: [...members].sort(),
      pins: [],
      member: alone,
      configIndex: 0,
    }
    const head = this.#head(null, ORIGIN)
    this.#enter(await this.#open(1, head, []), head, [])
  }

  async #goOn(found: FoundLog): Promise<void> {
    const { directory, nodeId, members } = this.#options
    if (found.node !== nodeId) {
      throw new ForeignDirectoryError(
        `${directory} belongs to node ${found.node}, this is node ${nodeId}. Nothing was changed.`,
      )
    }
    const configured = [...members].sort().join(',')
    const pinned = found.identity.members.join(',')
    if (configured !== pinned) {
      throw new MembersChangedError(
        `${directory} belongs to a cluster of ${pinned}; the configuration names ${configured}. Nothing was changed.`,
      )
    }
    this.#identity = found.identity
    this.#hardState = found.hardState
    this.#checkpoint = found.checkpoint
    this.#entries = found.entries
    this.#closed = [...found.segments]
    this.#firstStore = found.firstStore
    this.#nextNumber = found.nextNumber

    await this.#remove(found.unfinished)
    const { number, predecessor, follows, entries } = found.repeat
    const head = this.#head(predecessor, follows)
    this.#enter(await this.#open(number, head, entries), head, entries)
    this.#bytesSinceCheckpoint = found.bytesSinceCheckpoint
    await this.#remove(found.leftovers)
  }

  async #readAll(from: Index, to: Index): Promise<Entry[]> {
    const all: Entry[] = []
    while (from <= to) {
      const entries = await this.read(from, to, LOAD_BYTES)
      if (entries === 'compacted') throw new Error('an entry behind the checkpoint is not held')
      for (const entry of entries) all.push(entry)
      from = all.at(-1)!.index + 1
    }
    return all
  }

  // ---- writing

  async #appendTo(active: ActiveSegment, write: LogWrite): Promise<void> {
    const writer = this.#writer
    const { hardState, identity, checkpoint, entries } = write
    writer.begin(active.name.seed, this.#lastWrite + 1)
    if (hardState) writer.hardState(hardState)
    if (identity) writer.identity(identity)
    if (checkpoint) writer.checkpoint(checkpoint)
    const offsets = entries.map((entry) => active.end + writer.entry(entry))
    const bytes = writer.finish()
    await writeAll(active.file, bytes, active.end)

    const end = active.end + bytes.length
    if (hardState) this.#hardState = hardState
    if (identity) this.#identity = identity
    if (checkpoint) {
      this.#checkpoint = checkpoint
      this.#bytesSinceCheckpoint = end - (offsets[0] ?? end)
    } else {
      this.#bytesSinceCheckpoint += bytes.length
    }
    this.#lastWrite += 1
    this.#addEntries(active.name, entries, offsets)
    active.end = end
  }

  async #appendToNext(active: ActiveSegment, write: LogWrite): Promise<void> {
    const { name, follows, end, file } = active
    const head = this.#head({ number: name.number, end }, this.#entries.last, write)
    const opened = await this.#open(this.#lastWrite + 1, head, write.entries)
    this.#closed.push({ name, follows, end })
    this.#enter(opened, head, write.entries)
    await file.close()
  }

  /** The log begins anew, in a segment without predecessor. What stood before is left to removeBefore(). */
  async #appendBase(active: ActiveSegment, write: LogWrite, base: EntryId): Promise<void> {
    const head = this.#head(null, { index: base.index, term: base.term }, write)
    const opened = await this.#open(this.#lastWrite + 1, head, write.entries)
    for (const { name } of [...this.#closed, active]) this.#leftovers.push(name)
    this.#closed = []
    this.#entries = new EntryIndex(head.follows)
    this.#enter(opened, head, write.entries)
    await active.file.close()
  }

  #head(
    predecessor: SegmentHead['predecessor'],
    follows: EntryId,
    write: Partial<LogWrite> = {},
  ): SegmentHead {
    return {
      node: this.#options.nodeId,
      identity: write.identity ?? this.#identity,
      hardState: write.hardState ?? this.#hardState,
      checkpoint: write.checkpoint ?? this.#checkpoint,
      predecessor,
      follows,
    }
  }

  /** Writes the first write of the next segment; nothing here knows of it yet. */
  async #open(
    number: number,
    head: SegmentHead,
    entries: readonly Entry[],
  ): Promise<OpenedSegment> {
    const spare = this.#prepareNext()
    const file = await spare.take()
    const { name } = spare
    const writer = this.#writer
    writer.begin(name.seed, number)
    writer.raw(PREAMBLE)
    writer.head(head)
    const offsets = entries.map((entry) => writer.entry(entry))
    const bytes = writer.finish()
    await writeAll(file, bytes, 0)
    this.#spare = null
    return { name, file, end: bytes.length, offsets, number }
  }

  /** From here on the opened segment is the one written to, and its head is what is so. */
  #enter(opened: OpenedSegment, head: SegmentHead, entries: readonly Entry[]): void {
    const { name, file, end, offsets, number } = opened
    if (head.checkpoint !== this.#checkpoint) this.#bytesSinceCheckpoint = end - (offsets[0] ?? end)
    else this.#bytesSinceCheckpoint += end
    this.#hardState = head.hardState
    this.#identity = head.identity
    this.#checkpoint = head.checkpoint
    this.#lastWrite = number
    this.#active = { name, follows: head.follows, file, end }
    this.#addEntries(name, entries, offsets)
  }

  #addEntries(name: SegmentName, entries: readonly Entry[], offsets: readonly number[]): void {
    if (entries.length > 0 && entries[0]!.index <= this.#entries.last.index)
      this.#cancellations += 1
    for (const [place, entry] of entries.entries()) {
      this.#entries.add(entry, name.number, offsets[place]!)
    }
  }

  #prepareNext(): SpareSegment {
    if (this.#spare === null) {
      const name = segmentName(this.#nextNumber, this.#firstStore)
      this.#nextNumber += 1
      const place = { ...this.#options, files: this.#files }
      this.#spare = new SpareSegment(name, place, this.#options.segmentBytes, this.#zeros)
    }
    return this.#spare
  }

  // ---- reading

  async #readOnce(from: Index, to: Index, bytesMax: number): Promise<Entry[] | 'compacted'> {
    const entries: Entry[] = []
    let left = bytesMax
    for (let next = from; next <= to && (left > 0 || entries.length === 0); ) {
      if (this.#spent) throw this.#spent
      if (next <= this.#entries.base.index) return 'compacted'
      const place = this.#entries.locate(next)
      if (place === null) break
      const { segment } = place.run
      const name = segmentName(segment, this.#firstStore)
      const closed = this.#closed.find((closed) => closed.name.number === segment)
      const end = closed?.end ?? this.#active!.end
      const part = {
        ...place,
        path: join(this.#options.directory, name.name),
        seed: name.seed,
        end,
      }
      const more = await readRun(this.#files, part, next, to, left)
      for (const entry of more) {
        left -= entry.data.length
        if (left < 0 && entries.length > 0) return entries
        entries.push(entry)
      }
      next += more.length
    }
    if (entries.length > 0) return entries
    throw new RangeError(
      `entries ${from} to ${to} are beyond the log's end, ${this.#entries.last.index}`,
    )
  }

  // ---- removing

  /** Takes the segments out of the log that are owed to nobody, and answers their names. */
  #closeOff(index: Index): SegmentName[] {
    const covered = this.#checkpoint?.index ?? 0
    const lastIn = (place: number) => (this.#closed[place + 1] ?? this.#active!).follows.index
    let keptBytes = 0
    for (const [place, { end }] of this.#closed.entries()) {
      if (lastIn(place) <= covered) keptBytes += end
    }
    const removed: SegmentName[] = []
    for (const [place, { name, end }] of this.#closed.entries()) {
      keptBytes -= end
      if (lastIn(place) > Math.min(covered, index - 1) || keptBytes < this.#options.keepBytes) break
      removed.push(name)
    }
    if (removed.length > 0) {
      this.#closed.splice(0, removed.length)
      this.#entries.dropThrough((this.#closed[0] ?? this.#active!).follows.index)
    }
    return removed
  }

  async #remove(names: readonly SegmentName[]): Promise<void> {
    const { directory, fsync } = this.#options
    for (const { name } of names) await this.#files.unlink(join(directory, name))
    if (names.length > 0 && fsync) await syncDirectory(this.#files, directory)
  }
}

/** How much of the log is read at a time at a start. */
const LOAD_BYTES = 8 * MIB

interface OpenedSegment {
  readonly name: SegmentName
  readonly file: LogFile
  readonly end: number
  readonly offsets: readonly number[]
  readonly number: number
}

/** Bytes that a write takes up inside a segment, at most; 0 if it says nothing. */
function writeBytes({ hardState, identity, checkpoint, entries }: LogWrite): number {
  let bytes = 0
  if (hardState) bytes += RECORD_BYTES_MIN + jsonBytes(hardState.vote)
  if (identity) bytes += RECORD_BYTES_MIN + jsonBytes(identity)
  if (checkpoint) bytes += RECORD_BYTES_MIN + checkpoint.state.length
  for (const entry of entries) bytes += entryBytes(entry)
  return bytes
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
