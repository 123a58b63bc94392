// The log on disk with a watch beside it: the same port, and the same answers. Neither raft/log nor the replica knows that
// it is watched, or what time it is.

import type { FileSystem, LogFile } from '../../raft/log/files.ts'
import type { LogStorage, LogWrite } from '../../raft/ports.ts'
import type { Meters } from './meters.ts'

type Clock = () => number

export class ObservedLog implements LogStorage {
  readonly #log: LogStorage
  readonly #meters: Meters
  readonly #monotonicMs: Clock

  constructor(log: LogStorage, meters: Meters, monotonicMs: Clock) {
    this.#log = log
    this.#meters = meters
    this.#monotonicMs = monotonicMs
  }

  async append(write: LogWrite): Promise<void> {
    const startMs = this.#monotonicMs()
    await this.#log.append(write)
    const { appendSeconds, entriesPerAppend } = this.#meters
    appendSeconds.observe((this.#monotonicMs() - startMs) / 1_000)
    const { entries } = write
    if (entries.length > 0) entriesPerAppend.observe(entries.length) // else it was a vote or a term
    for (const { data } of entries) this.#meters.appendedBytes += data.length
  }

  load(): ReturnType<LogStorage['load']> {
    return this.#log.load()
  }

  read(from: number, to: number, bytesMax: number): ReturnType<LogStorage['read']> {
    return this.#log.read(from, to, bytesMax)
  }

  removeBefore(index: number): ReturnType<LogStorage['removeBefore']> {
    return this.#log.removeBefore(index)
  }

  bytesSinceCheckpoint(): number {
    return this.#log.bytesSinceCheckpoint()
  }

  close(): Promise<void> {
    return this.#log.close()
  }
}

/** Files whose synced writes are timed: those of appends, and those that prepare the next segment. */
export function observedFiles(files: FileSystem, meters: Meters, monotonicMs: Clock): FileSystem {
  return {
    open: (path) => files.open(path),
    create: async (path, durable) => {
      const file = await files.create(path, durable)
      return durable ? new ObservedFile(file, meters, monotonicMs) : file
    },
    readdir: (path) => files.readdir(path),
    mkdir: (path, options) => files.mkdir(path, options),
    unlink: (path) => files.unlink(path),
  }
}

class ObservedFile implements LogFile {
  readonly #file: LogFile
  readonly #meters: Meters
  readonly #monotonicMs: Clock

  constructor(file: LogFile, meters: Meters, monotonicMs: Clock) {
    this.#file = file
    this.#meters = meters
    this.#monotonicMs = monotonicMs
  }

  async write(...place: Parameters<LogFile['write']>): ReturnType<LogFile['write']> {
    const startMs = this.#monotonicMs()
    const result = await this.#file.write(...place)
    this.#meters.syncSeconds.observe((this.#monotonicMs() - startMs) / 1_000)
    return result
  }

  read(...place: Parameters<LogFile['read']>): ReturnType<LogFile['read']> {
    return this.#file.read(...place)
  }

  sync(): Promise<void> {
    return this.#file.sync()
  }

  stat(): ReturnType<LogFile['stat']> {
    return this.#file.stat()
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
