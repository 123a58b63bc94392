// The bytes of one log record, both ways.
//
//   0  u16  mark F9 A5      F9 stands in no UTF-8 text: payloads cannot pass for records
//   2  u8   type            1 head, 2 hard state, 3 identity, 4 checkpoint, 5 entry
//   3  u8   flags           1 first of its write, 2 last of its write
//   4  u32  body length
//   8  u64  index           of the entry or checkpoint; in a head: of the entry before the segment's first
//  16  u64  term            of the same; in a hard state: the current term
//  24  u64  number of the write this record belongs to
//  32  u32  CRC32 of the body
//  36  u32  CRC32 of the segment's id and the 36 bytes above
//  40  body, then one byte 9A
//
// Integers are little-endian. The header has a checksum of its own so that a length is believed only when it is
// sound: otherwise one flipped bit in it would make a complete record look like one cut short. The last byte is
// never zero for the same reason: where zeros begin inside a record, its end is missing.
//
// Refuses to judge: what an unsound record means is tail.ts's business.

import { crc32 } from 'node:zlib'
import type {
  Bytes,
  Checkpoint,
  Entry,
  EntryId,
  HardState,
  Identity,
  NodeId,
} from '../core/types.ts'

export const FORMAT_VERSION = 1
export const HEADER_BYTES = 40
const END_MARK = 0x9a
/** A record with an empty body. */
export const RECORD_BYTES_MIN = HEADER_BYTES + 1
export const MARK = Buffer.from([0xf9, 0xa5])
const HEADER_CRC_OFFSET = 36

export const FIRST_OF_WRITE = 1
export const LAST_OF_WRITE = 2

const TYPES = ['', 'head', 'hardState', 'identity', 'checkpoint', 'entry'] as const
export type RecordType = Exclude<(typeof TYPES)[number], ''>
const ENTRY_TYPES = ['normal', 'noop', 'config'] as const

export interface RecordHeader {
  readonly type: RecordType
  readonly flags: number
  readonly bodyBytes: number
  readonly index: number
  readonly term: number
  readonly write: number
  readonly bodyCrc: number
}

/** What a segment opens with: all that must outlive the segments before it. */
export interface SegmentHead {
  readonly node: NodeId
  readonly identity: Identity
  readonly hardState: HardState
  /** Owed to redo is what follows it; segments wholly at or below it may be missing. */
  readonly checkpoint: Checkpoint | null
  /** Where the log goes on from; null: it begins here, behind `follows`, whatever older files hold. */
  readonly predecessor: { readonly number: number; readonly end: number } | null
  /** The last entry before this segment. */
  readonly follows: EntryId
}

/** Gathers the records of one write into one buffer, which is used again for the next write. */
export class RecordWriter {
  #bytes = Buffer.allocUnsafeSlow(WRITER_BYTES_KEPT)
  #length = 0
  #unsealed = -1
  #flags = FIRST_OF_WRITE
  #seed = 0
  #write = 0

  begin(seed: number, write: number): void {
    if (this.#bytes.length > WRITER_BYTES_KEPT) {
      this.#bytes = Buffer.allocUnsafeSlow(WRITER_BYTES_KEPT)
    }
    this.#length = 0
    this.#unsealed = -1
    this.#flags = FIRST_OF_WRITE
    this.#seed = seed
    this.#write = write
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  head(head: SegmentHead): void {
    const { follows, checkpoint, ...rest } = head
    const body = Buffer.from(
      JSON.stringify({
        ...rest,
        checkpoint: checkpoint && {
          ...checkpoint,
          state: Buffer.from(checkpoint.state).toString('base64'),
        },
      }),
    )
    this.#whole('head', follows, body)
  }

  hardState({ term, vote }: HardState): void {
    this.#whole('hardState', { index: 0, term }, Buffer.from(JSON.stringify(vote)))
  }

  identity(identity: Identity): void {
    this.#whole('identity', { index: 0, term: 0 }, Buffer.from(JSON.stringify(identity)))
  }

  checkpoint(checkpoint: Checkpoint): void {
    this.#whole('checkpoint', checkpoint, checkpoint.state)
  }

  /** Answers where in this write's bytes the record begins. */
  entry(entry: Entry): number {
    const start = this.#open('entry', entry, entryBodyBytes(entry))
    const bytes = this.#bytes
    let at = start + HEADER_BYTES
    bytes[at++] = ENTRY_TYPES.indexOf(entry.type)
    const { proposal } = entry
    if (proposal === null) {
      at = bytes.writeUInt16LE(0, at)
    } else {
      const nodeBytes = bytes.write(proposal.node, at + 2)
      bytes.writeUInt16LE(nodeBytes + 1, at)
      at += 2 + nodeBytes
      writeInteger(bytes, at, proposal.life)
      writeInteger(bytes, at + 8, proposal.count)
      at += 16
    }
    bytes.set(entry.data, at)
    this.#close(start, at + entry.data.length)
    return start
  }

  /** The bytes of the whole write; valid until begin() is called again. */
  finish(): Buffer {
    this.#seal(LAST_OF_WRITE)
    return this.#bytes.subarray(0, this.#length)
  }

  #whole(type: RecordType, id: EntryId, body: Uint8Array): void {
    const start = this.#open(type, id, body.length)
    this.#bytes.set(body, start + HEADER_BYTES)
    this.#close(start, start + HEADER_BYTES + body.length)
  }

  #open(type: RecordType, { index, term }: EntryId, bodyBytes: number): number {
    this.#seal(0)
    this.#reserve(bodyBytes + RECORD_BYTES_MIN)
    const bytes = this.#bytes
    const start = this.#length
    bytes.set(MARK, start)
    bytes[start + 2] = TYPES.indexOf(type)
    bytes[start + 3] = this.#flags
    this.#flags = 0
    bytes.writeUInt32LE(bodyBytes, start + 4)
    writeInteger(bytes, start + 8, index)
    writeInteger(bytes, start + 16, term)
    writeInteger(bytes, start + 24, this.#write)
    return start
  }

