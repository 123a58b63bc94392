// What a start finds in the directory. Reads only; log-on-disk.ts acts on it.
//
// The newest segment whose first write is whole is the *tip*. Files behind it are a spare (zeros) or the torn first write
// of a segment, and hold nothing. From the tip the heads lead back, each naming its predecessor and where that one
// ends: what stands beyond, and every file the chain does not name, is not log. The chain may end at a missing file only
// if all that stood there is at or below the last checkpoint. Inside the chain every record must be sound and in order;
// only the tip's end may be torn (tail.ts).
//
// What of the last whole write was found may so far be only in the page cache: it is handed out as `repeat`, to be written and
// synced again. So the chain goes on from before it, and the repeated write bears the same number.

import { join } from 'node:path'
import type {
  Checkpoint,
  Entry,
  EntryId,
  HardState,
  Identity,
  NodeId,
  StoreId,
} from '../core/types.ts'
import { LogDamageError } from '../ports.ts'
import { EntryIndex } from './entry-index.ts'
import { NewerFormatError } from './errors.ts'
import { type FileSystem, readStart } from './files.ts'
import {
  decodeCheckpoint,
  decodeEntry,
  decodeHardState,
  decodeHead,
  decodeIdentity,
  FORMAT_VERSION,
  isSound,
  type RecordHeader,
  readHeader,
  recordBytes,
  type SegmentHead,
} from './record.ts'
import {
  type PlacedRecord,
  type PlacedWrite,
  PREAMBLE_BYTES,
  parseSegmentName,
  preambleVersion,
  type ScanEnd,
  type SegmentName,
  scanWrites,
} from './segment.ts'
import { findHeader, judgeTail } from './tail.ts'

/** A segment that is no longer written to. */
export interface ClosedSegment {
  readonly name: SegmentName
  /** The last entry before it. */
  readonly follows: EntryId
  /** What stands beyond is not log. */
  readonly end: number
}

export interface FoundLog {
  readonly node: NodeId
  readonly identity: Identity
  readonly hardState: HardState
  readonly checkpoint: Checkpoint | null
  readonly entries: EntryIndex
  readonly bytesSinceCheckpoint: number
  /** Oldest first, up to where the repeated write goes on. */
  readonly segments: readonly ClosedSegment[]
  readonly repeat: {
    readonly number: number
    readonly predecessor: SegmentHead['predecessor']
    readonly follows: EntryId
    readonly entries: readonly Entry[]
  }
  /** Files that hold nothing and never did: to be removed before anything is written. */
  readonly unfinished: readonly SegmentName[]
  /** Files that hold nothing any more: to be removed once the repeated write is durable. */
  readonly leftovers: readonly SegmentName[]
  readonly firstStore: StoreId
  readonly nextNumber: number
  readonly notes: readonly string[]
}

/** A directory without a log: at most a first start that was cut off. */
export interface NoLog {
  readonly unfinished: readonly SegmentName[]
}

export async function findLog(files: FileSystem, directory: string): Promise<FoundLog | NoLog> {
  const names = await listSegments(files, directory)
  const read = (segment: SegmentName) => readSegment(files, directory, segment)

  const unfinished: SegmentName[] = []
  let tip: Tip | null = null
  for (const name of names.toReversed()) {
    const bytes = await read(name)
    const writes = hasPreamble(bytes, name, directory) ? [...scanWrites(bytes, name)] : []
    if (writes.length > 0) {
      tip = { name, bytes }
      break
    }
    unfinished.push(name)
  }
  return tip === null
    ? noLog(directory, unfinished, read)
    : new Recovery(files, directory, names, tip, unfinished).run()
}

interface Tip {
  readonly name: SegmentName
  readonly bytes: Buffer
}

type ReadSegment = (name: SegmentName) => Promise<Buffer>

async function noLog(
  directory: string,
  unfinished: readonly SegmentName[],
  read: ReadSegment,
): Promise<NoLog> {
  for (const name of unfinished) {
    // Only a first start leaves a segment without a log before it, and its segment is number 1.
    if (name.number > 1)
      throw damage(directory, name, 0, null, 'the segments before it are missing')
    judgeUnfinished(directory, name, await read(name), 1)
  }
  return { unfinished }
}

