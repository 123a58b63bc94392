// The real file system, with a memory of what was synced, so that the power can be cut at any operation.
//
// After a cut, each 512-byte sector written since its file's last sync is there or is not, each name made or removed since
// the directory's last sync is there or is not, as the given random decides. A kill loses nothing, but what was not
// synced before it may still be lost by a later cut.

import fs from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { FileSystem, LogFile } from '../../../raft/log/files.ts'

const SECTOR_BYTES = 512

type Operation = 'open' | 'write' | 'datasync' | 'sync' | 'unlink'

/** Segments whose name contains `name` are opened for reading only after release(). */
export class HeldReads {
  readonly #name: string
  readonly #met = Promise.withResolvers<void>()
  readonly #released = Promise.withResolvers<void>()

  constructor(name: string) {
    this.#name = name
  }

  /** Ends when a read waits. */
  get met(): Promise<void> {
    return this.#met.promise
  }

  release(): void {
    this.#released.resolve()
  }

  async pass(path: string): Promise<void> {
    if (!basename(path).includes(this.#name)) return
    this.#met.resolve()
    await this.#released.promise
  }
}

export class CrashingFiles {
  /** Of operations that change something, since the last crash. */
  steps = 0
  /** Throws what the next operation of this kind shall fail with. */
  fail: ((operation: Operation, path: string) => void) | null = null
  /** Takes no more than so many bytes of the next write to the file of this name. */
  shortWrite: { readonly name: string; readonly bytes: number } | null = null
  heldReads: HeldReads | null = null
  readonly log: string[] = []
  readonly #synced = new Map<string, Buffer>()
  readonly #syncedNames = new Set<string>()
  readonly #handles = new Set<LogFile>()
  readonly #underWay = new Set<Promise<unknown>>()
  #crashAt = Number.POSITIVE_INFINITY
  #crashed: PromiseWithResolvers<void> = Promise.withResolvers()
  #life = 0

  /** Runs a call and ends the process when it is about to do its step-th operation that changes something. */
  async killDuring(call: () => Promise<unknown>, step: number): Promise<'settled' | 'cut'> {
    this.steps = 0
    this.#crashAt = step
    const outcome = await Promise.race([
      call().then(() => 'settled' as const),
      this.#crashed.promise.then(() => 'cut' as const),
    ])
    await this.kill()
    return outcome
  }

  /** The process is gone: nothing it began goes on. */
  async kill(): Promise<void> {
    this.#life += 1
    this.#crashAt = Number.POSITIVE_INFINITY
    this.#crashed = Promise.withResolvers()
    await Promise.allSettled(this.#underWay)
    for (const handle of this.#handles) await handle.close()
    this.#handles.clear()
  }

  /** What was not synced is lost in part. Call after a kill. */
  async cutPower(directory: string, random: () => number): Promise<void> {
    const present = new Set((await fs.readdir(directory)).map((name) => join(directory, name)))
    for (const path of new Set([...present, ...this.#syncedNames])) {
      if (dirname(path) !== directory) continue
      const durable = this.#syncedNames.has(path)
      const survives = present.has(path) === durable ? durable : random() < 0.5
      if (!survives) {
        await fs.rm(path, { force: true })
        continue
      }
      const synced = this.#synced.get(path) ?? Buffer.alloc(0)
      const current = present.has(path) ? await fs.readFile(path) : synced
      await fs.writeFile(path, mixSectors(synced, current, random))
    }
    this.#syncedNames.clear()
    for (const name of await fs.readdir(directory)) {
      const path = join(directory, name)
      this.#syncedNames.add(path)
      this.#synced.set(path, await fs.readFile(path))
    }
  }

  /** The file system as one process sees it, until it is killed. */
  process(): FileSystem {
    const life = this.#life
    return {
      readdir: (path) => fs.readdir(path),
      mkdir: (path, options) => fs.mkdir(path, options),
      open: async (path) => {
        await this.heldReads?.pass(path)
        return this.#opened(life, path, fs.open(path, 'r'), false)
      },
      create: async (path, durable) => {
        await this.#step(life, 'open', path)
        return this.#opened(life, path, fs.open(path, 'wx+', 0o600), durable)
      },
      unlink: async (path) => {
        await this.#step(life, 'unlink', path)
        await this.#finishing(() => fs.unlink(path))
      },
    }
  }

  async #step(life: number, operation: Operation, path: string): Promise<void> {
    // A process that was killed does nothing more; what it waits for never comes.
    if (life !== this.#life) await new Promise(() => {})
    this.log.push(`${operation} ${basename(path)}`)
    this.fail?.(operation, path)
    if (this.steps === this.#crashAt) this.#crashed.resolve()
    this.steps += 1
    if (this.steps > this.#crashAt) await new Promise(() => {})
  }

  /** What has reached the system is done there even if the process ends meanwhile. */
  #finishing<Result>(work: () => Promise<Result>): Promise<Result> {
    const underWay = work().finally(() => this.#underWay.delete(underWay))
    this.#underWay.add(underWay)
    return underWay
  }

  #opened(
    life: number,
    path: string,
    opening: Promise<fs.FileHandle>,
    durable: boolean,
  ): Promise<LogFile> {
    return this.#finishing(async () => {
      const wrapped = this.#wrap(life, await opening, path, durable)
      this.#handles.add(wrapped)
      return wrapped
    })
  }

  #wrap(life: number, file: fs.FileHandle, path: string, durable: boolean): LogFile {
    const wrapped: LogFile = {
      read: (...all) => file.read(...all),
      stat: () => file.stat(),
      write: async (buffer, offset, length, position) => {
        await this.#step(life, 'write', path)
        const short = this.shortWrite?.name === basename(path) ? this.shortWrite.bytes : length
        if (short < length) this.shortWrite = null
        const result = await this.#finishing(() => file.write(buffer, offset, short, position))
        if (durable) {
          await this.#step(life, 'datasync', path)
          await this.#finishing(() => this.#remember(path))
        }
        return result
      },
      sync: async () => {
        await this.#step(life, 'sync', path)
        await this.#finishing(() => this.#remember(path))
      },
      close: async () => {
        this.#handles.delete(wrapped)
        await file.close().catch(() => {})
      },
    }
    return wrapped
  }

  async #remember(path: string): Promise<void> {
    if (!(await fs.stat(path)).isDirectory()) {
      this.#synced.set(path, await fs.readFile(path))
      return
    }
    for (const known of this.#syncedNames) {
      if (dirname(known) === path) this.#syncedNames.delete(known)
    }
    for (const name of await fs.readdir(path)) this.#syncedNames.add(join(path, name))
  }
}

function mixSectors(synced: Buffer, current: Buffer, random: () => number): Buffer {
  const mixed = Buffer.alloc(random() < 0.5 ? synced.length : current.length)
  synced.copy(mixed)
  for (let sector = 0; sector < current.length; sector += SECTOR_BYTES) {
    const written = current.subarray(sector, sector + SECTOR_BYTES)
    if (random() < 0.5) written.copy(mixed, sector)
  }
  return mixed
}
