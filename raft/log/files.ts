// The few file operations the log needs, as an interface that tests can make fail, and two helpers over it.
//
// node:fs/promises fits it as it is. Nothing else in raft/log touches a disk.

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
  datasync(): Promise<void>
  sync(): Promise<void>
  stat(): Promise<{ size: number }>
  close(): Promise<void>
}

export interface FileSystem {
  open(path: string, flags: string, mode?: number): Promise<LogFile>
  readdir(path: string): Promise<string[]>
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<string | undefined>
  unlink(path: string): Promise<void>
}

export const realFiles: FileSystem = fs

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
  const file = await files.open(path, 'r')
  try {
    const { size } = await file.stat()
    return await readUpTo(file, 0, Math.min(size, lengthMax))
  } finally {
    await file.close()
  }
}

/** Makes the names in a directory durable. */
export async function syncDirectory(files: FileSystem, directory: string): Promise<void> {
  const handle = await files.open(directory, 'r')
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
