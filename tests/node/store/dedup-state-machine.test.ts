// The state machine's contract, on LevelDB and in memory.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'

import { DedupStateMachine } from '../../../node/store/dedup-state-machine.ts'
import { type OpenedStore, openLevel } from '../../../node/store/open.ts'
import { type StoreWorld, stateMachineContract } from '../state-machine-contract.ts'
import { contentsOf, JournalStore } from './journal-store.ts'
import { logOf } from './logs.ts'

stateMachineContract('in memory', async (): Promise<StoreWorld> => {
  const store = new JournalStore()
  let machine: DedupStateMachine | null = null
  return {
    async open() {
      machine = await DedupStateMachine.open(store, store.makeDurable)
      return machine
    },
    async contents() {
      await machine?.stored()
      return contentsOf(store)
    },
    close: async () => {},
  }
})

stateMachineContract('on LevelDB', async (): Promise<StoreWorld> => {
  const directory = await mkdtemp(path.join(tmpdir(), 'sekali-store-'))
  let opened: OpenedStore | null = null
  let machine: DedupStateMachine | null = null
  return {
    async open() {
      await opened?.store.close()
      opened = await openLevel(directory, { createIfMissing: opened === null })
      machine = await DedupStateMachine.open(opened.store, opened.makeDurable)
      return machine
    },
    async contents() {
      await machine?.stored()
      return contentsOf(opened!.store)
    },
    async close() {
      await opened?.store.close()
      await rm(directory, { recursive: true })
    },
  }
})

describe('while a batch is on its way to the store', () => {
  const EVENT = { topic: 'a', event_id: '1' }
  const asked = { limit: 10, order: 'asc' } as const

  async function answered() {
    const store = new JournalStore()
    const machine = await DedupStateMachine.open(store, store.makeDurable)
    await machine.redoFrom(null)
    const held = store.hold()
    const [outcome] = await machine.apply(logOf([[EVENT]]))
    return { machine, held, outcome }
  }

  test('its outcomes are known, and whoever reads waits until they can be seen', async () => {
    const { machine, held, outcome } = await answered()
    const order: string[] = []
    const page = machine.page(asked).finally(() => order.push('read'))
    const checkpoint = machine.checkpoint().finally(() => order.push('checkpoint'))
    void machine.stored().then(() => order.push('stored'))

    expect(outcome).toMatchObject({ count: 1 })
    expect(machine.stats()).toMatchObject({ appliedIndex: 1, lastPosition: 1 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(order).toEqual([])

    held.resolve()
    expect((await page).events).toHaveLength(1)
    expect((await checkpoint).index).toBe(1)
    expect(order[0]).toBe('stored')
  })

  test('the next entry is decided when it is in', async () => {
    const { machine, held } = await answered()
    const next = machine.apply(logOf([[EVENT]], 2))
    let decided = false
    void next.then(() => {
      decided = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(decided).toBe(false)

    held.resolve()
    await next
    expect(machine.stats()).toMatchObject({ lastPosition: 1, duplicates: 1 })
  })

  test('that fails, stored() and every read fail', async () => {
    const { machine, held } = await answered()
    const stored = machine.stored()
    const page = machine.page(asked)
    held.reject(new Error('no space left'))

    await expect(stored).rejects.toThrow('no space left')
    await expect(page).rejects.toThrow('no space left')
  })
})
