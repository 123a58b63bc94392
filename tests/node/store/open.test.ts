// Opening a directory: what is found there, and what is done about it.

import { appendFile, mkdtemp, readdir, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { FORMAT_MARK } from '../../../node/store/keys.ts'
import { openLevel } from '../../../node/store/open.ts'
import {
  StoreDamagedError,
  StoreFormatError,
  StoreLockedError,
  StoreMissingError,
} from '../../../node/store/store-errors.ts'

let parent: string
let directory: string

beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'sekali-open-'))
  directory = path.join(parent, 'store')
})

afterEach(() => rm(parent, { recursive: true }))

const open = (createIfMissing = false) => openLevel(directory, { createIfMissing })

async function create(): Promise<void> {
  const { store } = await open(true)
  await store.close()
}

async function file(pattern: RegExp): Promise<string> {
  const name = (await readdir(directory)).find((each) => pattern.test(each))
  return path.join(directory, name!)
}

test('a store is created only when that is asked for', async () => {
  await expect(open()).rejects.toThrow(StoreMissingError)
  expect(await readdir(parent)).toEqual([])

  await create()
  await create()
  const { store } = await open()
  await store.close()
})

test('a second opener is told that another one is there, and harms nothing', async () => {
  const { store, makeDurable } = await open(true)

  await expect(open()).rejects.toThrow(StoreLockedError)
  await makeDurable(Buffer.from('k'), Buffer.from('v'))
  await store.close()
})

test('what is made durable is in a table, and stays', async () => {
  const { store, makeDurable } = await open(true)
  const batch = store.batch()
  batch.put(Buffer.from('a'), Buffer.from('1'))
  await batch.write()
  await makeDurable(Buffer.from('k'), Buffer.from('v'))
  await store.close()
  // The log of LevelDB is lost: only tables count.
  await rm(await file(/\.log$/))

  const again = await open()
  expect(await again.store.getMany([Buffer.from('a')])).toEqual([Buffer.from('1')])
  await again.store.close()
})

test('the remains of a store without its CURRENT file are not taken for a new one', async () => {
  await create()
  await rm(path.join(directory, 'CURRENT'))

  await expect(open()).rejects.toThrow(StoreDamagedError)
  await expect(open(true)).rejects.toThrow(StoreDamagedError)
})

test('a damaged store does not open, and is left as it is', async () => {
  await create()
  await truncate(await file(/^MANIFEST/), 10)

  await expect(open()).rejects.toThrow(StoreDamagedError)
  await expect(open(true)).rejects.toThrow(StoreDamagedError)
})

test('files of others in the directory disturb nobody', async () => {
  await create()
  await appendFile(path.join(directory, 'README'), 'mine')

  const { store } = await open()
  await store.close()
})

test('a store of a newer format is refused', async () => {
  const { store, makeDurable } = await open(true)
  await makeDurable(FORMAT_MARK, Buffer.of(2))
  await store.close()

  await expect(open()).rejects.toThrow(StoreFormatError)
})