class Recovery {
  readonly #files: FileSystem
  readonly #directory: string
  readonly #names: readonly SegmentName[]
  readonly #tip: Tip
  readonly #unfinished: readonly SegmentName[]
  readonly #notes: string[] = []

  #head!: SegmentHead
  #hardState!: HardState
  #identity!: Identity
  #checkpoint: Checkpoint | null = null
  #entries!: EntryIndex
  #bytesSinceCheckpoint = 0
  #lastWrite = 0

  constructor(
    files: FileSystem,
    directory: string,
    names: readonly SegmentName[],
    tip: Tip,
    unfinished: readonly SegmentName[],
  ) {
    this.#files = files
    this.#directory = directory
    this.#names = names
    this.#tip = tip
    this.#unfinished = unfinished
  }

  async run(): Promise<FoundLog> {
    const chain = await this.#chain()
    const { predecessor, follows } = chain[0]!.head
    this.#entries = new EntryIndex(follows)
    for (const [place, { name, head }] of chain.slice(0, -1).entries()) {
      await this.#replayClosed(name, head, chain[place + 1]!.head)
    }
    const last = await this.#replayTip(chain.at(-1)!.head)
    this.#checkOwed(predecessor === null ? null : chain[0]!.name)

    const { segments, repeat } = this.#goOnFrom(chain, last)
    const kept = new Set(segments.map(({ name }) => name.name))
    const unfinished = new Set(this.#unfinished.map(({ name }) => name))
    const leftovers = this.#names.filter(({ name }) => !kept.has(name) && !unfinished.has(name))
    return {
      node: this.#head.node,
      identity: this.#identity,
      hardState: this.#hardState,
      checkpoint: this.#checkpoint,
      entries: this.#entries,
      bytesSinceCheckpoint: this.#bytesSinceCheckpoint,
      segments,
      repeat,
      unfinished: this.#unfinished,
      leftovers,
      firstStore: this.#tip.name.store,
      nextNumber: this.#names.at(-1)!.number + 1,
      notes: this.#notes,
    }
  }

  /** The tip and its predecessors, oldest first, as far as they are there. */
  async #chain(): Promise<{ name: SegmentName; head: SegmentHead }[]> {
    const byNumber = new Map(this.#names.map((name) => [name.number, name]))
    const chain = []
    let name: SegmentName | undefined = this.#tip.name
    while (name !== undefined) {
      const head = await this.#readHead(name)
      chain.unshift({ name, head })
      name = head.predecessor === null ? undefined : byNumber.get(head.predecessor.number)
    }
    return chain
  }

  async #readHead(name: SegmentName): Promise<SegmentHead> {
    const path = join(this.#directory, name.name)
    let bytes =
      name === this.#tip.name ? this.#tip.bytes : await readStart(this.#files, path, HEAD_BYTES)
    const opens = hasPreamble(bytes, name, this.#directory)
    const header = readHeader(bytes, PREAMBLE_BYTES, name.seed)
    if (header !== null && PREAMBLE_BYTES + recordBytes(header) > bytes.length) {
      bytes = await readStart(this.#files, path, PREAMBLE_BYTES + recordBytes(header))
    }
    if (!opens || header?.type !== 'head' || !isSound(bytes, PREAMBLE_BYTES, header)) {
      throw this.#damage(name, 0, 'the segment does not open with a sound head')
    }
    return decodeHead(bytes, PREAMBLE_BYTES, header)
  }

  async #replayClosed(name: SegmentName, head: SegmentHead, next: SegmentHead): Promise<void> {
    const { end } = next.predecessor!
    const bytes = await readStart(this.#files, join(this.#directory, name.name), end)
    const scan = scanWrites(bytes, name)
    let step = scan.next()
    for (; !step.done; step = scan.next()) this.#replayWrite(name, head, bytes, step.value)
    const { end: found, stop } = step.value
    if (found !== end) {
      throw this.#damage(
        name,
        stop,
        `unsound record, although the segment goes on to offset ${end}`,
      )
    }
    const { last } = this.#entries
    if (last.index !== next.follows.index || last.term !== next.follows.term) {
      const wanted = `${next.follows.index} of term ${next.follows.term}`
      throw this.#damage(
        name,
        end,
        `the next segment follows entry ${wanted}, this one ends elsewhere`,
      )
    }
  }

  async #replayTip(head: SegmentHead): Promise<{ write: PlacedWrite; before: EntryId }> {
    const { name, bytes } = this.#tip
    const scan = scanWrites(bytes, name)
    let last: { write: PlacedWrite; before: EntryId } | null = null
    let step = scan.next()
    for (; !step.done; step = scan.next()) {
      last = { write: step.value, before: this.#entries.last }
      this.#replayWrite(name, head, bytes, step.value)
    }
    await this.#judgeEnd(step.value)
    return last! // the tip is a tip since its first write is whole
  }

  /** Everything that stands behind the last whole write must be what a crash leaves. */
  async #judgeEnd({ end, stop, write, misplaced }: ScanEnd): Promise<void> {
    const { name, bytes } = this.#tip
    if (misplaced) throw this.#damage(name, stop, 'a sound record that has no place here')
    const verdict = judgeTail(bytes, stop, name.seed, write)
    if (verdict.kind === 'damage') throw this.#damage(name, stop, verdict.reason)
    const cutEnd = verdict.kind === 'torn' ? verdict.end : stop
    if (cutEnd > end) this.#notes.push(cutNote(name, end, cutEnd))

    for (const file of this.#unfinished) {
      const unfinished = await readSegment(this.#files, this.#directory, file)
      const later = findHeader(unfinished, 0, file.seed, (header) => header.write > write)
      if (later !== null) {
        const reason = `unsound record, although a later write (number ${later.header.write}) stands in ${file.name}`
        throw this.#damage(name, stop, reason)
      }
      const torn = judgeUnfinished(this.#directory, file, unfinished, write)
      if (torn > 0) this.#notes.push(cutNote(file, 0, torn))
    }
  }

  #replayWrite(name: SegmentName, head: SegmentHead, bytes: Buffer, write: PlacedWrite): void {
    const first = this.#lastWrite === 0
    if (!first && write.number !== this.#lastWrite + 1) {
      throw this.#damage(
        name,
        write.offset,
        `write ${write.number} follows write ${this.#lastWrite}`,
      )
    }
    this.#lastWrite = write.number
    for (const record of write.records) this.#replayRecord(name, head, bytes, record)
  }

