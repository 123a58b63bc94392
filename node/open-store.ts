// Opens the node's LevelDB in its place, or a new one where the log and the peers can fill it again.
//
// The store is the one part of a node that may be lost: what it held is in the log and on the peers. So a store that
// is missing or does not open is set aside, never repaired, and an empty one takes its place. LevelDB's own lock on
// it also keeps a second process away from the whole data directory.

import { readdir, rename, rm } from 'node:fs/promises'
import { type OpenedStore, openLevel } from './store/open.ts'
import { StoreDamagedError, StoreMissingError } from './store/store-errors.ts'

export interface FoundStore extends OpenedStore {
  /** What had to be done, in words; null: it opened as it was. */
  readonly note: string | null
}

/** Rejects with StoreLockedError or StoreFormatError; the directory is untouched then. */
export async function openStore(directory: string, logDirectory: string): Promise<FoundStore> {
  const createIfMissing = await isEmpty(logDirectory)
  try {
    return { ...(await openLevel(directory, { createIfMissing })), note: null }
  } catch (error) {
    if (error instanceof StoreMissingError)
      return { ...(await openLevel(directory, { createIfMissing: true })), note: error.message }
    if (!(error instanceof StoreDamagedError)) throw error
    const aside = `${directory}.damaged`
    await rm(aside, { recursive: true, force: true })
    await rename(directory, aside)
    const opened = await openLevel(directory, { createIfMissing: true })
    return { ...opened, note: `${error.message}; it was moved to ${aside}` }
  }
}

async function isEmpty(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length === 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
}
