// The contract's schemas, and that they and the node's own reader of bodies are one set of rules: the reader is written
// by hand for speed, so the two are held against each other with random input.

import { describe, expect, test } from 'vitest'
import {
  eventSchema,
  isInstant,
  isPattern,
  nameFault,
  patternFault,
  publishRequestSchema,
  REQUEST_LIMITS,
  SekaliError,
  topicFault,
} from '../../../client/index.ts'
import { readPublish } from '../../../node/edge/read-publish.ts'
import fc from '../../properties.ts'

const RECEIVED_AT_MS = Date.UTC(2026, 0, 1)

/** What the node says to this body: null, or the code of its refusal. */
function nodeRefusal(body: unknown): string | null {
  try {
    readPublish(Buffer.from(JSON.stringify(body)), 'json', REQUEST_LIMITS, RECEIVED_AT_MS)
    return null
  } catch (error) {
    if (error instanceof SekaliError) return error.code
    throw error
  }
}

describe('names', () => {
  test('lengths count code points, not UTF-16 units or bytes', () => {
    expect(nameFault('a'.repeat(255))).toBeNull()
    expect(nameFault('a'.repeat(256))).toContain('longer than 255')
    expect(nameFault('😀'.repeat(255))).toBeNull()
    expect(nameFault('😀'.repeat(256))).toContain('longer than 255')
    expect(nameFault('€'.repeat(255))).toBeNull()
    expect(nameFault('')).toContain('empty')
    expect(nameFault('\ud800')).toContain('surrogate')
  })

  test.each([
    ['orders', null],
    ['a.b/c', null],
    ['/prod/billing/paid', null],
    ['a*b.c**', null],
    ['a..b', 'empty level'],
    ['//a', 'empty level'],
    ['a/', 'empty level'],
    ['/', 'empty level'],
    ['a.*', 'pattern'],
    ['**', 'pattern'],
    ['a/>', 'pattern'],
  ])('the topic %s', (topic, fault) => {
    if (fault === null) expect(topicFault(topic)).toBeNull()
    else expect(topicFault(topic)).toContain(fault)
  })

  test.each([
    ['a.*.c', null],
    ['a.**', null],
    ['/prod/>', null],
    ['a.**.c', '** before its end'],
    ['>.a', '> before its end'],
    ['a..*', 'empty level'],
  ])('the pattern %s', (pattern, fault) => {
    expect(isPattern(pattern)).toBe(/\*|>/.test(pattern))
    if (fault === null) expect(patternFault(pattern)).toBeNull()
    else expect(patternFault(pattern)).toContain(fault)
  })
})

describe('timestamps', () => {
  test.each([
    '2026-01-31T23:59:59Z',
    '2026-01-31t23:59:59.123456789+05:30',
    '2024-02-29T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '2016-12-31T23:59:60Z',
    '2017-01-01T05:29:60+05:30',
  ])('%s is one', (text) => {
    expect(isInstant(text)).toBe(true)
  })

  test.each([
    '2026-02-30T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2026-01-31 23:59:59Z',
    '2026-01-31T23:59:59',
    '2026-01-31T24:00:00Z',
    '2026-01-31T12:00:60Z',
    '2026-01-31T23:59:59.Z',
    '2026-01-31',
    '1769904000',
    '',
  ])('%j is none', (text) => {
    expect(isInstant(text)).toBe(false)
  })
})

describe('events', () => {
  test('only topic and event_id must be there', () => {
    expect(eventSchema.safeParse({ topic: 'a', event_id: '1' }).success).toBe(true)
    expect(eventSchema.safeParse({ topic: 'a' }).error?.issues[0]?.path).toEqual(['event_id'])
  })

  test('nothing is coerced and nothing unknown is taken', () => {
    const event = { topic: 'a', event_id: '1' }

    for (const wrong of [
      { event_id: 123 },
      { payload: null },
      { payload: [] },
      { timestamp: 1_769_904_000 },
      { level: 'info' },
    ]) {
      expect(eventSchema.safeParse({ ...event, ...wrong }).success).toBe(false)
    }
  })

  test('the schemas and the node take and refuse the same', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('a', 'a.b', '/a', 'a..b', '*', 'a/**', '>', '', 'é', '\ud800', '\0'),
      fc.integer({ min: 254, max: 257 }).map((length) => '€'.repeat(length)),
    )
    const timestamp = fc.oneof(
      fc
        .date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true })
        .map((date) => date.toISOString()),
      fc.stringMatching(/^20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d(Z|[+-][0-2]\d:[0-6]\d)$/),
      fc.constantFrom('', 'yesterday', '2026-02-30T00:00:00Z'),
    )
    const event = fc.record(
      {
        topic: fc.oneof(name, fc.integer()),
        event_id: fc.oneof(name, fc.constant(null)),
        timestamp: fc.oneof(timestamp, fc.integer()),
        source: fc.oneof(name, fc.boolean()),
        payload: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()),
        unknown: fc.constant(1),
      },
      { requiredKeys: ['topic', 'event_id'] },
    )
    const body = fc.oneof(
      { weight: 8, arbitrary: event },
      fc.array(event, { maxLength: 3 }),
      fc.record({ events: fc.array(event, { maxLength: 3 }) }),
      fc.jsonValue(),
    )

    fc.assert(
      fc.property(body, (candidate) => {
        const taken = publishRequestSchema.safeParse(candidate).success
        expect(nodeRefusal(candidate) === null).toBe(taken)
      }),
      { numRuns: 2_000, seed: 20_126 },
    )
  })

  test('the keys of a payload are plain data, whatever their names', () => {
    const payload = JSON.parse('{"__proto__":{"polluted":1},"then":1,"toJSON":2,"length":3}')

    expect(nodeRefusal({ topic: 'a', event_id: '1', payload })).toBeNull()
    expect(eventSchema.safeParse({ topic: 'a', event_id: '1', payload }).success).toBe(true)
    expect(Object.prototype).not.toHaveProperty('polluted')
  })
})
