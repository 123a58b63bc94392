// The canonical workload: the shape that every figure stands on, and that what is read back can be told from anything else.

import { describe, expect, test } from 'vitest'
import { eventSchema, type StoredEvent } from '../../../client/contract/event.ts'
import { Workload } from '../../../cluster/bench/workload.ts'

const LAP = 20_000

function eventsOf(workload: Workload, first: number, count: number): StoredEvent[] {
  const buffer = Buffer.alloc(workload.bytesOf(first, count))
  expect(workload.write(buffer, 0, first, count)).toBe(buffer.length)
  return JSON.parse(`[${buffer.toString('utf8')}]`)
}

const keyOf = ({ topic, event_id }: StoredEvent): string => `${topic}/${event_id}`

describe('the canonical workload', () => {
  const workload = new Workload({ seed: 7, lapEvents: LAP })
  const lap = eventsOf(workload, 0, LAP)

  test('has events of 342 bytes, each one that a node takes', () => {
    expect(workload.bytesOf(0, LAP) / LAP).toBeGreaterThan(338)
    expect(workload.bytesOf(0, LAP) / LAP).toBeLessThan(346)
    for (const event of lap.slice(0, 500)) expect(eventSchema.safeParse(event).success).toBe(true)
  })

  test('sends 30 % again, each one of the last 10,000 distinct events, unchanged', () => {
    const seen = new Map<string, { at: number; text: string }>()
    let again = 0
    for (const event of lap) {
      const before = seen.get(keyOf(event))
      if (before === undefined) {
        seen.set(keyOf(event), { at: seen.size, text: JSON.stringify(event) })
        continue
      }
      again += 1
      expect(seen.size - before.at).toBeLessThanOrEqual(10_000)
      expect(JSON.stringify(event)).toBe(before.text)
    }

    expect(again / LAP).toBeGreaterThan(0.28)
    expect(again / LAP).toBeLessThan(0.32)
    expect(seen.size).toBe(workload.distinctPerLap)
  })

  test('is the same for the same seed, and another for another', () => {
    expect(eventsOf(new Workload({ seed: 7, lapEvents: LAP }), 0, LAP)).toEqual(lap)
    expect(eventsOf(new Workload({ seed: 8, lapEvents: LAP }), 0, 1)).not.toEqual([lap[0]])
  })

  test('gives each lap ids of its own, and the same text otherwise', () => {
    const ids = new Set<string>()
    for (const number of [0, 1, 2, 3]) {
      const events = eventsOf(workload, number * LAP, LAP)
      for (const event of events) ids.add(keyOf(event))
      expect(events.map(({ payload }) => payload)).toEqual(lap.map(({ payload }) => payload))
    }

    expect(ids.size).toBe(4 * workload.distinctPerLap)
  })

  test('shows the same events as objects', () => {
    const number = 3 * LAP + 123
    expect([workload.event(number)]).toEqual(eventsOf(workload, number, 1))
  })

  test('gives out runs that stay within a lap', () => {
    const fresh = new Workload({ seed: 7, lapEvents: LAP })
    expect(fresh.take(LAP - 10)).toBe(0)
    expect(fresh.take(10)).toBe(LAP - 10)
    expect(fresh.take(5)).toBe(LAP)
    expect(fresh.take(LAP)).toBe(2 * LAP)
  })
})

describe('what is read back', () => {
  const workload = new Workload({ seed: 7, lapEvents: LAP })
  const number = 5 * LAP + 42
  const [event] = eventsOf(workload, number, 1)

  test('is recognised as the event that was sent, in whichever lap', () => {
    expect(workload.recognise(event!)).toEqual({
      distinct: workload.distinctOf(number),
      unchanged: true,
    })
    expect(workload.idOf(workload.distinctOf(number))).toBe(keyOf(event!))
  })

  test.each([
    ['topic', { topic: 'other' }],
    ['timestamp', { timestamp: '2026-01-01T00:00:00.001Z' }],
    ['source', { source: '' }],
    ['payload', { payload: {} }],
  ])('is seen to be changed in its %s', (_, change) => {
    expect(workload.recognise({ ...event!, ...change })).toMatchObject({ unchanged: false })
  })

  test('is no event of ours under another id', () => {
    expect(workload.recognise({ ...event!, event_id: 'a' })).toBeNull()
    expect(workload.recognise({ ...event!, event_id: `${event!.event_id}0` })).toBeNull()
  })
})
