// Reads a file from its beginning, and, if asked to, goes on as it grows, is cut short, or is replaced.
//
// Looks at the file again only when `wait` lets it; that is where the clock, or a test, comes in.

import { type FileHandle, open, stat } from 'node:fs/promises'

export type TailPart =
  | { readonly type: 'bytes'; readonly bytes: Buffer }
  /** Everything there was has been read. */
  | { readonly type: 'idle' }
  /** What follows is another file under the same name, or the same file written anew. */
  | { readonly type: 'restart'; readonly fileId: string }

const CHUNK_BYTES = 64 * 1024
/** Bytes before our place that are read again, to notice that a file was cut and has grown past us since. */
const MEMORY_BYTES = 256

/** `wait` resolves to false when there is to be no further look; null: read to the end once. */
export async function* tail(
  path: string,
  wait: (() => Promise<boolean>) | null,
): AsyncGenerator<TailPart> {
  let file = await TailedFile.open(path)
  try {
    for (;;) {
      yield* file.unread()
      if (wait === null) return
      yield { type: 'idle' }
      if (!(await wait())) return
      const present = await fileIdAt(path)
      // Missing: it is being rotated just now; the next one will appear.
      if (present === null) continue
      if (present !== file.id) {
        // What its writer had still put into the old one, before it turned to the new one.
        yield* file.unread()
        await file.close()
        file = await TailedFile.open(path)
        yield { type: 'restart', fileId: file.id }
      } else if (await file.wasRewritten()) {
        file.rewind()
        yield { type: 'restart', fileId: file.id }
      }
    }
  } finally {
    await file.close()
  }
}

/** The inode number: it stays with a file that is renamed. Null when there is no such file. */
export async function fileIdAt(path: string): Promise<string | null> {
  try {
    return String((await stat(path, { bigint: true })).ino)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

class TailedFile {
  readonly id: string
  readonly #handle: FileHandle
  #offset = 0
  /** The last bytes read, just before #offset. */
  #memory = Buffer.alloc(0)

  private constructor(handle: FileHandle, id: string) {
    this.#handle = handle
    this.id = id
  }

  static async open(path: string): Promise<TailedFile> {
    const handle = await open(path, 'r')
    return new TailedFile(handle, String((await handle.stat({ bigint: true })).ino))
  }

  async *unread(): AsyncGenerator<TailPart> {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
      const { bytesRead } = await this.#handle.read(buffer, 0, CHUNK_BYTES, this.#offset)
      if (bytesRead === 0) return
      const bytes = buffer.subarray(0, bytesRead)
      this.#offset += bytesRead
      this.#memory = Buffer.concat([this.#memory, bytes.subarray(-MEMORY_BYTES)]).subarray(
        -MEMORY_BYTES,
      )
      yield { type: 'bytes', bytes }
    }
  }

  async wasRewritten(): Promise<boolean> {
    const before = Buffer.alloc(this.#memory.length)
    const place = this.#offset - before.length
    const { bytesRead } = await this.#handle.read(before, 0, before.length, place)
    return bytesRead < before.length || !before.equals(this.#memory)
  }

  rewind(): void {
    this.#offset = 0
    this.#memory = Buffer.alloc(0)
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
