// A page is bounded in bytes as well as in events, or one request could ask for a gigabyte.

import { expect, test } from 'vitest'
import { DedupStateMachine } from '../../../node/store/dedup-state-machine.ts'
import { PAGE_BYTES_MAX } from '../../../node/store/queries.ts'
import { JournalStore } from './journal-store.ts'
import { logOf } from './logs.ts'

test('large events come in several pages, none larger than the bound, none left out', async () => {
  const store = new JournalStore()
  const machine = await DedupStateMachine.open(store, store.makeDurable)
  await machine.redoFrom(null)
  const text = 'x'.repeat(1_000_000)
  const events = Array.from({ length: 20 }, (_, i) => ({
    topic: 'large',
    event_id: `e${i}`,
    source: '',
    timestamp: '2026-01-01T00:00:00Z',
    payload: { text },
  }))
  await machine.apply(logOf(events.map((event) => [event])))

  let after: number | null = 0
  let count = 0
  let pages = 0
  while (after !== null) {
    const page = await machine.page({ limit: 1_000, order: 'asc', after })
    const bytes = page.events.reduce((sum, event) => sum + event.length, 0)
    expect(bytes).toBeLessThanOrEqual(PAGE_BYTES_MAX)
    count += page.events.length
    pages += 1
    after = page.next
  }

  expect(count).toBe(20)
  expect(pages).toBe(3)
})
