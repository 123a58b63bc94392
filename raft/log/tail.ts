// Torn or damaged? What an unsound place in a segment means.
//
// One write is one contiguous stretch put into zeros and synced before the next begins. A crash can leave of it any
// subset of its sectors; the others are still zeros, or the file ends before them. So what stands at the first
// unsound place is
//
//   blank    only zeros follow: the log ends here;
//   torn     the mark of a crash: no record of a later write follows, and the record is cut by the end of the file, or
//            zeros begin inside it and go on to the end of the file, or a whole sector of it is zero;
//   damage   everything else. A later write proves that this one was synced and perhaps acknowledged; a record complete
//            in length with a wrong checksum was not left so by a crash. To cut either would be to forget a promise.
//
// The header of a later write is proof enough: it is bound to the segment and was written after this write's sync had
// returned. (With FSYNC=off nothing waits for syncs, so a power cut may well end in damage.)
//
// Limits, known and accepted: a last write whose sector a disk turned into zeros *after* it was synced looks torn; and a
// log that lost its end at a write's border looks clean. Peers notice both (DESIGN.md, rule 4).

import {
  FIRST_OF_WRITE,
  HEADER_BYTES,
  MARK,
  RECORD_BYTES_MIN,
  type RecordHeader,
  readHeader,
  recordBytes,
} from './record.ts'

/** What disks write whole or not at all; larger sectors are multiples of it. */
const SECTOR_BYTES = 512

export type Verdict =
  | { readonly kind: 'blank' }
  | { readonly kind: 'torn' /** Behind the last byte that is not zero. */; readonly end: number }
  | { readonly kind: 'damage'; readonly reason: string }

/** Judges `offset`, where a record of write number `write` should begin and none is sound. */
export function judgeTail(bytes: Buffer, offset: number, seed: number, write: number): Verdict {
  const end = endOfContent(bytes, offset)
  if (end === offset) return { kind: 'blank' }
  const later = findHeader(
    bytes,
    offset + 1,
    seed,
    (header) => header.write > write || isFirst(header),
  )
  if (later !== null) {
    return {
      kind: 'damage',
      reason: `unsound record, although a later write (number ${later.header.write}) stands at offset ${later.offset}`,
    }
  }
  const header = readHeader(bytes, offset, seed)
  const extent = header === null ? RECORD_BYTES_MIN : recordBytes(header)
  if (offset + extent > bytes.length || end < offset + extent) return { kind: 'torn', end }
  if (hasLostSector(bytes, offset, header === null ? HEADER_BYTES : extent))
    return { kind: 'torn', end }
  return {
    kind: 'damage',
    reason: 'the last record is complete, but its checksum is wrong: no crash leaves it so',
  }
}

/** The first sound header from `from` on that meets the condition, wherever it stands. */
export function findHeader(
  bytes: Buffer,
  from: number,
  seed: number,
  condition: (header: RecordHeader) => boolean,
): { readonly offset: number; readonly header: RecordHeader } | null {
  for (let at = bytes.indexOf(MARK, from); at >= 0; at = bytes.indexOf(MARK, at + 1)) {
    const header = readHeader(bytes, at, seed)
    if (header !== null && condition(header)) return { offset: at, header }
  }
  return null
}

/** Behind the last byte from `offset` on that is not zero; `offset` if there is none. */
export function endOfContent(bytes: Buffer, offset: number): number {
  let end = bytes.length
  while (
    end - ZEROS.length >= offset &&
    bytes.compare(ZEROS, 0, ZEROS.length, end - ZEROS.length, end) === 0
  ) {
    end -= ZEROS.length
  }
  while (end > offset && bytes[end - 1] === 0) end -= 1
  return end
}

/**
 * True if a sector of the `length` bytes at `offset` still holds zeros. The first one is shared with what stood before,
 * so only the part from `offset` on tells; of the later ones all does, since nothing older stands in them.
 */
function hasLostSector(bytes: Buffer, offset: number, length: number): boolean {
  const stop = offset + length
  const firstEnd = Math.floor(offset / SECTOR_BYTES + 1) * SECTOR_BYTES
  if (isZero(bytes, offset, Math.min(stop, firstEnd))) return true
  for (let sector = firstEnd; sector < stop; sector += SECTOR_BYTES) {
    if (isZero(bytes, sector, Math.min(sector + SECTOR_BYTES, bytes.length))) return true
  }
  return false
}

function isZero(bytes: Buffer, from: number, to: number): boolean {
  return bytes.compare(ZEROS, 0, to - from, from, to) === 0
}

function isFirst(header: RecordHeader): boolean {
  return (header.flags & FIRST_OF_WRITE) !== 0
}

const ZEROS = Buffer.alloc(4096)
