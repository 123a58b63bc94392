// Logs for tests of the state machine: made by the real edge from plain events.

import { type EncodedEvents, encodeCommand } from '../../../node/command/format.ts'
import { readCloudEvents } from '../../../node/edge/read-cloud-events.ts'
import { readPublish } from '../../../node/edge/read-publish.ts'
import type { Entry } from '../../../raft/core/types.ts'
import fc from '../../properties.ts'

export interface TestEvent {
  readonly topic: string
  readonly event_id: string
  readonly source?: string
  readonly timestamp?: string
  readonly payload?: object
  /** Sent as a CloudEvent: `payload` is its data, and it is known by its source and id. */
  readonly cloudevent?: true
}

/** The CloudEvent that an event stands for; its source must not be empty. */
export function cloudEventOf({ topic, event_id, source, timestamp, payload }: TestEvent): object {
  return { specversion: '1.0', id: event_id, source, type: topic, time: timestamp, data: payload }
}

/** What an entry is about: its events, or nothing. */
export type TestEntry = readonly TestEvent[] | 'noop'

export const TERM = 3
const LIMITS = { batchEventsMax: 100_000, eventBytesMax: 1_048_576, bodyBytesMax: 8_388_608 }

/** Entries from index 1 on, or from another. Each is received a second after the one before. */
export function logOf(entries: readonly TestEntry[], firstIndex = 1): Entry[] {
  return entries.map((events, i) => {
    const index = firstIndex + i
    const id = { index, term: TERM, proposal: null }
    if (events === 'noop') return { ...id, type: 'noop', data: new Uint8Array(0) }
    const receivedAtMs = 1_000 * index
    const batches = events.map((event) => batchOf(event, receivedAtMs))
    return { ...id, type: 'normal', data: encodeCommand(batches, receivedAtMs) }
  })
}

function batchOf({ cloudevent, ...event }: TestEvent, receivedAtMs: number): EncodedEvents {
  if (cloudevent === undefined) {
    return readPublish(Buffer.from(JSON.stringify(event)), 'json', LIMITS, receivedAtMs)
  }
  const body = Buffer.from(JSON.stringify(cloudEventOf(event)))
  return readCloudEvents(body, 'structured', { limits: LIMITS, receivedAtMs, topic: null })
}

/** Few topics and ids, so that duplicates and conflicts are common. */
const anyOwnEvent: fc.Arbitrary<TestEvent> = fc.record({
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

export const anyEvent: fc.Arbitrary<TestEvent> = fc.oneof(
  { weight: 3, arbitrary: anyOwnEvent },
  {
    weight: 1,
    arbitrary: fc
      .tuple(anyOwnEvent, fc.constantFrom('a', 's'))
      .map(([event, source]) => ({ ...event, source, cloudevent: true as const })),
  },
)

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
