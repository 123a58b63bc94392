// Opens the LevelDB directory, or says which of the things that can be wrong with it is.
//
// Creates a store only when told to, and never over the remains of one: LevelDB would take a directory that lost
// its CURRENT file for a new one. Never repairs, never destroys.

import { existsSync, readdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Level } from 'level'
import { FORMAT_MARK, FORMAT_VERSION, OUTSIDE } from './keys.ts'
import type { MakeDurable, SortedStore } from './sorted-store.ts'
import {
  isRefusalOfTheSystem,
  StoreDamagedError,
  StoreFormatError,
  StoreLockedError,
  StoreMissingError,
  StoreUnusableError,
} from './store-errors.ts'

/**
 * A memtable of LevelDB; two may be in memory. Larger ones are merged less often, and searched longer; and writes wait longer
 * where one is full before the last one is in a table.
 */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024
/** The fewest that LevelDB allows: 64 tables, of 2 MiB each, since it maps those it holds open into memory. */
const OPEN_FILES_MAX = 74

export interface OpenedStore {
  readonly store: SortedStore
  readonly makeDurable: MakeDurable
}

type LevelStore = Level<Uint8Array, Uint8Array>

export async function openLevel(
  directory: string,
  { createIfMissing }: { createIfMissing: boolean },
): Promise<OpenedStore> {
  const exists = existsSync(`${directory}/CURRENT`)
  if (!exists) {
    const remains = existsSync(directory) ? readdirSync(directory).filter(isLevelFile) : []
    if (remains.length > 0) {
      throw new StoreDamagedError(`${directory} holds ${remains[0]} but no CURRENT file`)
    }
    if (!createIfMissing) throw new StoreMissingError(`there is no store in ${directory}`)
  }

  const store: LevelStore = new Level(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    // Known to classic-level; `level` types what all platforms have.
    // Compression would halve the store, and cost each node a fifth of all that it does for an event.
    ...{ writeBufferSize: WRITE_BUFFER_BYTES, maxOpenFiles: OPEN_FILES_MAX, compression: false },
  })
  try {
    await store.open({ createIfMissing: !exists })
  } catch (error) {
    throw classified(error, directory)
  }
  try {
    await settleFormat(store, directory, exists)
  } catch (error) {
    await store.close()
    throw error
  }
  return {
    store: withForgetfulIterators(store),
    makeDurable: (key, value) => makeDurable(store, key, value),
  }
}

/**
 * classic-level keeps what an iterator read last until V8 collects the iterator, and V8 does not know of those bytes: a
 * node that serves pages would hold gigabytes. One more read, at the end of the range, lets go of them.
 */
function withForgetfulIterators(store: LevelStore): SortedStore {
  return {
    getMany: (keys) => store.getMany(keys),
    batch: () => store.batch(),
    clear: (range) => store.clear(range),
    close: () => store.close(),
    iterator(range) {
      const iterator = store.iterator(range)
      const end = range.reverse === true ? range.gte : range.lte
      // Of few values, or none, there is little to let go of.
      if (end === undefined || range.limit !== undefined || range.values === false) return iterator
      return {
        next: () => iterator.next(),
        nextv: (size) => iterator.nextv(size),
        async close() {
          try {
            iterator.seek(end)
            await iterator.nextv(1)
          } catch {
            // Whoever read has what it asked for.
          } finally {
            await iterator.close()
          }
        },
      }
    },
  }
}

/** A new store is marked, and its directory entries made durable; of an old one the mark is checked. */
async function settleFormat(store: LevelStore, directory: string, exists: boolean): Promise<void> {
  const mark = exists ? await store.get(FORMAT_MARK) : undefined
  if (mark !== undefined) {
    if (mark[0] === FORMAT_VERSION) return
    throw new StoreFormatError(
      `${directory} has format ${mark[0]}; this release knows ${FORMAT_VERSION}`,
    )
  }
  // LevelDB syncs neither its first MANIFEST nor the directory after renaming CURRENT. An existing store without
  // a mark is one whose creation was interrupted here.
  await store.put(FORMAT_MARK, Uint8Array.of(FORMAT_VERSION), { sync: true })
  await syncDirectory(directory)
  await syncDirectory(dirname(directory))
}

/**
 * Compacting a range outside all keys moves the memtable into a synced table and touches nothing else; but a
 * failure to do so is not reported there. It makes all later writes fail, and so the synced write is the proof.
 */
async function makeDurable(store: LevelStore, key: Uint8Array, value: Uint8Array): Promise<void> {
  // `level` types what all platforms have; on Node it is classic-level, which can compact.
  const classic = store as LevelStore & {
    compactRange(start: Uint8Array, end: Uint8Array): Promise<void>
  }
  await classic.compactRange(OUTSIDE, OUTSIDE)
  await store.put(key, value, { sync: true })
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isLevelFile(name: string): boolean {
  return /^(MANIFEST-\d+|\d+\.(ldb|sst|log))$/.test(name)
}

function classified(error: unknown, directory: string): Error {
  const cause = (error as Error).cause as (Error & { code?: string }) | undefined
  const reason = cause?.message ?? (error as Error).message
  if (cause?.code === 'LEVEL_LOCKED') {
    return new StoreLockedError(`another process uses the store in ${directory}`, { cause: error })
  }
  if (isRefusalOfTheSystem(error)) {
    return new StoreUnusableError(`the store in ${directory} cannot be used: ${reason}`, {
      cause: error,
    })
  }
  return new StoreDamagedError(`the store in ${directory} does not open: ${reason}`, {
    cause: error,
  })
}
