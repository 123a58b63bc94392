// The real log against its contract, and what only a real disk has: system calls, failures, files and their sizes.

import { open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FileSystem, filesOf, type LogFile, realFiles } from '../../../raft/log/files.ts'
import type { LogOnDisk } from '../../../raft/log/log-on-disk.ts'
import { LogDamageError } from '../../../raft/ports.ts'
import {
  checkpointAt,
  entries,
  entry,
  logContract,
  NOTHING,
  seededRandom,
} from '../log-contract.ts'
import { HeldReads } from './crashing-files.ts'
import { type DiskWorld, diskWorld } from './disk-world.ts'

logContract('the log on disk', diskWorld, 100)

const KIB = 1024

let world: DiskWorld

beforeEach(async () => {
  world = await diskWorld()
})
afterEach(() => world.dispose())

async function segmentNames(): Promise<string[]> {
  return (await readdir(world.directory)).sort()
}

describe('a write', () => {
  test('is one system call and one sync, whatever it says', async () => {
    const log = world.open({ segmentBytes: 64 * KIB })
    const { identity } = await log.load()
    const [segment] = await segmentNames()
    world.files.log.length = 0
    await log.append({
      hardState: { term: 1, vote: 'n1' },
      identity: { ...identity, configIndex: 1 },
      checkpoint: checkpointAt(3, 1),
      base: false,
      entries: entries(1, 20, 1, 300),
    })

    const own = world.files.log.filter((operation) => operation.endsWith(segment!))
    expect(own).toEqual([`write ${segment}`, `datasync ${segment}`])
  })

  test('that begins a segment is the same: the next one is prepared beside the appends', async () => {
    const log = world.open()
    await log.load()
    let index = 1
    const names = await segmentNames()
    while ((await segmentNames()).length === names.length) {
      await log.append({ ...NOTHING, entries: [entry(index++, 1, 500)] })
    }
    const spare = (await segmentNames()).at(-1)!
    const size = async () => (await stat(join(world.directory, spare))).size
    while ((await size()) < 8192) await log.append({ ...NOTHING, entries: [entry(index++, 1, 50)] })
    const sealed = () => world.files.log.includes(`sync ${spare}`)
    while (!sealed()) await log.append({ ...NOTHING, entries: [entry(index++, 1, 50)] })

    expect(await readFile(join(world.directory, spare))).toEqual(Buffer.alloc(8192))
    const own = (): string[] => {
      const ofSpare = world.files.log.filter((operation) => operation.endsWith(spare))
      return ofSpare.slice(ofSpare.indexOf(`sync ${spare}`) + 1)
    }
    while (own().length === 0) await log.append({ ...NOTHING, entries: [entry(index++, 1, 500)] })
    expect(own().slice(0, 2)).toEqual([`write ${spare}`, `datasync ${spare}`])
  })

  test('larger than a segment gets a larger segment', async () => {
    const log = world.open()
    await log.load()
    const large = entries(1, 3, 1, 30_000)
    await log.append({ ...NOTHING, entries: large })
    await log.append({ ...NOTHING, entries: [entry(4, 1)] })

    expect(await log.read(1, 4, 1e9)).toEqual([...large, entry(4, 1)])
    await log.close()
    expect((await world.open().load()).entries).toEqual([...large, entry(4, 1)])
  })

  test('of which the system takes only a part goes on with the rest', async () => {
    const log = world.open()
    await log.load()
    const [name] = (await segmentNames()) as [string]
    world.files.shortWrite = { name, bytes: 100 }
    await log.append({ ...NOTHING, entries: entries(1, 5, 1) })
    await log.close()

    expect((await world.open().load()).entries).toEqual(entries(1, 5, 1))
  })

  test('with FSYNC off is never synced, nor is a start', async () => {
    const log = world.open({ fsync: false })
    await log.load()
    for (let index = 1; index <= 40; index += 1) {
      await log.append({ ...NOTHING, entries: [entry(index, 1, 500)] })
    }
    await log.close()
    await world.open({ fsync: false }).load()

    expect(world.files.log.filter((operation) => operation.includes('sync'))).toEqual([])
  })
})

