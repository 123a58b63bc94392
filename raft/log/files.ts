// The few file operations the log needs, as an interface that tests can make fail, and two helpers over it.
//
// Nothing else in raft/log touches a disk. A durable file is synced with each write: Linux does both in one system call, which
// saves a turn of libuv's pool, and on a small record that is felt.

import { constants } from 'node:fs'
import fs from 'node:fs/promises'
import { dirname } from 'node:path'

export interface LogFile {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number }>
  write(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesWritten: number }>
  /** Metadata too. */
  sync(): Promise<void>
  stat(): Promise<{ size: number }>
  close(): Promise<void>
}

export interface FileSystem {
  /** To read it, or to sync a directory. */
  open(path: string): Promise<LogFile>
  /** A new file, for its owner alone. Of a durable one, what was written is on the disk when write() resolves. */
  create(path: string, durable: boolean): Promise<LogFile>
  readdir(path: string): Promise<string[]>
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<string | undefined>
  unlink(path: string): Promise<void>
}

const NEW = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
const FOR_OWNER = 0o600

export const filesOf = (platform: NodeJS.Platform): FileSystem => ({
  open: (path) => fs.open(path, 'r'),
  create: async (path, durable) => {
    if (!durable) return fs.open(path, NEW, FOR_OWNER)
    if (platform === 'linux') return fs.open(path, NEW | constants.O_DSYNC, FOR_OWNER)
    return synced(await fs.open(path, NEW, FOR_OWNER))
  },
  readdir: (path) => fs.readdir(path),
  mkdir: (path, options) => fs.mkdir(path, options),
  unlink: (path) => fs.unlink(path),
})

export const realFiles = filesOf(process.platform)

/** Where O_DSYNC is missing, or leaves what was written in the disk's own cache. */
function synced(file: fs.FileHandle): LogFile {
  return {
    read: (...place) => file.read(...place),
    write: async (...place) => {
      const result = await file.write(...place)
      await file.datasync()
      return result
    },
    sync: () => file.sync(),
    stat: () => file.stat(),
    close: () => file.close(),
  }
}

/** One positional write; goes on where the system took less than all (it then names the reason on the next call). */
export async function writeAll(file: LogFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(
      bytes,
      written,
      bytes.length - written,
      position + written,
    )
    if (bytesWritten === 0) throw new Error('the file system wrote nothing and gave no reason')
    written += bytesWritten
  }
}

/** Up to `length` bytes from `position`; fewer only where the file ends. */
export async function readUpTo(file: LogFile, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  let read = 0
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, position + read)
    if (bytesRead === 0) break
    read += bytesRead
  }
  return bytes.subarray(0, read)
}

/** The first `lengthMax` bytes of a file, all of it if left out. */
export async function readStart(
  files: FileSystem,
  path: string,
  lengthMax = Number.POSITIVE_INFINITY,
): Promise<Buffer> {
  const file = await files.open(path)
  try {
    const { size } = await file.stat()
    return await readUpTo(file, 0, Math.min(size, lengthMax))
  } finally {
    await file.close()
  }
}

/** Makes the names in a directory durable. */
export async function syncDirectory(files: FileSystem, directory: string): Promise<void> {
  const handle = await files.open(directory)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Creates a directory for its owner alone; with `sync` also durable, down from what existed before. */
export async function makeDirectory(
  files: FileSystem,
  directory: string,
  sync: boolean,
): Promise<void> {
  const firstMade = await files.mkdir(directory, { recursive: true, mode: 0o700 })
  if (firstMade === undefined || !sync) return
  for (let parent = dirname(directory); ; parent = dirname(parent)) {
    await syncDirectory(files, parent)
    if (parent === dirname(firstMade) || parent === dirname(parent)) return
  }
}
