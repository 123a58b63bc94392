// A store that was lost and is redone from the log: what it may claim before it is durable again.

import { describe, expect, test } from 'vitest'
import { encodeCommand } from '../../../node/command/format.ts'
import { readPublish } from '../../../node/edge/read-publish.ts'
import { DedupStateMachine } from '../../../node/store/dedup-state-machine.ts'
import type { Entry } from '../../../raft/core/types.ts'
import { StoreBehindError } from '../../../raft/ports.ts'
import { SimStore, SimStoreDisk } from '../../simulation/sim-store.ts'
import { Stream } from '../../simulation/stream.ts'
import { JournalStore } from './journal-store.ts'

const LIMITS = { batchEventsMax: 10, eventBytesMax: 1000 }

function entry(index: number): Entry {
  const body = Buffer.from(JSON.stringify({ topic: 't', event_id: `e${index}` }))
  const data = encodeCommand([readPublish(body, 'json', LIMITS, 0)], 0)
  return { index, term: 1, type: 'normal', proposal: null, data }
}

const ENTRIES = [1, 2, 3, 4].map(entry)

function open(disk: SimStoreDisk): Promise<DedupStateMachine> {
  const store = new SimStore(disk, async (work) => work())
  return DedupStateMachine.open(store, store.makeDurable)
}

describe('a store that is redone from nothing', () => {
  test('holds no checkpoint of the log before it has taken one itself (simulation seed 1318)', async () => {
    const before = await open(new SimStoreDisk(new Stream(1)))
    await before.redoFrom(null)
    await before.apply(ENTRIES.slice(0, 3))
    const checkpoint = await before.checkpoint()

    const disk = new SimStoreDisk(new Stream(1))
    const redone = await open(disk)
    await expect(redone.redoFrom(checkpoint)).rejects.toThrow(StoreBehindError)
    await redone.empty()
    await redone.redoFrom(null)
    await redone.apply(ENTRIES)

    const again = await open(disk) // shows index 4, but a power cut may have cost it any batch below
    await expect(again.redoFrom(checkpoint)).rejects.toThrow(StoreBehindError)
    await again.empty()
    await again.redoFrom(null)
    await again.apply(ENTRIES)
    const durable = await again.checkpoint()

    await expect((await open(disk)).redoFrom(durable)).resolves.toBeUndefined()
  })

  test('holds the checkpoint that it has taken, whatever a power cut costs it then (simulation seed 209)', async () => {
    const store = new JournalStore()
    const redone = await DedupStateMachine.open(store, store.makeDurable)
    await redone.empty()
    await redone.redoFrom(null)
    await redone.apply(ENTRIES)
    const checkpoint = await redone.checkpoint()

    const left = await store.crashed(() => false)

    const again = await DedupStateMachine.open(left, left.makeDurable)
    await expect(again.redoFrom(checkpoint)).resolves.toBeUndefined()
  })
})
