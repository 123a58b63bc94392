// Log lines as events: one event a line, with an id that is the same whenever the same line is shipped again.
//
// The id of a line is `OFFSET-HASH`: the byte offset at which it begins, and 128 bits of a hash over the file's id and
// every line of the file up to and including this one. The file's id is its inode number (a renamed file keeps it) or
// the name given with --file-id (for copies of a file, and for streams, whose id is else the word `stdin`). So:
//   - shipping a file twice, from any node, after a rename, or after it has grown, stores each line once;
//   - a new file that got the inode number of a deleted one has other ids as soon as a byte differs;
//   - equal lines at different places are different events.
// The newline is not part of the line; a '\r' before it is. The payload is {"line": text} for a line that is valid
// UTF-8, and {"line_base64": text} with all its bytes otherwise, so that every line can be had back unchanged.

import { hash } from 'node:crypto'
import { REQUEST_LIMITS } from '../../client/contract/limits.ts'
import { LineSplitter, type RawLine } from './line-splitter.ts'
import type { Source, SourceItem } from './outgoing.ts'
import type { TailPart } from './tail.ts'

export interface LineOptions {
  readonly topic: string
  readonly source: string
  /** Given by the user: stands for every file that is read, in place of its inode number. */
  readonly fileId: string | null
}

/** A longer line cannot become an event of a size that nodes take. */
export const LINE_BYTES_MAX = REQUEST_LIMITS.eventBytesMax
const HASH_HEX_DIGITS = 32

/** `firstFileId`: of the file the first parts come from. */
export async function* lineEvents(
  parts: AsyncIterable<TailPart>,
  firstFileId: string,
  options: LineOptions,
): Source {
  const splitter = new LineSplitter(LINE_BYTES_MAX)
  let ids = new LineIds(options.fileId ?? firstFileId)
  let follows = false
  for await (const part of parts) {
    switch (part.type) {
      case 'bytes':
        for (const line of splitter.push(part.bytes)) yield toItem(line, ids.next(line), options)
        break
      case 'idle':
        follows = true
        yield { type: 'pause' }
        break
      case 'restart': {
        const line = splitter.end()
        if (line !== null) yield toItem(line, ids.next(line), options)
        ids = new LineIds(options.fileId ?? part.fileId)
        break
      }
      default:
        part satisfies never
    }
  }
  // While a file is followed, its last line may only be half written yet.
  const line = follows ? null : splitter.end()
  if (line !== null) yield toItem(line, ids.next(line), options)
}

/** The ids of one file's lines, to be asked for in their order. */
export class LineIds {
  #chain: string

  constructor(fileId: string) {
    this.#chain = hash('sha256', fileId)
  }

  next(line: RawLine): string {
    // The length stands for what was not kept of a line that is too long, and ends the chain's text before the line.
    const link = Buffer.concat([Buffer.from(`${this.#chain}:${line.length}:`), line.bytes])
    this.#chain = hash('sha256', link)
    return `${line.offset}-${this.#chain.slice(0, HASH_HEX_DIGITS)}`
  }
}

function toItem(line: RawLine, eventId: string, options: LineOptions): SourceItem {
  const place = `line ${line.number}`
  const tooLong = (bytes: number): SourceItem => ({
    type: 'bad',
    place,
    reason: `is too long: ${bytes} bytes, of ${REQUEST_LIMITS.eventBytesMax} an event may have`,
  })
  if (line.length > line.bytes.length) return tooLong(line.length)
  const json = JSON.stringify({
    topic: options.topic,
    event_id: eventId,
    ...(options.source === '' ? {} : { source: options.source }),
    payload: linePayload(line.bytes),
  })
  const bytes = Buffer.byteLength(json)
  if (bytes > REQUEST_LIMITS.eventBytesMax) return tooLong(bytes)
  return { type: 'event', topic: options.topic, eventId, json, place }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function linePayload(bytes: Buffer): { line: string } | { line_base64: string } {
  try {
    return { line: UTF8.decode(bytes) }
  } catch {
    return { line_base64: bytes.toString('base64') }
  }
}