test.each(['linux', 'darwin'] as const)('on %s files are written and read', async (platform) => {
  const files = filesOf(platform)
  const log = world.open({ files })
  await log.load()
  await log.append({ ...NOTHING, entries: entries(1, 9, 1) })
  await log.close()

  expect((await world.open({ files }).load()).entries).toEqual(entries(1, 9, 1))
})

describe('after a failure', () => {
  test.each(['write', 'datasync'] as const)('of a %s nothing is done any more', async (failing) => {
    const log = world.open()
    await log.load()
    await log.append({ ...NOTHING, checkpoint: checkpointAt(1, 1), entries: entries(1, 2, 1) })
    world.files.fail = (operation) => {
      if (operation === failing) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    }
    await expect(log.append({ ...NOTHING, entries: [entry(3, 1)] })).rejects.toThrow('EIO')
    world.files.fail = null
    world.files.log.length = 0

    await expect(log.append({ ...NOTHING, entries: [entry(3, 1)] })).rejects.toThrow('EIO')
    await expect(log.append(NOTHING)).rejects.toThrow('EIO')
    await expect(log.read(1, 1, 1)).rejects.toThrow('EIO')
    await expect(log.removeBefore(1)).rejects.toThrow('EIO')
    await expect(log.load()).rejects.toThrow('EIO')
    expect(world.files.log).toEqual([])
    await log.close()
    const { entries: found } = await world.open().load()
    expect(found.slice(0, 1)).toEqual([entry(2, 1)])
    expect(found.length).toBeLessThanOrEqual(2)
  })

  test('with a full disk that took a part of the write, a restart cuts the part', async () => {
    const log = world.open()
    await log.load()
    await log.append({ ...NOTHING, entries: entries(1, 2, 1) })
    const [name] = (await segmentNames()) as [string]
    let writes = 0
    world.files.shortWrite = { name, bytes: 150 }
    world.files.fail = (operation, path) => {
      if (operation !== 'write' || !path.endsWith(name)) return
      writes += 1
      if (writes === 2) throw new Error('ENOSPC: no space left')
    }
    await expect(log.append({ ...NOTHING, entries: entries(3, 9, 1) })).rejects.toThrow('ENOSPC')
    world.files.fail = null
    await log.close()
    const loaded = await world.open().load()

    expect(loaded.entries).toEqual(entries(1, 2, 1))
    expect(loaded.notes).toEqual([expect.stringMatching(/^cut a torn write of 1\d\d bytes/)])
  })

  test('to prepare the next segment the log ends too, at the latest when it is needed', async () => {
    const log = world.open()
    await log.load()
    world.files.fail = (operation, path) => {
      if (operation === 'open' && path.includes('0000000002-'))
        throw new Error('ENOSPC: no space left')
    }
    await log.append({ ...NOTHING, entries: [entry(1, 1)] })

    const more = async () => {
      await log.append({ ...NOTHING, entries: [entry(2, 1, 9000)] })
    }
    await expect(more()).rejects.toThrow('ENOSPC')
  })

  test('of a removal nothing is done any more', async () => {
    const log = world.open()
    await log.load()
    for (let index = 1; index <= 40; index += 1)
      await log.append({ ...NOTHING, entries: [entry(index, 1, 900)] })
    await log.append({ ...NOTHING, checkpoint: checkpointAt(40, 1) })
    world.files.fail = (operation) => {
      if (operation === 'unlink') throw new Error('EROFS: read-only')
    }

    await expect(log.removeBefore(40)).rejects.toThrow('EROFS')
    await expect(log.append({ ...NOTHING, entries: [entry(41, 1)] })).rejects.toThrow('EROFS')
  })

  test('of a read at the start the start fails: an unreadable byte is not the end of the log', async () => {
    const log = world.open()
    await log.load()
    await log.append({ ...NOTHING, entries: entries(1, 9, 1) })
    await log.close()
    const unreadable: FileSystem = {
      ...realFiles,
      readdir: (path) => realFiles.readdir(path),
      mkdir: (path, options) => realFiles.mkdir(path, options),
      unlink: (path) => realFiles.unlink(path),
      open: async (...all) => {
        const file = await realFiles.open(...all)
        const failing: LogFile = {
          read: async () => {
            throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })
          },
          write: (...all) => file.write(...all),
          sync: () => file.sync(),
          stat: () => file.stat(),
          close: () => file.close(),
        }
        return failing
      },
    }

    await expect(world.open({ files: unreadable }).load()).rejects.toMatchObject({ code: 'EIO' })
    expect((await world.open().load()).entries).toEqual(entries(1, 9, 1))
  })
})

