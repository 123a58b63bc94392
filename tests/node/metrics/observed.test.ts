// Ports with a watch beside them: they answer as they did before, and what they did is counted.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { DISK_LOOK_MS, diskUsageOf } from '../../../node/metrics/disk-usage.ts'
import { Meters } from '../../../node/metrics/meters.ts'
import { ObservedLog, observedFiles } from '../../../node/metrics/observed-log.ts'
import { ObservedStateMachine } from '../../../node/metrics/observed-state-machine.ts'
import type { Entry } from '../../../raft/core/types.ts'
import { realFiles } from '../../../raft/log/files.ts'
import { LogOnDisk } from '../../../raft/log/log-on-disk.ts'
import { ManualClock } from '../manual-clock.ts'
import { openMachine } from '../open-machine.ts'

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sekali-metrics-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

const noop = (index: number, bytes = 0): Entry => ({
  index,
  term: 1,
  type: 'noop',
  proposal: null,
  data: new Uint8Array(bytes),
})

const write = (entries: readonly Entry[]) => ({
  hardState: null,
  identity: null,
  checkpoint: null,
  base: false,
  entries,
})

test('an append is timed as a whole, its sync by itself, and its entries are counted', async () => {
  const clock = new ManualClock()
  const meters = new Meters()
  const slow = observedFiles(
    {
      ...realFiles,
      create: async (path, durable) => {
        const file = await realFiles.create(path, durable)
        return {
          read: file.read.bind(file),
          write: async (...place) => {
            clock.advance(3)
            return file.write(...place)
          },
          sync: file.sync.bind(file),
          stat: file.stat.bind(file),
          close: file.close.bind(file),
        }
      },
    },
    meters,
    clock.monotonicMs,
  )
  const disk = new LogOnDisk({
    directory: join(await directory(), 'log'),
    nodeId: 'n1',
    members: ['n1'],
    drawStoreId: () => 'a'.repeat(32),
    fsync: true,
    segmentBytes: 1024 * 1024,
    files: slow,
  })
  const log = new ObservedLog(disk, meters, clock.monotonicMs)
  await log.load()
  const before = meters.syncSeconds.count

  await log.append(write([noop(1, 100), noop(2, 50)]))
  await log.append({ ...write([]), hardState: { term: 2, vote: 'n1' } })

  expect(await log.read(1, 2, 1_000)).toHaveLength(2)
  expect(meters.appendSeconds.count).toBe(2)
  expect(meters.appendSeconds.sum).toBeGreaterThanOrEqual(0.006)
  expect(meters.syncSeconds.count).toBeGreaterThanOrEqual(before + 2)
  expect(meters.syncSeconds.sum).toBeCloseTo(meters.syncSeconds.count * 0.003)
  expect(meters.entriesPerAppend.count).toBe(1)
  expect(meters.entriesPerAppend.sum).toBe(2)
  expect(meters.appendedBytes).toBe(150)
  await log.close()
})

test('an append that failed took no time, and is told as it is', async () => {
  const meters = new Meters()
  const log = new ObservedLog(
    {
      load: () => Promise.reject(new Error('not asked')),
      append: () => Promise.reject(new Error('no space left')),
      read: async () => 'compacted',
      removeBefore: async () => 7,
      bytesSinceCheckpoint: () => 9,
      close: async () => {},
    },
    meters,
    () => 0,
  )

  await expect(log.append(write([noop(1)]))).rejects.toThrow('no space left')

  expect(meters.appendSeconds.count).toBe(0)
  expect(await log.read(1, 1, 1)).toBe('compacted')
  expect(await log.removeBefore(7)).toBe(7)
  expect(log.bytesSinceCheckpoint()).toBe(9)
})

test('what is applied, checkpointed and offered is counted', async () => {
  const meters = new Meters()
  const clock = new ManualClock()
  const machine = await openMachine()
  const observed = new ObservedStateMachine(machine, meters, clock.monotonicMs)
  await observed.redoFrom(null)

  await observed.apply([noop(1), noop(2)])
  await observed.stored()

  expect(meters.applySeconds.count).toBe(1)
  expect(meters.eventsPerEntry.count).toBe(0)
  const checkpoint = await observed.checkpoint()
  expect(meters.checkpointSeconds.count).toBe(1)
  expect(observed.offer()).toEqual(checkpoint)
  expect(meters.snapshotsOffered).toBe(1)
  await observed.close()
})

test('elections are told apart by how far they came', () => {
  const meters = new Meters()
  for (const type of ['preCandidate', 'preCandidate', 'candidate', 'leader', 'follower', 'vote'])
    meters.trace({ type, term: 2, detail: {} })

  expect([meters.preVotes, meters.elections, meters.electionsWon]).toEqual([2, 1, 1])
})

test('the disk is looked at when asked, and at most so often', async () => {
  const log = await directory()
  const store = await directory()
  const clock = new ManualClock()
  await writeFile(join(log, 'a'), Buffer.alloc(1_000))
  await writeFile(join(log, 'b'), Buffer.alloc(500))
  const usage = diskUsageOf({ log, store }, clock.monotonicMs)

  const first = await usage()
  expect(first).toMatchObject({ logBytes: 1_500, storeBytes: 0 })
  expect(first.sizeBytes).toBeGreaterThan(0)
  expect(first.freeBytes).toBeLessThanOrEqual(first.sizeBytes)

  await writeFile(join(store, 'c'), Buffer.alloc(10))
  await rm(join(log, 'a'))
  expect(await usage()).toBe(first)
  clock.advance(DISK_LOOK_MS)
  expect(await usage()).toMatchObject({ logBytes: 500, storeBytes: 10 })
})
