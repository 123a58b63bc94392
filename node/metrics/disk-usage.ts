// How much of the disk this node takes, and how much is left of it.
//
// Looked up when somebody scrapes, file after file, so that it takes one of libuv's threads at most from those that sync
// the log; and not more often than DISK_LOOK_MS, whoever asks.

import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'

export interface DiskUsage {
  readonly logBytes: number
  readonly storeBytes: number
  /** Of the file system that holds both: what this user may still write, and all of it. */
  readonly freeBytes: number
  readonly sizeBytes: number
}

/** An answer is good for so long. */
export const DISK_LOOK_MS = 5_000

export function diskUsageOf(
  directories: { readonly log: string; readonly store: string },
  monotonicMs: () => number,
): () => Promise<DiskUsage> {
  let latest: Promise<DiskUsage> | null = null
  let staleMs = 0
  return () => {
    if (latest === null || monotonicMs() >= staleMs) {
      staleMs = monotonicMs() + DISK_LOOK_MS
      latest = look(directories)
    }
    return latest
  }
}

async function look(directories: { log: string; store: string }): Promise<DiskUsage> {
  const logBytes = await bytesIn(directories.log)
  const storeBytes = await bytesIn(directories.store)
  const { bsize, bavail, blocks } = await statfs(directories.log)
  return { logBytes, storeBytes, freeBytes: bsize * bavail, sizeBytes: bsize * blocks }
}

/** Of the files in a directory, without those below it. */
async function bytesIn(directory: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(directory)) bytes += await bytesOf(join(directory, name))
  return bytes
}

async function bytesOf(path: string): Promise<number> {
  try {
    const { size } = await stat(path)
    return size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0 // removed in between
    throw error
  }
}