  #close(start: number, bodyEnd: number): void {
    const bytes = this.#bytes
    bytes.writeUInt32LE(crc32(bytes.subarray(start + HEADER_BYTES, bodyEnd)), start + 32)
    bytes[bodyEnd] = END_MARK
    this.#length = bodyEnd + 1
    this.#unsealed = start
  }

  /** A header is sealed only when the next record begins or none does: the last one must say that it is. */
  #seal(flag: number): void {
    const start = this.#unsealed
    if (start < 0) return
    const bytes = this.#bytes
    bytes[start + 3] = bytes[start + 3]! | flag
    const sealed = crc32(bytes.subarray(start, start + HEADER_CRC_OFFSET), this.#seed)
    bytes.writeUInt32LE(sealed, start + HEADER_CRC_OFFSET)
    this.#unsealed = -1
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

/** A writer's buffer above this size is given back after the write that needed it. */
const WRITER_BYTES_KEPT = 1024 * 1024

/** The header at `offset`, or null if what stands there is not a sound header of this segment. */
export function readHeader(bytes: Buffer, offset: number, seed: number): RecordHeader | null {
  if (offset + HEADER_BYTES > bytes.length) return null
  if (bytes[offset] !== MARK[0] || bytes[offset + 1] !== MARK[1]) return null
  const sealed = crc32(bytes.subarray(offset, offset + HEADER_CRC_OFFSET), seed)
  if (bytes.readUInt32LE(offset + HEADER_CRC_OFFSET) !== sealed) return null
  const type = TYPES[bytes[offset + 2]!]
  if (!type) return null
  return {
    type,
    flags: bytes[offset + 3]!,
    bodyBytes: bytes.readUInt32LE(offset + 4),
    index: readInteger(bytes, offset + 8),
    term: readInteger(bytes, offset + 16),
    write: readInteger(bytes, offset + 24),
    bodyCrc: bytes.readUInt32LE(offset + 32),
  }
}

/** Of the whole record. */
export function recordBytes(header: RecordHeader): number {
  return header.bodyBytes + RECORD_BYTES_MIN
}

/** True if all of the record whose sound header stands at `offset` is there and as it was written. */
export function isSound(bytes: Buffer, offset: number, header: RecordHeader): boolean {
  const end = offset + recordBytes(header)
  if (end > bytes.length || bytes[end - 1] !== END_MARK) return false
  return crc32(bytes.subarray(offset + HEADER_BYTES, end - 1)) === header.bodyCrc
}

// The decoders below take records that were found sound; what they hold is what we wrote.

export function decodeHead(bytes: Buffer, offset: number, header: RecordHeader): SegmentHead {
  const { checkpoint, ...rest } = JSON.parse(bodyText(bytes, offset, header))
  return {
    ...rest,
    checkpoint: checkpoint && {
      ...checkpoint,
      state: new Uint8Array(Buffer.from(checkpoint.state, 'base64')),
    },
    follows: { index: header.index, term: header.term },
  }
}

export function decodeHardState(bytes: Buffer, offset: number, header: RecordHeader): HardState {
  return { term: header.term, vote: JSON.parse(bodyText(bytes, offset, header)) }
}

export function decodeIdentity(bytes: Buffer, offset: number, header: RecordHeader): Identity {
  return JSON.parse(bodyText(bytes, offset, header))
}

export function decodeCheckpoint(bytes: Buffer, offset: number, header: RecordHeader): Checkpoint {
  const { index, term } = header
  return { index, term, state: new Uint8Array(body(bytes, offset, header)) }
}

/** Its data is a view into `bytes`: nothing is copied. */
export function decodeEntry(bytes: Buffer, offset: number, header: RecordHeader): Entry {
  const { index, term } = header
  let at = offset + HEADER_BYTES
  const type = ENTRY_TYPES[bytes[at++]!]!
  const nodeBytes = bytes.readUInt16LE(at) - 1
  at += 2
  let proposal: Entry['proposal'] = null
  if (nodeBytes >= 0) {
    const node = bytes.toString('utf8', at, at + nodeBytes)
    at += nodeBytes
    proposal = { node, life: readInteger(bytes, at), count: readInteger(bytes, at + 8) }
    at += 16
  }
  const end = offset + HEADER_BYTES + header.bodyBytes
  const data: Bytes = new Uint8Array(bytes.buffer, bytes.byteOffset + at, end - at)
  return { index, term, type, proposal, data }
}

/** What an entry takes up in the log. */
export function entryBytes(entry: Entry): number {
  return entryBodyBytes(entry) + RECORD_BYTES_MIN
}

function entryBodyBytes({ proposal, data }: Entry): number {
  return 3 + (proposal === null ? 0 : Buffer.byteLength(proposal.node) + 16) + data.length
}

function body(bytes: Buffer, offset: number, header: RecordHeader): Buffer {
  return bytes.subarray(offset + HEADER_BYTES, offset + HEADER_BYTES + header.bodyBytes)
}

function bodyText(bytes: Buffer, offset: number, header: RecordHeader): string {
  return body(bytes, offset, header).toString('utf8')
}

const HIGH = 2 ** 32

function writeInteger(bytes: Buffer, offset: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`the log stores safe, non-negative integers, not ${value}`)
  }
  bytes.writeUInt32LE(value % HIGH, offset)
  bytes.writeUInt32LE(Math.floor(value / HIGH), offset + 4)
}

function readInteger(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + HIGH * bytes.readUInt32LE(offset + 4)
}