describe('a first start', () => {
  test('cut off by a power cut at any operation, any number of times, ends in a new directory', async () => {
    const random = seededRandom(11)
    for (let step = 0; step < 12; step += 1) {
      const own = await diskWorld()
      for (const again of [step, step, 2]) {
        await own.crashDuring(() => own.open().load(), again, step > 0, random)
      }
      const log = own.open()
      expect(await log.load()).toMatchObject({ hardState: { term: 0, vote: null }, entries: [] })
      await log.append({ ...NOTHING, entries: [entry(1, 1)] })
      await log.close()
      await own.dispose()
    }
  })

  test('makes a directory and files for their owner alone', async () => {
    await world.open().load()
    const mode = async (path: string) => (await stat(path)).mode & 0o777

    expect(await mode(world.directory)).toBe(0o700)
    for (const name of await segmentNames()) {
      expect(await mode(join(world.directory, name))).toBe(0o600)
    }
  })

  test('refuses a store id that is none, and members without this node', async () => {
    await expect(world.open({ drawStoreId: () => 'x' }).load()).rejects.toThrow('store id')
    await expect(world.open({ nodeId: 'n9' }).load()).rejects.toThrow('n9')
  })
})

describe('a restart', () => {
  test('repeated many times keeps all, and adds no files', async () => {
    const first = world.open()
    await first.load()
    await first.append({
      ...NOTHING,
      hardState: { term: 3, vote: 'n2' },
      entries: entries(1, 5, 3),
    })
    await first.close()
    for (let life = 0; life < 8; life += 1) {
      const log = world.open()
      expect(await log.load()).toMatchObject({
        hardState: { term: 3, vote: 'n2' },
        entries: entries(1, 5, 3),
        notes: [],
      })
      await log.close()
    }

    expect((await segmentNames()).length).toBeLessThanOrEqual(2)
  })

  test('writes again what it read of the last write, synced, before load() settles', async () => {
    const log = world.open()
    await log.load()
    await log.append({ ...NOTHING, entries: entries(1, 3, 1) })
    world.files.fail = (operation) => {
      if (operation === 'datasync') throw new Error('EIO: i/o error')
    }
    await expect(log.append({ ...NOTHING, entries: entries(4, 6, 1) })).rejects.toThrow('EIO')
    world.files.fail = null
    await world.files.kill()
    const again = world.open()
    const loaded = await again.load()
    // Every sector that was written and not synced is now lost.
    await world.files.kill()
    await world.files.cutPower(world.directory, () => 0.9)

    expect(loaded.entries).toEqual(entries(1, 6, 1))
    expect((await world.open().load()).entries).toEqual(entries(1, 6, 1))
  })
})

