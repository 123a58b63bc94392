// One file of the log: its name, how it opens, how its writes are found again, how the next one is prepared.
//
// A segment's id is its file name: its number in the stream and the store id the directory began with. Checksums of
// record headers start from it, so a record in another file, or in a file given another name, is not sound.
// The first line says the format in plain text; the first record is the head (record.ts).

import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { StoreId } from '../core/types.ts'
import { type FileSystem, type LogFile, syncDirectory, writeAll } from './files.ts'
import {
  FIRST_OF_WRITE,
  FORMAT_VERSION,
  isSound,
  LAST_OF_WRITE,
  type RecordHeader,
  readHeader,
  recordBytes,
} from './record.ts'

export interface SegmentName {
  readonly name: string
  readonly number: number
  /** The one the directory began with; the identity's may change later. */
  readonly store: StoreId
  /** Where checksums of this segment's record headers start from. */
  readonly seed: number
}

export const PREAMBLE = preamble(FORMAT_VERSION)
export const PREAMBLE_BYTES = 16

export function preamble(version: number): Buffer {
  return Buffer.from(`sekali log ${String(version).padStart(4, '0')}\n`)
}

/** The format version that a file's first line names; null if it is no such line. */
export function preambleVersion(bytes: Buffer): number | null {
  const line = /^sekali log (\d{4})\n$/.exec(bytes.toString('latin1', 0, PREAMBLE_BYTES))
  return line ? Number(line[1]) : null
}

export function segmentName(number: number, store: StoreId): SegmentName {
  const name = `${String(number).padStart(10, '0')}-${store}.log`
  return { name, number, store, seed: crc32(name) }
}

/** Null for a file that is none of ours. */
export function parseSegmentName(name: string): SegmentName | null {
  const parts = /^(\d{10,})-([0-9a-f]{32})\.log$/.exec(name)
  return parts && segmentName(Number(parts[1]), parts[2]!)
}

export interface PlacedRecord {
  readonly offset: number
  readonly header: RecordHeader
}

/** A write found whole: all its records are sound, in order, from the first to the last. */
export interface PlacedWrite {
  readonly number: number
  readonly offset: number
  readonly end: number
  readonly records: readonly PlacedRecord[]
}

/** Where whole writes end. */
export interface ScanEnd {
  /** Behind the last whole write. */
  readonly end: number
  /** Where no sound record stands; behind `end` if a write was begun and is not whole. */
  readonly stop: number
  /** The number that the write at `stop` has, or would have. */
  readonly write: number
  /** A sound record that has no place there: never the work of a crash. */
  readonly misplaced: boolean
}

/** The whole writes of a segment, in order, up to the first record that is unsound or misplaced. */
export function* scanWrites(
  bytes: Buffer,
  segment: SegmentName,
): Generator<PlacedWrite, ScanEnd, void> {
  let end = PREAMBLE_BYTES
  let offset = end
  let write = 0 // of the last whole one; 0: none yet
  let records: PlacedRecord[] = []
  for (;;) {
    const expected = records[0]?.header.write ?? (write === 0 ? 0 : write + 1)
    const header = readHeader(bytes, offset, segment.seed)
    if (header === null || !isSound(bytes, offset, header)) {
      return { end, stop: offset, write: expected, misplaced: false }
    }
    const first = (header.flags & FIRST_OF_WRITE) !== 0
    const fits =
      first === (records.length === 0) &&
      (expected === 0 || header.write === expected) &&
      (header.type === 'head') === (offset === PREAMBLE_BYTES)
    if (!fits) return { end, stop: offset, write: expected, misplaced: true }
    records.push({ offset, header })
    offset += recordBytes(header)
    if ((header.flags & LAST_OF_WRITE) === 0) continue
    write = header.write
    yield { number: write, offset: end, end: offset, records }
    end = offset
    records = []
  }
}

/**
 * The next segment, prepared beside the appends: zeros written and synced slice by slice, then its name made durable.
 * A sync into a file of known size writes no metadata, which halves its cost.
 */
export class SpareSegment {
  readonly name: SegmentName
  /** Why preparing failed; final. */
  failure: unknown = null
  readonly #files: FileSystem
  readonly #directory: string
  readonly #bytes: number
  readonly #zeros: Buffer
  readonly #fsync: boolean
  #file: LogFile | null = null
  #written = 0
  #target = 0
  #prepared = false
  #working: Promise<void> | null = null

  constructor(
    name: SegmentName,
    place: { files: FileSystem; directory: string; fsync: boolean },
    bytes: number,
    zeros: Buffer,
  ) {
    this.name = name
    this.#files = place.files
    this.#directory = place.directory
    this.#fsync = place.fsync
    this.#bytes = bytes
    this.#zeros = zeros
  }

  /** Works in the background until `target` bytes are there; returns at once. */
  advance(target: number): void {
    this.#target = Math.max(this.#target, Math.min(target, this.#bytes))
    if (this.#prepared || this.#written >= this.#target || this.failure !== null) return
    this.#working ??= this.#work()
  }

  /** The file, all of it prepared. */
  async take(): Promise<LogFile> {
    while (!this.#prepared && this.failure === null) {
      this.advance(this.#bytes)
      await this.#working
    }
    if (this.failure !== null) throw this.failure
    return this.#file!
  }

  async close(): Promise<void> {
    this.#target = 0
    await this.#working
    await this.#file?.close()
  }

  async #work(): Promise<void> {
    try {
      this.#file ??= await this.#files.create(join(this.#directory, this.name.name), this.#fsync)
      while (this.#written < this.#target) {
        const slice = this.#zeros.subarray(
          0,
          Math.min(this.#zeros.length, this.#bytes - this.#written),
        )
        await writeAll(this.#file, slice, this.#written)
        this.#written += slice.length
      }
      if (this.#written === this.#bytes) await this.#seal(this.#file)
    } catch (failure) {
      this.failure = failure
    } finally {
      this.#working = null
    }
  }

  async #seal(file: LogFile): Promise<void> {
    if (this.#fsync) {
      await file.sync()
      await syncDirectory(this.#files, this.#directory)
    }
    this.#prepared = true
  }
}
