// Damage that LevelDB would serve without a word is found by the scan.

import { beforeEach, expect, test } from 'vitest'

import { DedupStateMachine } from '../../../node/store/dedup-state-machine.ts'
import { dedupKey, entryKey, entryPosition } from '../../../node/store/keys.ts'
import { lastOf } from '../../../node/store/sorted-store.ts'
import { StoreBehindError } from '../../../raft/ports.ts'
import { JournalStore } from './journal-store.ts'
import { logOf } from './logs.ts'

let store: JournalStore
let machine: DedupStateMachine

beforeEach(async () => {
  store = new JournalStore()
  machine = await DedupStateMachine.open(store, store.makeDurable)
  await machine.redoFrom(null)
  await machine.apply(
    logOf([
      [
        { topic: 'a', event_id: '1' },
        { topic: 'a', event_id: '2' },
      ],
      [{ topic: 'b', event_id: '1', payload: { text: 'hello' } }],
      [{ topic: 'b', event_id: '2' }],
    ]),
  )
})

/** What stands under a key becomes what `change` makes of it; null: nothing. */
async function tamper(key: Uint8Array, change: (value: Buffer) => Buffer | null): Promise<void> {
  const [value] = await store.getMany([key])
  const changed = change(Buffer.from(value!))
  const batch = store.batch()
  if (changed === null) batch.del(key)
  else batch.put(key, changed)
  await batch.write()
}

const faults = async () => (await machine.verifyDigest()).faults

test('a store as it was written has no fault', async () => {
  const { index, digest } = machine.digest()

  expect(await machine.verifyDigest()).toEqual({
    index,
    digest,
    found: digest,
    events: 4,
    faults: [],
  })
})

test('any bit of any value that flipped', async () => {
  for (const position of [1, 3, 4]) {
    const [pristine] = await store.getMany([entryKey(position)])
    for (let bit = 0; bit < pristine!.length * 8; bit += 5) {
      await tamper(entryKey(position), (value) => {
        value[bit >> 3]! ^= 1 << (bit & 7)
        return value
      })

      expect(await faults()).not.toEqual([])
      await tamper(entryKey(position), () => Buffer.from(pristine!))
    }
  }
  expect(await faults()).toEqual([])
})

test('a value that is gone, in the middle or at the end', async () => {
  await tamper(entryKey(4), () => null)
  expect(await faults()).toContain('the values end at position 3, not 4')

  await tamper(entryKey(1), () => null)
  expect(await faults()).toContain('a value begins at position 3, where 1 is due')
})

test('a dedup key that is gone, or names another position', async () => {
  await tamper(dedupKey(0, 'a', '2'), () => null)
  await tamper(dedupKey(0, 'b', '1'), (value) => {
    value[5] = 1
    return value
  })

  expect(await faults()).toEqual([
    'position 2 has no dedup key',
    'the dedup key of position 3 names 1',
  ])
})

test('events accepted while it reads are none of its business', async () => {
  const scan = machine.verifyDigest()
  await machine.apply(logOf([[{ topic: 'c', event_id: '1' }]], 4))

  expect((await scan).faults).toEqual([])
  expect((await scan).events).toBe(4)
})

test('a store whose newest value is gone does not hold its checkpoint', async () => {
  const checkpoint = await machine.checkpoint()
  await tamper(entryKey(4), () => null)

  await expect(machine.redoFrom(checkpoint)).rejects.toThrow(StoreBehindError)
})

test('a missing value is an error to a reader too, and no empty answer', async () => {
  const [last] = (await lastOf(store, { gte: entryKey(0), lte: entryKey(4) }))!
  expect(entryPosition(last)).toBe(4)
  await tamper(entryKey(4), () => null)

  await expect(machine.get('b', '2')).rejects.toThrow('position 4 is missing')
  await expect(machine.page({ topic: 'b', limit: 9, order: 'asc' })).rejects.toThrow('is missing')
})
