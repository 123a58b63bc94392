// Opens what `npm run publish` is to send: made-up events, the lines of a file or stream, or events as NDJSON.
//
// Beside the events it tells how far the reading is. Ends early, and cleanly, when asked to stop.

import { createReadStream, fstatSync, statSync } from 'node:fs'
import { CommandError } from '../args.ts'
import type { StopWish } from '../signals.ts'
import { type LineOptions, lineEvents } from './line-events.ts'
import { ndjsonEvents } from './ndjson-events.ts'
import type { Source } from './outgoing.ts'
import { type TailPart, tail } from './tail.ts'

/** A followed file is looked at this often. */
const FOLLOW_MS = 250
/** Id of a stream that has neither an inode number nor a name given by the user. */
const STREAM_ID = 'stdin'

export interface Input {
  readonly source: Source
  /** 0 to 1; null for what has no known end. */
  readonly share: () => number | null
}

export function lineInput(
  path: string,
  follow: boolean,
  options: LineOptions,
  stop: StopWish,
): Input {
  const file = inspect(path)
  const counter = new ByteCounter(follow ? null : file.bytes)
  if (file.kind === 'stream') {
    const parts = asParts(counter.count(streamOf(path, stop)))
    return {
      source: untilStopped(lineEvents(parts, file.id ?? STREAM_ID, options), stop),
      share: counter.share,
    }
  }
  const wait = async (): Promise<boolean> => {
    await stop.sleep(FOLLOW_MS)
    return !stop.isAsked()
  }
  const parts = counter.countParts(tail(path, follow ? wait : null))
  return {
    source: untilStopped(lineEvents(parts, file.id ?? STREAM_ID, options), stop),
    share: counter.share,
  }
}

export function ndjsonInput(path: string, stop: StopWish): Input {
  const counter = new ByteCounter(inspect(path).bytes)
  const chunks = counter.count(streamOf(path, stop))
  return { source: untilStopped(ndjsonEvents(chunks), stop), share: counter.share }
}

/** Passes on what comes until it ends or the user has had enough. */
export async function* untilStopped(source: Source, stop: StopWish): Source {
  for await (const item of source) {
    if (stop.isAsked()) return
    yield item
  }
}

/** `id`: the inode number, of a stream only if it is a redirected file. */
function inspect(path: string): {
  kind: 'file' | 'stream'
  id: string | null
  bytes: number | null
} {
  try {
    const stat = path === '-' ? fstatSync(0, { bigint: true }) : statSync(path, { bigint: true })
    if (stat.isDirectory()) throw new CommandError(`${path} is a directory`)
    if (!stat.isFile()) return { kind: 'stream', id: null, bytes: null }
    const kind = path === '-' ? 'stream' : 'file'
    return { kind, id: String(stat.ino), bytes: Number(stat.size) }
  } catch (error) {
    throw asCommandError(path, error)
  }
}

async function* streamOf(path: string, stop: StopWish): AsyncGenerator<Buffer> {
  const stream = path === '-' ? process.stdin : createReadStream(path)
  // Nothing may come for a long time: the wish to stop must not wait for it.
  stop.asked.then(() => stream.destroy())
  try {
    yield* stream
  } catch (error) {
    if (!stop.isAsked()) throw asCommandError(path, error)
  }
}

function asCommandError(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof CommandError || code === undefined) return error
  return new CommandError(`${path === '-' ? 'standard input' : path} cannot be read (${code})`)
}

async function* asParts(chunks: AsyncIterable<Buffer>): AsyncGenerator<TailPart> {
  for await (const bytes of chunks) yield { type: 'bytes', bytes }
}

class ByteCounter {
  readonly #total: number | null
  #read = 0

  constructor(total: number | null) {
    this.#total = total
  }

  readonly share = (): number | null => {
    if (this.#total === null) return null
    return this.#total === 0 ? 1 : this.#read / this.#total
  }

  async *count(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.#read += chunk.length
      yield chunk
    }
  }

  async *countParts(parts: AsyncIterable<TailPart>): AsyncGenerator<TailPart> {
    for await (const part of parts) {
      if (part.type === 'bytes') this.#read += part.bytes.length
      yield part
    }
  }
}
