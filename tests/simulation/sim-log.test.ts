// The simulated log against the contract of the real one, and the faults that only a simulated disk has.

import { describe, expect, test } from 'vitest'
import { LogDamageError } from '../../raft/ports.ts'
import {
  checkpointAt,
  entries,
  entry,
  type LogWorld,
  logContract,
  NOTHING,
  seededRandom,
} from '../raft/log-contract.ts'
import { type SimLogCall, SimLogDisk } from './sim-log.ts'

const MEMBERS = ['n1', 'n2', 'n3']

function newDisk(schedule?: (call: SimLogCall, done: () => void) => void): SimLogDisk {
  let stores = 0
  const drawStoreId = () => {
    stores += 1
    return String(stores).padStart(32, '0')
  }
  const random = seededRandom(7)
  return new SimLogDisk({ random, drawStoreId, ...(schedule && { schedule }) })
}

/** Each call is one operation: cut off before it ends, at step 0, or not at all. */
async function simWorld(): Promise<LogWorld> {
  let hung: (() => void) | null = null
  const disk = newDisk((_, done) => (hung === null ? done() : hung()))
  return {
    open: ({ nodeId = 'n1', members = MEMBERS } = {}) => disk.open(nodeId, members),
    crashDuring: async (call, step, power) => {
      const cut = new Promise<'cut'>((resolve) => {
        if (step === 0) hung = () => resolve('cut')
      })
      const outcome = await Promise.race([call().then(() => 'settled' as const), cut])
      hung = null
      disk.crash(power)
      return outcome
    },
    dispose: async () => {},
  }
}

logContract('the simulated log', simWorld, 1000)

describe('a simulated disk', () => {
  test.each([{ code: 'EIO', written: true } as const, { code: 'ENOSPC', written: false } as const])(
    'refuses an append with $code, written: $written, and the process can do nothing more',
    async (failure) => {
      const disk = newDisk()
      const log = disk.open('n1', MEMBERS)
      await log.load()
      await log.append({ ...NOTHING, entries: entries(1, 2, 1) })
      disk.failNextAppend(failure)

      await expect(log.append({ ...NOTHING, entries: [entry(3, 1)] })).rejects.toMatchObject({
        code: failure.code,
      })
      await expect(log.append({ ...NOTHING, entries: [entry(3, 1)] })).rejects.toThrow()
      disk.crash(false)
      const loaded = await disk.open('n1', MEMBERS).load()
      expect(loaded.entries).toEqual(entries(1, failure.written ? 3 : 2, 1))
    },
  )

  test('loses the end of the log in silence', async () => {
    const disk = newDisk()
    const log = disk.open('n1', MEMBERS)
    await log.load()
    for (let index = 1; index <= 6; index += 1)
      await log.append({ ...NOTHING, entries: [entry(index, 1)] })
    disk.crash(true)
    disk.loseWrites(2)

    expect((await disk.open('n1', MEMBERS).load()).entries).toEqual(entries(1, 4, 1))
  })

  test('does not start where lost writes had allowed to remove what is now owed again', async () => {
    const disk = newDisk()
    const log = disk.open('n1', MEMBERS)
    await log.load()
    await log.append({ ...NOTHING, entries: entries(1, 6, 1) })
    await log.append({ ...NOTHING, checkpoint: checkpointAt(5, 1) })
    expect(await log.removeBefore(6)).toBe(6)
    disk.crash(true)
    disk.loseWrites(1)

    await expect(disk.open('n1', MEMBERS).load()).rejects.toThrow(LogDamageError)
  })

  test('with a rotten record is refused, until it is wiped: then it is another store', async () => {
    const disk = newDisk()
    const log = disk.open('n1', MEMBERS)
    const { identity } = await log.load()
    await log.append({ ...NOTHING, entries: entries(1, 6, 1) })
    disk.rot(4)
    await expect(log.read(1, 6, 1e6)).rejects.toThrow(LogDamageError)
    expect(await log.read(1, 3, 1e6)).toEqual(entries(1, 3, 1))
    disk.crash(true)
    await expect(disk.open('n1', MEMBERS).load()).rejects.toThrow(LogDamageError)

    disk.wipe()
    const loaded = await disk.open('n1', MEMBERS).load()
    expect(loaded.entries).toEqual([])
    expect(loaded.identity.store).not.toBe(identity.store)
  })

  test('forgets a rotten record that was lost with the end of the log', async () => {
    const disk = newDisk()
    const log = disk.open('n1', MEMBERS)
    await log.load()
    await log.append({ ...NOTHING, entries: entries(1, 3, 1) })
    await log.append({ ...NOTHING, entries: entries(4, 6, 1) })
    disk.crash(true)
    disk.rot(5)
    disk.loseWrites(1)

    const restarted = disk.open('n1', MEMBERS)
    await restarted.load()
    await restarted.append({ ...NOTHING, entries: entries(4, 6, 2) })

    expect(await restarted.read(1, 6, 1e6)).toHaveLength(6)
    expect(() => disk.rot(7)).toThrow('no entry 7')
  })

  test('goes back to an older copy, whatever was written since', async () => {
    const disk = newDisk()
    const log = disk.open('n1', MEMBERS)
    await log.load()
    await log.append({ ...NOTHING, entries: entries(1, 3, 1) })
    const copy = disk.copy()
    await log.append({ ...NOTHING, entries: entries(2, 6, 2) })
    disk.restore(copy)

    expect((await disk.open('n1', MEMBERS).load()).entries).toEqual(entries(1, 3, 1))
  })
})
