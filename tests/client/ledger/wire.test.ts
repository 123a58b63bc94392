// What the HTTP API answers, as the ledger takes it in.

import { expect, test } from 'vitest'
import { ERROR_KINDS, type ErrorCode, SekaliError } from '../../../client/errors.ts'
import { contentHash } from '../../../client/ledger/content-hash.ts'
import {
  countersOf,
  failedAnswer,
  publishedAnswer,
  sentEvent,
  shownEvent,
} from '../../../client/ledger/wire.ts'

const OPEN: readonly ErrorCode[] = ['outcome_unknown', 'internal']

test.each(Object.keys(ERROR_KINDS) as ErrorCode[])(
  '%s: is it certain that nothing was stored?',
  (code) => {
    const answer = failedAnswer(new SekaliError(code, 'it failed'))

    expect(answer.type).toBe(OPEN.includes(code) ? 'unknown' : 'refused')
  },
)

test('whatever is no answer of a node leaves the outcome open', () => {
  expect(failedAnswer(new TypeError('fetch failed')).type).toBe('unknown')
  expect(failedAnswer(undefined).type).toBe('unknown')
})

test('an event that comes back as it was sent has the hash it was sent with', () => {
  const event = { topic: 'orders', event_id: '7', payload: { b: [1, { d: 1, c: null }], a: 'x' } }
  const back = {
    ...event,
    position: 3,
    source: '',
    timestamp: '2025-01-01T00:00:00Z',
    received_at: '2025-01-01T00:00:00Z',
    payload: { a: 'x', b: [1, { c: null, d: 1 }] },
  }

  const sent = sentEvent(event)

  expect(sent).toEqual({ topic: 'orders', eventId: '7', hash: contentHash(event) })
  expect(shownEvent(back)).toEqual({ ...sent, position: 3 })
  expect(shownEvent({ ...back, source: 'other' }).hash).not.toBe(sent.hash)
})

test('outcomes keep their order, and no conflict is told as false', () => {
  const answer = publishedAnswer({
    results: [
      { topic: 'a', event_id: '1', outcome: 'accepted', position: 1 },
      { topic: 'a', event_id: '1', outcome: 'duplicate', position: 1 },
      { topic: 'a', event_id: '1', outcome: 'duplicate', position: 1, conflict: true },
    ],
  })

  expect(answer).toEqual({
    type: 'published',
    outcomes: [
      { type: 'accepted', position: 1 },
      { type: 'duplicate', position: 1, conflict: false },
      { type: 'duplicate', position: 1, conflict: true },
    ],
  })
})

test('counters are taken over under their names in the ledger', () => {
  const stats = {
    received: 10,
    unique_processed: 7,
    duplicate_dropped: 3,
    conflicts: 1,
    last_position: 7,
    applied_index: 9,
    digest: 'd',
  }

  expect(countersOf(stats as Parameters<typeof countersOf>[0])).toEqual({
    applied: 9,
    received: 10,
    unique: 7,
    duplicates: 3,
    conflicts: 1,
    lastPosition: 7,
    digest: 'd',
  })
})

test('CloudEvents of one topic and id are told apart by their sources, and from an event of ours', () => {
  const event = {
    ...{ topic: 'a', event_id: '1', source: '/s', position: 1, payload: {} },
    ...{ timestamp: '2025-01-01T00:00:00Z', received_at: '2025-01-01T00:00:00Z' },
  }
  const shown = [
    shownEvent(event),
    shownEvent({ ...event, cloudevent: true }),
    shownEvent({ ...event, source: '/t', cloudevent: true }),
  ]

  expect(new Set(shown.map(({ eventId }) => eventId)).size).toBe(3)
  expect(shown.map(({ topic }) => topic)).toEqual(['a', 'a', 'a'])
})