describe('a long log', () => {
  test('is read from anywhere, over many segments, overrides and anchors', async () => {
    const log = world.open({
      segmentBytes: 512 * KIB,
      preallocateSliceBytes: 512 * KIB,
      fsync: false,
    })
    await log.load()
    const random = seededRandom(3)
    const below = (limit: number) => Math.floor(random() * limit)
    let model: ReturnType<typeof entries> = []
    for (let term = 1; term <= 60; term += 1) {
      const first = Math.max(1, model.length + 1 - (term % 3 === 0 ? below(150) : 0))
      const added = entries(first, first + 20 + below(100), term, 20 + below(600))
      model = [...model.slice(0, first - 1), ...added]
      await log.append({ ...NOTHING, entries: added })
    }
    for (let reads = 0; reads < 300; reads += 1) {
      const from = 1 + below(model.length)
      const to = from + below(400)
      const got = await log.read(from, to, 1 + below(200_000))
      expect(got).toEqual(model.slice(from - 1, to).slice(0, got.length))
      expect(got.length).toBeGreaterThan(0)
    }
    expect(await log.read(1, model.length, 1e9)).toEqual(model)
  })

  test('one entry of several megabytes among small ones', async () => {
    const log = world.open({ fsync: false })
    await log.load()
    const large = entry(2, 1, 3_000_000)
    await log.append({ ...NOTHING, entries: [entry(1, 1), large, entry(3, 1)] })

    expect(await log.read(2, 3, 10)).toEqual([large])
    expect(await log.read(1, 3, 10)).toEqual([entry(1, 1)])
    expect(await log.read(3, 3, 10)).toEqual([entry(3, 1)])
  })

  test('keeps a tail below the checkpoint for followers that lag', async () => {
    const log = world.open({ keepBytes: 20_000 })
    await log.load()
    await fill(log, 60)
    await log.append({ ...NOTHING, checkpoint: checkpointAt(60, 1) })
    const first = await log.removeBefore(61)

    expect(first).toBeGreaterThan(1)
    const tail = await log.read(first, 60, 1e9)
    expect(tail.length * 900).toBeGreaterThanOrEqual(20_000 - 8192)
    expect(tail.length * 900).toBeLessThan(20_000 + 2 * 8192)
  })

  test('a record that rotted since the start is damage when it is read', async () => {
    const log = world.open({ fsync: false })
    await log.load()
    await log.append({ ...NOTHING, entries: entries(1, 9, 1, 100) })
    const [name] = await segmentNames()
    const file = await open(join(world.directory, name!), 'r+')
    await file.write(
      Buffer.from([1, 2, 3]),
      0,
      3,
      (await readFile(join(world.directory, name!))).lastIndexOf(entry(7, 1).data.subarray(0, 8)),
    )
    await file.close()

    expect(await log.read(1, 6, 600)).toEqual(entries(1, 6, 1, 100))
    await expect(log.read(7, 9, 1e6)).rejects.toThrow(LogDamageError)
  })

  test.each([
    ['the segment it begins in', '0000000001-'],
    ['the next segment', '0000000002-'],
  ])(
    'an override while a read waits for %s is never answered with what it cancelled',
    async (_, name) => {
      const log = world.open()
      await log.load()
      await log.append({ ...NOTHING, entries: entries(1, 8, 1, 900) })
      await log.append({ ...NOTHING, entries: entries(9, 12, 1, 900) })
      const held = new HeldReads(name)
      world.files.heldReads = held
      const reading = log.read(3, 12, 1e6)
      await held.met
      await log.append({ ...NOTHING, entries: entries(5, 6, 2, 100) })
      held.release()

      expect(await reading).toEqual([...entries(3, 4, 1, 900), ...entries(5, 6, 2, 100)])
    },
  )

  test('removed during a read is compacted', async () => {
    const log = world.open()
    await log.load()
    await fill(log, 40)
    await log.append({ ...NOTHING, checkpoint: checkpointAt(40, 1) })
    const held = new HeldReads('.log')
    world.files.heldReads = held
    const reading = log.read(1, 40, 1e6)
    await held.met
    await log.removeBefore(41)
    held.release()

    expect(await reading).toBe('compacted')
  })
})

async function fill(log: LogOnDisk, count: number): Promise<void> {
  for (let index = 1; index <= count; index += 1) {
    await log.append({ ...NOTHING, entries: [entry(index, 1, 900)] })
  }
}
