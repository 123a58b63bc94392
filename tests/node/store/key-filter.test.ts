// The filter before the store: it may send apply to the store in vain, and must never keep it from looking.

import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'

import { KeyFilter } from '../../../node/store/key-filter.ts'
import { dedupKey } from '../../../node/store/keys.ts'

const key = (n: number) => dedupKey(0, `topic-${n % 7}`, `event-${n}`)

async function storeWith(count: number) {
  const store = new MemoryLevel<Uint8Array, Uint8Array>({
    keyEncoding: 'view',
    valueEncoding: 'view',
  })
  await store.open()
  for (let n = 0; n < count; n++) await store.put(key(n), Uint8Array.of(1))
  return store
}

describe('what the store may hold', () => {
  test('is everything, until all its keys have been read', async () => {
    const filter = new KeyFilter()
    expect(filter.mayHold(key(1))).toBe(true)

    await filter.fill(await storeWith(0))

    expect(filter.mayHold(key(1))).toBe(false)
  })

  test('is each key that was there, and each that was added, before or after', async () => {
    const filter = new KeyFilter()
    for (let n = 3_000; n < 4_000; n++) filter.add(key(n))
    await filter.fill(await storeWith(3_000))
    for (let n = 4_000; n < 30_000; n++) filter.add(key(n))

    const missing = Array.from({ length: 30_000 }, (_, n) => n).filter(
      (n) => !filter.mayHold(key(n)),
    )

    expect(missing).toEqual([])
  })

  test('is little else, however many layers it has grown', async () => {
    const filter = new KeyFilter()
    await filter.fill(await storeWith(0))
    for (let n = 0; n < 100_000; n++) filter.add(key(n))

    let inVain = 0
    for (let n = 100_000; n < 200_000; n++) if (filter.mayHold(key(n))) inVain++

    expect(inVain).toBeLessThan(5_000)
  })

  test('is everything again, once the store was emptied or closed', async () => {
    const filter = new KeyFilter()
    await filter.fill(await storeWith(0))
    filter.abandon()

    expect(filter.mayHold(key(1))).toBe(true)
  })

  test('is everything, if the store cannot be read to its end', async () => {
    const store = await storeWith(2_500)
    const filter = new KeyFilter()
    const filled = filter.fill(store)
    await store.close()
    await filled

    expect(filter.mayHold(key(1_000_000))).toBe(true)
  })
})