  #replayRecord(name: SegmentName, head: SegmentHead, bytes: Buffer, record: PlacedRecord): void {
    const { offset, header } = record
    this.#bytesSinceCheckpoint += recordBytes(header)
    switch (header.type) {
      case 'head':
        this.#head = head
        this.#hardState = head.hardState
        this.#identity = head.identity
        if (head.checkpoint !== null && head.checkpoint.index > (this.#checkpoint?.index ?? 0)) {
          this.#bytesSinceCheckpoint = 0
        }
        this.#checkpoint = head.checkpoint
        break
      case 'hardState':
        this.#hardState = decodeHardState(bytes, offset, header)
        break
      case 'identity':
        this.#identity = decodeIdentity(bytes, offset, header)
        break
      case 'checkpoint':
        this.#checkpoint = decodeCheckpoint(bytes, offset, header)
        this.#bytesSinceCheckpoint = 0
        break
      case 'entry':
        this.#replayEntry(name, header, offset)
        break
      default:
        header.type satisfies never
    }
  }

  #replayEntry(name: SegmentName, header: RecordHeader, offset: number): void {
    const { last } = this.#entries
    if (header.index > last.index + 1) {
      throw this.#damage(name, offset, `entry ${header.index} does not follow entry ${last.index}`)
    }
    this.#entries.add({ index: header.index, term: header.term }, name.number, offset)
  }

  /** Redo needs every entry behind the last checkpoint. `oldest`: a segment whose predecessor is missing. */
  #checkOwed(oldest: SegmentName | null): void {
    const { base, last } = this.#entries
    const redoFrom = this.#checkpoint?.index ?? 0
    if (base.index > redoFrom) {
      const owed = `entries ${redoFrom + 1} to ${base.index} are owed`
      const name = oldest ?? this.#tip.name
      throw this.#damage(name, 0, `the segment before it is missing, although its ${owed}`)
    }
    if (last.index < redoFrom) {
      throw this.#damage(this.#tip.name, 0, `the checkpoint at ${redoFrom} is beyond the log's end`)
    }
  }

  /** The chain up to the last write, and that write to be repeated behind it. */
  #goOnFrom(
    chain: readonly { name: SegmentName; head: SegmentHead }[],
    last: { write: PlacedWrite; before: EntryId },
  ): Pick<FoundLog, 'segments' | 'repeat'> {
    const { name, bytes } = this.#tip
    const tipHead = chain.at(-1)!.head
    const opensTip = last.write.offset === PREAMBLE_BYTES
    const predecessor = opensTip
      ? tipHead.predecessor
      : { number: name.number, end: last.write.offset }
    const segments = chain.map(({ name, head: { follows } }, place) => {
      const next = chain[place + 1]?.head.predecessor
      return { name, follows, end: next ? next.end : last.write.offset }
    })
    const entries = last.write.records
      .filter(({ header }) => header.type === 'entry')
      .map(({ offset, header }) => decodeEntry(bytes, offset, header))
    return {
      segments: opensTip ? segments.slice(0, -1) : segments,
      repeat: {
        number: last.write.number,
        predecessor,
        follows: opensTip ? tipHead.follows : last.before,
        entries,
      },
    }
  }

  #damage(name: SegmentName, offset: number, reason: string): LogDamageError {
    return damage(this.#directory, name, offset, this.#entries?.last ?? null, reason)
  }
}

