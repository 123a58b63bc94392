// Events on their way, kept on the sender's disk: durable before they are sent, removed when their end is known, so that
// a sender that crashed sends them again with the same ids.
//
//   sekali-outbox 1                                       what the file is
//   4f1c09ab {"add":[[1,{…}],[2,{…}]],"done":[]}          CRC-32 of the rest of the line; one line is one write
//   03d2e7f0 {"add":[[3,{…}]],"done":[1,2]}
//
// A write begins only after the one before it is durable, so after a crash only the last line can be torn, and nobody was
// promised anything on it: it is cut. Any other damage is refused. Nobody waits for what is done to be written: should it
// be forgotten, an event is sent twice and stored once. The file is replaced as a whole (rename) when most of it is done.

import { type FileHandle, mkdir, open, readFile, realpath, rename } from 'node:fs/promises'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import type { EncodedEvent } from './encode.ts'
import { takeLock } from './outbox-lock.ts'

export type OutboxErrorCode = 'outbox_in_use' | 'outbox_damaged' | 'outbox_full' | 'outbox_failed'

/** The outbox cannot do what it is for; what was to be published was not sent by this call. */
export class OutboxError extends Error {
  override readonly name = 'OutboxError'
  readonly code: OutboxErrorCode

  constructor(code: OutboxErrorCode, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.code = code
  }
}

/** An event in the outbox, under a number of its own: the same event may be in it twice. */
export interface KeptEvent extends EncodedEvent {
  readonly number: number
}

export interface OutboxOptions {
  /** Of all events kept. */
  readonly bytesMax?: number
  /** A file below this is not worth replacing. */
  readonly compactBytesMin?: number
  /** Resolves when all that was written is durable. */
  readonly sync?: (file: FileHandle) => Promise<void>
}

const BYTES_MAX = 256 * 1024 * 1024
const COMPACT_BYTES_MIN = 1024 * 1024
const HEADER = 'sekali-outbox 1\n'
/** Of one line of a file that is replaced. */
const LINE_EVENTS_MAX = 1_000

interface Adding {
  readonly kept: readonly KeptEvent[]
  readonly resolve: () => void
  readonly reject: (error: OutboxError) => void
}

export class Outbox {
  readonly #path: string
  readonly #unlock: () => Promise<void>
  readonly #options: Required<OutboxOptions>
  readonly #kept: Map<number, KeptEvent>
  #file: FileHandle
  #fileBytes: number
  #keptBytes = 0
  #lastNumber: number
  #adding: Adding[] = []
  #done: number[] = []
  #writing: Promise<void> | null = null
  #failure: OutboxError | null = null

  /**
   * Takes the file for this process; makes it, and its folder, where they are missing. `left`: what an earlier process
   * did not see the end of, in the order in which it was added.
   */
  static async open(
    file: string,
    given: OutboxOptions = {},
  ): Promise<{ readonly outbox: Outbox; readonly left: readonly KeptEvent[] }> {
    const options: Required<OutboxOptions> = {
      bytesMax: BYTES_MAX,
      compactBytesMin: COMPACT_BYTES_MIN,
      sync: (handle) => handle.datasync(),
      ...given,
    }
    const wholePath = await resolvedPath(file)
    const unlock = await takeLock(wholePath)
    if (unlock === null) {
      throw new OutboxError('outbox_in_use', `${file} is in use by another process or client`)
    }
    try {
      const left = recovered(file, await contentOf(wholePath))
      // Written anew: behind a torn line nothing may be appended.
      const { handle, bytes } = await replaceFile(wholePath, left, options.sync)
      return { outbox: new Outbox(wholePath, unlock, options, left, handle, bytes), left }
    } catch (error) {
      await unlock()
      throw error
    }
  }

  private constructor(
    wholePath: string,
    unlock: () => Promise<void>,
    options: Required<OutboxOptions>,
    left: readonly KeptEvent[],
    file: FileHandle,
    fileBytes: number,
  ) {
    this.#path = wholePath
    this.#unlock = unlock
    this.#options = options
    this.#kept = new Map(left.map((event) => [event.number, event]))
    this.#keptBytes = left.reduce((sum, event) => sum + event.bytes, 0)
    this.#lastNumber = left.at(-1)?.number ?? 0
    this.#file = file
    this.#fileBytes = fileBytes
  }

  /** Events in it. */
  get count(): number {
    return this.#kept.size
  }

