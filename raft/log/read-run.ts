// Reads entries back from one segment, and believes none that is not as it was written.

import type { Entry, Index } from '../core/types.ts'
import { LogDamageError } from '../ports.ts'
import { ANCHOR_BYTES, type Run } from './entry-index.ts'
import { type FileSystem, readUpTo } from './files.ts'
import { decodeEntry, HEADER_BYTES, isSound, readHeader, recordBytes } from './record.ts'

export interface RunPart {
  readonly run: Run
  readonly path: string
  readonly seed: number
  /** A record begins here, at or before the one wanted. */
  readonly offset: number
  /** Where the segment's log ends. */
  readonly end: number
}

/**
 * Entries from..to of a run, at least one unless they were cancelled meanwhile, then as many as fit into about
 * `bytesMax`. Their data are views into what was read.
 */
export async function readRun(
  files: FileSystem,
  { run, path, seed, offset, end }: RunPart,
  from: Index,
  to: Index,
  bytesMax: number,
): Promise<Entry[]> {
  const file = await files.open(path)
  try {
    for (let length = bytesMax + ANCHOR_BYTES; ; length *= 2) {
      const bytes = await readUpTo(file, offset, Math.min(length, end - offset))
      if (from > run.last) return []
      const entries = pickEntries(bytes, seed, from, Math.min(to, run.last), bytesMax)
      if (entries !== null && entries.length > 0) return entries
      // Nothing: the entry is longer than what was read, so read more, while there is more.
      if (entries === null || bytes.length < length) {
        throw new LogDamageError(
          `the log is damaged: ${path}, behind offset ${offset}: ` +
            `entry ${from} was written there and cannot be read back`,
        )
      }
    }
  } finally {
    await file.close()
  }
}

/** As far as they are in `bytes` whole; null if one is unsound. Records before `from` are walked over. */
function pickEntries(
  bytes: Buffer,
  seed: number,
  from: Index,
  to: Index,
  bytesMax: number,
): Entry[] | null {
  const entries: Entry[] = []
  let picked = 0
  let next = from
  for (let at = 0; next <= to && at + HEADER_BYTES <= bytes.length; ) {
    const header = readHeader(bytes, at, seed)
    if (header === null) return null
    if (at + recordBytes(header) > bytes.length) break
    if (header.type === 'entry' && header.index >= from) {
      if (header.index !== next || !isSound(bytes, at, header)) return null
      const entry = decodeEntry(bytes, at, header)
      picked += entry.data.length
      if (entries.length > 0 && picked > bytesMax) break
      entries.push(entry)
      next += 1
    }
    at += recordBytes(header)
  }
  return entries
}