/** Heads are a few hundred bytes; checkpoints carry the state machine's own. */
const HEAD_BYTES = 64 * 1024

async function listSegments(files: FileSystem, directory: string): Promise<SegmentName[]> {
  let entries: string[]
  try {
    entries = await files.readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  const names = entries.map(parseSegmentName).filter((name) => name !== null)
  names.sort((a, b) => a.number - b.number)
  const stranger = names.find(({ store }) => store !== names[0]!.store)
  if (stranger) throw damage(directory, stranger, 0, null, 'segments of two stores stand here')
  return names
}

function readSegment(files: FileSystem, directory: string, { name }: SegmentName): Promise<Buffer> {
  return readStart(files, join(directory, name))
}

/** True if the file opens as ours do. Refuses a newer format. */
function hasPreamble(bytes: Buffer, name: SegmentName, directory: string): boolean {
  const version = preambleVersion(bytes)
  if (version === FORMAT_VERSION) return true
  // A head that is sound in this version belies the number: a flipped bit.
  if (version === null || readHeader(bytes, PREAMBLE_BYTES, name.seed) !== null) return false
  if (version < FORMAT_VERSION) return false
  throw new NewerFormatError(
    `${join(directory, name.name)} has log format ${version}; this program reads formats up to ${FORMAT_VERSION}. ` +
      'Nothing was changed. Start the newer program that wrote it.',
  )
}

/** How many bytes a torn first write left in a segment, 0 for a spare; throws if it was more than that. */
function judgeUnfinished(
  directory: string,
  name: SegmentName,
  bytes: Buffer,
  write: number,
): number {
  const opens = hasPreamble(bytes, name, directory)
  const scan = opens ? scanWrites(bytes, name).next() : null
  const stop = scan?.done ? scan.value : null
  if (stop?.misplaced)
    throw damage(directory, name, stop.stop, null, 'a sound record that has no place here')
  const offset = stop?.stop ?? 0
  const verdict = judgeTail(bytes, offset, name.seed, write)
  if (verdict.kind === 'damage') throw damage(directory, name, offset, null, verdict.reason)
  return verdict.kind === 'torn' ? verdict.end : offset
}

function cutNote({ name }: SegmentName, from: number, to: number): string {
  return `cut a torn write of ${to - from} bytes at offset ${from} of ${name}: it was never acknowledged`
}

function damage(
  directory: string,
  { name }: SegmentName,
  offset: number,
  last: EntryId | null,
  reason: string,
): LogDamageError {
  const where = `${join(directory, name)}, offset ${offset}${last === null ? '' : `, after entry ${last.index} of term ${last.term}`}`
  return new LogDamageError(
    `the log is damaged: ${where}: ${reason}. Nothing was changed. This node may have acknowledged what is lost ` +
      'here, so it does not start. While a majority of the other nodes is healthy, move the whole data directory away ' +
      'and start again: the node copies everything from its peers before it votes.',
  )
}