  /** Resolves when they are durable. */
  async add(events: readonly EncodedEvent[]): Promise<readonly KeptEvent[]> {
    if (this.#failure !== null) throw this.#failure
    const bytes = events.reduce((sum, event) => sum + event.bytes, 0)
    if (this.#keptBytes + bytes > this.#options.bytesMax) {
      const detail = `the outbox holds ${this.#keptBytes} of ${this.#options.bytesMax} bytes`
      throw new OutboxError('outbox_full', detail)
    }
    const kept = events.map((event) => {
      this.#lastNumber += 1
      return { ...event, number: this.#lastNumber }
    })
    for (const event of kept) this.#kept.set(event.number, event)
    this.#keptBytes += bytes
    await new Promise<void>((resolve, reject) => {
      this.#adding.push({ kept, resolve, reject })
      this.#write()
    })
    return kept
  }

  /** Their end is known. Should that be forgotten in a crash, they are sent once more. */
  remove(events: readonly KeptEvent[]): void {
    for (const { number, bytes } of events) {
      if (!this.#kept.delete(number)) continue
      this.#keptBytes -= bytes
      this.#done.push(number)
    }
    this.#write()
  }

  /** Gives the file back. What is still in it is sent by whoever opens it next. */
  async close(): Promise<void> {
    while (this.#writing !== null) await this.#writing
    this.#failure ??= new OutboxError('outbox_failed', 'the outbox is closed')
    await this.#file.close()
    await this.#unlock()
  }

  #write(): void {
    if (this.#writing === null && this.#mustWrite()) this.#writing = this.#writeAll()
  }

  #mustWrite(): boolean {
    return this.#failure === null && this.#adding.length + this.#done.length > 0
  }

  /** One write for all that came while the last one became durable. */
  async #writeAll(): Promise<void> {
    while (this.#mustWrite()) {
      const adding = this.#adding
      const done = this.#done
      this.#adding = []
      this.#done = []
      try {
        if (this.#isWorthReplacing()) await this.#replace()
        else
          await this.#append(
            line(
              adding.flatMap(({ kept }) => kept),
              done,
            ),
          )
        for (const { resolve } of adding) resolve()
      } catch (error) {
        // Never on after a disk refused: what it holds is not known any more.
        this.#fail([...adding, ...this.#adding], error)
      }
    }
    this.#writing = null // in one step with the last look
  }

  async #append(text: string): Promise<void> {
    await this.#file.appendFile(text)
    await this.#options.sync(this.#file)
    this.#fileBytes += Buffer.byteLength(text)
  }

  #isWorthReplacing(): boolean {
    return this.#fileBytes > this.#options.compactBytesMin && this.#fileBytes > 2 * this.#keptBytes
  }

  async #replace(): Promise<void> {
    const old = this.#file
    const { handle, bytes } = await replaceFile(
      this.#path,
      [...this.#kept.values()],
      this.#options.sync,
    )
    this.#file = handle
    this.#fileBytes = bytes
    await old.close()
  }

  #fail(adding: readonly Adding[], cause: unknown): void {
    const detail = `${this.#path} cannot be written; nothing more is taken`
    this.#failure = new OutboxError('outbox_failed', detail, { cause })
    this.#adding = []
    for (const { reject } of adding) reject(this.#failure)
  }
}

/** Without links, since the file is replaced by renaming. */
async function resolvedPath(file: string): Promise<string> {
  const whole = path.resolve(file)
  await mkdir(path.dirname(whole), { recursive: true })
  try {
    return await realpath(whole)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return path.join(await realpath(path.dirname(whole)), path.basename(whole))
  }
}

async function contentOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return Buffer.alloc(0)
  }
}

function line(add: readonly KeptEvent[], done: readonly number[]): string {
  const events = add.map(({ number, json }) => `[${number},${json}]`)
  const text = `{"add":[${events.join(',')}],"done":[${done.join(',')}]}`
  return `${checksum(text)} ${text}\n`
}

function checksum(text: string | Buffer): string {
  return crc32(text).toString(16).padStart(8, '0')
}

/** The events still kept. Throws for what is no outbox, and for damage before the last line. */
function recovered(file: string, content: Buffer): KeptEvent[] {
  if (content.length === 0) return []
  if (!content.subarray(0, HEADER.length).equals(Buffer.from(HEADER))) {
    throw new OutboxError(
      'outbox_damaged',
      `${file} is not an outbox of this version; it is left alone`,
    )
  }
  const kept = new Map<number, KeptEvent>()
  for (let start = HEADER.length; start < content.length; ) {
    const end = content.indexOf(0x0a, start)
    const entry = end === -1 ? null : parsed(content.subarray(start, end))
    if (entry === null) {
      if (end === -1 || end === content.length - 1) break
      throw new OutboxError(
        'outbox_damaged',
        `${file} is damaged at byte ${start}; it is left alone`,
      )
    }
    for (const [number, event] of entry.add) kept.set(number, keptEvent(number, event))
    for (const number of entry.done) kept.delete(number)
    start = end + 1
  }
  return [...kept.values()]
}

interface Entry {
  readonly add: readonly (readonly [
    number,
    { readonly topic: string; readonly event_id: string },
  ])[]
  readonly done: readonly number[]
}

function parsed(bytes: Buffer): Entry | null {
  const text = bytes.subarray(9)
  // What has its checksum was written by us, and is well-formed.
  return bytes.toString('latin1', 0, 9) === `${checksum(text)} `
    ? JSON.parse(text.toString())
    : null
}

function keptEvent(number: number, event: Entry['add'][number][1]): KeptEvent {
  const json = JSON.stringify(event)
  const bytes = Buffer.byteLength(json)
  return { number, topic: event.topic, eventId: event.event_id, json, bytes }
}

/** Atomic: after a crash there is the old file or the new one, whole and durable. */
async function replaceFile(
  file: string,
  kept: readonly KeptEvent[],
  sync: (handle: FileHandle) => Promise<void>,
): Promise<{ readonly handle: FileHandle; readonly bytes: number }> {
  const next = `${file}.next`
  const handle = await open(next, 'w', 0o600)
  try {
    let bytes = HEADER.length
    await handle.appendFile(HEADER)
    for (let start = 0; start < kept.length; start += LINE_EVENTS_MAX) {
      const text = line(kept.slice(start, start + LINE_EVENTS_MAX), [])
      await handle.appendFile(text)
      bytes += Buffer.byteLength(text)
    }
    await sync(handle)
    await rename(next, file)
    await syncDirectory(path.dirname(file))
    return { handle, bytes }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return // which has no such thing
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
