// A piece of a snapshot: whole stored values, in the order of their positions.
//
//   chunk:  position u48 behind which it begins · values, each with its size u32 before it
//
// Values are equal on every node, so any sender can go on where another stopped; keys are not sent, the receiver
// computes its own.

import {
  type EventWalk,
  MalformedCommandError,
  openCommand,
  readUint32,
  readUint48,
  writeUint32,
  writeUint48,
} from '../command/format.ts'
import { endsAt } from './content.ts'
import { entryKey, entryPosition } from './keys.ts'
import { pairsOf, type SortedStore } from './sorted-store.ts'
import { StoreDamagedError } from './store-errors.ts'

const HEAD_BYTES = 6

export interface Chunk {
  readonly next: number
  readonly data: Uint8Array
}

/**
 * The values in (after, last], at least one, as many as fit into bytesMax. None, where no value of this store ends at
 * `after`: then what the receiver has is not what this store has.
 */
export async function readChunk(
  store: SortedStore,
  after: number,
  last: number,
  bytesMax: number,
): Promise<Chunk> {
  const parts: Uint8Array[] = [chunkHead(after)]
  let size = HEAD_BYTES
  let next = after
  const range = { gte: entryKey(after + 1), lte: entryKey(last) }
  for await (const [key, value] of pairsOf(store, range)) {
    if (entryPosition(key) !== next + 1) break
    if (next > after && size + 4 + value.length > bytesMax) break
    const sizeBytes = new Uint8Array(4)
    writeUint32(sizeBytes, 0, value.length)
    parts.push(sizeBytes, value)
    size += 4 + value.length
    next += openCommand(value).count
    if (size >= bytesMax) break
  }
  if (next === after && after < last && (await endsAt(store, after))) {
    throw new StoreDamagedError(`no value begins at position ${after + 1}`)
  }
  return { next, data: Buffer.concat(parts) }
}

export function chunkAfter(data: Uint8Array): number {
  return readUint48(data, 0)
}

/** Throws MalformedCommandError, or UnknownVersionError. */
export function chunkValues(data: Uint8Array): EventWalk[] {
  const values: EventWalk[] = []
  let at = HEAD_BYTES
  while (at < data.length) {
    if (at + 4 > data.length) throw new MalformedCommandError('a chunk is cut')
    const end = at + 4 + readUint32(data, at)
    if (end > data.length) throw new MalformedCommandError('a chunk is cut')
    values.push(openCommand(data.subarray(at + 4, end)))
    at = end
  }
  return values
}

function chunkHead(after: number): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES)
  writeUint48(head, 0, after)
  return head
}
