// Logs for tests of the state machine: made by the real edge from plain events.

import fc from 'fast-check'

import { encodeCommand } from '../../../node/command/format.ts'
import { readPublish } from '../../../node/edge/read-publish.ts'
import type { Entry } from '../../../raft/core/types.ts'

export interface TestEvent {
  readonly topic: string
  readonly event_id: string
  readonly source?: string
  readonly timestamp?: string
  readonly payload?: object
}

/** What an entry is about: its events, or nothing. */
export type TestEntry = readonly TestEvent[] | 'noop'

export const TERM = 3
const LIMITS = { batchEventsMax: 100_000, eventBytesMax: 1_048_576 }

/** Entries from index 1 on, or from another. Each is received a second after the one before. */
export function logOf(entries: readonly TestEntry[], firstIndex = 1): Entry[] {
  return entries.map((events, i) => {
    const index = firstIndex + i
    const id = { index, term: TERM, proposal: null }
    if (events === 'noop') return { ...id, type: 'noop', data: new Uint8Array(0) }
    const receivedAtMs = 1_000 * index
    const batch = readPublish(Buffer.from(JSON.stringify(events)), 'json', LIMITS, receivedAtMs)
    return { ...id, type: 'normal', data: encodeCommand([batch], receivedAtMs) }
  })
}

/** Few topics and ids, so that duplicates and conflicts are common. */
export const anyEvent: fc.Arbitrary<TestEvent> = fc.record({
  topic: fc.constantFrom('a', 'a.b', '/a/b', 'é', 'a\u0000b'),
  event_id: fc.constantFrom('1', '2', '3', 'b\u0000c', 'c'),
  source: fc.constantFrom('', 's', 't'),
  timestamp: fc.constantFrom(
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00+07:00',
    '2020-02-29T12:00:00.5Z',
  ),
  payload: fc.constantFrom({}, { a: 1, b: 'x' }, { n: [1.5, null] }),
})

export const anyEntry: fc.Arbitrary<TestEntry> = fc.oneof(
  { weight: 6, arbitrary: fc.array(anyEvent, { minLength: 1, maxLength: 5 }) },
  { weight: 1, arbitrary: fc.constant('noop' as const) },
)

export const anyLog: fc.Arbitrary<TestEntry[]> = fc.array(anyEntry, { minLength: 1, maxLength: 25 })

/** Cuts a list into pieces whose sizes repeat those given. */
export function inGroups<T>(items: readonly T[], sizes: readonly number[]): T[][] {
  const groups: T[][] = []
  for (let at = 0, i = 0; at < items.length; i++) {
    const size = sizes[i % sizes.length]!
    groups.push(items.slice(at, at + size))
    at += size
  }
  return groups
}

export const anyGroups = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 })
