// Bodies of a publish: every form and every wrong one, the bad inputs of the catalogue (B1 … B30) by their numbers.

import { describe, expect, test } from 'vitest'
import { SekaliError } from '../../../client/errors.ts'
import { EventWalk, FINGERPRINT_AT } from '../../../node/command/format.ts'
import type { BodyFormat } from '../../../node/edge/edge-batch.ts'
import { readPublish } from '../../../node/edge/read-publish.ts'
import fc from '../../properties.ts'

const RECEIVED_AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
const LIMITS = { batchEventsMax: 5, eventBytesMax: 4_096 }

interface ReadEvent {
  readonly topic: string
  readonly event_id: string
  readonly source: string
  readonly timestamp: string
  readonly payload: string
  readonly fingerprint: string
}

function read(body: string | Uint8Array, format: BodyFormat = 'json', limits = LIMITS) {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return readPublish(bytes, format, limits, RECEIVED_AT_MS)
}

/** What stands in the log's format, decoded again. */
function events(body: string | Uint8Array, format: BodyFormat = 'json'): ReadEvent[] {
  const batch = read(body, format)
  const walk = new EventWalk(batch.bytes, 0, batch.count)
  const text = Buffer.from(batch.bytes)
  const found: ReadEvent[] = []
  while (walk.next()) {
    const fingerprintAt = walk.start + FINGERPRINT_AT
    found.push({
      topic: text.toString('utf8', walk.topicAt, walk.eventIdAt),
      event_id: text.toString('utf8', walk.eventIdAt, walk.sourceAt),
      source: text.toString('utf8', walk.sourceAt, walk.timestampAt),
      timestamp: text.toString('utf8', walk.timestampAt, walk.payloadAt),
      payload: text.toString('utf8', walk.payloadAt, walk.end),
      fingerprint: text.toString('hex', fingerprintAt, fingerprintAt + 16),
    })
  }
  expect(batch.ids).toEqual(found.map(({ topic, event_id }) => ({ topic, event_id })))
  return found
}

function one(event: object): ReadEvent {
  return events(JSON.stringify({ topic: 'a', event_id: '1', ...event }))[0]!
}

function refusal(body: string | Uint8Array, format: BodyFormat = 'json', limits = LIMITS) {
  try {
    read(body, format, limits)
  } catch (error) {
    if (!(error instanceof SekaliError)) throw error
    return { status: error.status, code: error.code, message: error.message, ...error.facts }
  }
  throw new Error('it was taken')
}

const A1 = '{"topic":"a","event_id":"1"}'
const A2 = '{"topic":"a","event_id":"2"}'

describe('forms of a body', () => {
  test.each([
    ['one event', ` ${A1}\n`, 'json', ['1']],
    ['an array', `[${A1} , ${A2}]`, 'json', ['1', '2']],
    ['an envelope', `{ "events" : [${A1},${A2}] }`, 'json', ['1', '2']],
    ['an envelope with an escaped key', `{"\\u0065vents":[${A1}]}`, 'json', ['1']],
    ['lines', `${A1}\n${A2}`, 'ndjson', ['1', '2']],
    ['lines with CRLF and blank ones', `\r\n${A1}\r\n \t\r\n${A2}\r\n\n`, 'ndjson', ['1', '2']],
  ] as const)('%s', (_, body, format, ids) => {
    expect(events(body, format).map(({ event_id }) => event_id)).toEqual(ids)
  })

  test('a line holds one whole event', () => {
    expect(refusal('{"topic":"a",\n"event_id":"1"}', 'ndjson')).toMatchObject({ status: 400 })
    expect(refusal(`${A1}\n${A1} ${A2}`, 'ndjson')).toMatchObject({
      status: 400,
      offset: A1.length + 1 + A1.length + 1,
      index: 2,
    })
    expect(refusal(`${A1}\n[${A2}]`, 'ndjson')).toMatchObject({ status: 422, index: 1 })
  })

  test('fields left out get the defaults of the contract', () => {
    expect(events(A1)[0]).toMatchObject({
      source: '',
      timestamp: '2026-01-02T03:04:05.678Z',
      payload: '{}',
    })
  })

  test('fields come in any order, and escaped names are the same names', () => {
    const sent =
      '{"payload":{"b":1},"\\u0074opic":"t\\u00e9","source":"s","event_id":"\\"","timestamp":"2026-01-01T00:00:00+07:00"}'

    expect(events(sent)[0]).toMatchObject({
      topic: 'té',
      event_id: '"',
      source: 's',
      timestamp: '2026-01-01T00:00:00+07:00',
      payload: '{"b":1}',
    })
  })

  test('the payload is the very text that was sent, line breaks between tokens become blanks', () => {
    const payload = '{ "z" : [1.0, 1e999,\t-0],\r\n"a":"\\u00e9é\\n" , "a": 12345678901234567890 }'

    expect(events(`{"topic":"a","event_id":"1","payload":${payload}}`)[0]!.payload).toBe(
      payload.replaceAll(/[\r\n\t]/g, ' '),
    )
  })
})

describe('400: not well-formed', () => {
  test.each([
    ['B1: nothing', '', 0],
    ['B1: only white space', ' \n', 2],
    ['B8: an opening brace', '{', 1],
    ['B8: a comma at the end', '{"topic":"a","event_id":"1",}', 28],
    ['B8: a comma at the end of the array', `[${A1},]`, A1.length + 2],
    ['B8: a comment', `/* */${A1}`, 0],
    ['B8: single quotes', "{'topic':'a'}", 1],
    ['B10: NaN', '{"topic":"a","event_id":"1","payload":{"n":NaN}}', 43],
    ['B10: Infinity', '{"topic":"a","event_id":"1","payload":{"n":-Infinity}}', 44],
    ['B15: a field twice', '{"topic":"a","event_id":"1","topic":"a"}', 28],
    ['B15: a field twice, once escaped', '{"topic":"a","event_id":"1","topi\\u0063":"a"}', 28],
    ['B15: events twice', '{"events":[],"events":[]}', 13],
    ['two documents', `${A1}${A2}`, A1.length],
    ['a bare line break in a string', '{"topic":"a\n"}', 11],
  ])('%s', (_, body, offset) => {
    expect(refusal(body)).toMatchObject({ status: 400, code: 'malformed_json', offset })
  })

  test('B9: a byte-order mark', () => {
    expect(refusal(`\ufeff${A1}`)).toMatchObject({ code: 'malformed_json', offset: 0 })
    expect(refusal(`\ufeff${A1}`, 'ndjson')).toMatchObject({ code: 'malformed_json', offset: 0 })
    expect(refusal(`${A1}\n\ufeff${A2}`, 'ndjson')).toMatchObject({ offset: A1.length + 1 })
  })

  test.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['half a surrogate pair', [0xed, 0xa0, 0x80]],
    ['beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
    ['cut in the middle', [0xe2, 0x82]],
  ])('bytes that are no UTF-8: %s', (_, bytes) => {
    const body = Buffer.concat([
      Buffer.from('{"topic":"\ufffd'),
      Buffer.from(bytes),
      Buffer.from('","event_id":"1"}'),
    ])

    expect(refusal(body)).toMatchObject({ status: 400, offset: 13 })
  })

  test('is told before anything else that is wrong', () => {
    expect(refusal('[{"topic":1},{"nonsense":2}')).toMatchObject({ status: 400 })
    expect(refusal('[{"topic":1},{"nonsense":2}]')).toMatchObject({ status: 422, field: 'topic' })
  })
})

describe('422: wrong shape', () => {
  test.each([
    ['B11: an empty array', '[]'],
    ['B11: an empty envelope', '{"events":[]}'],
  ])('%s', (_, body) => {
    expect(refusal(body)).toMatchObject({ status: 422, code: 'empty_batch' })
  })

  test('B11: nothing but blank lines', () => {
    expect(refusal('\n \n', 'ndjson')).toMatchObject({ code: 'empty_batch' })
  })

  test.each([
    ['a number', '1'],
    ['a string', '"a"'],
    ['null', 'null'],
    ['B13: an array in the array', `[[${A1}]]`],
  ])('%s is no event', (_, body) => {
    expect(refusal(body)).toMatchObject({ status: 422, code: 'invalid_event', index: 0 })
  })

  test('B12: one bad event refuses its batch, with its place and field', () => {
    const limits = { ...LIMITS, batchEventsMax: 100 }
    const batch = Array.from({ length: 50 }, (_, i) => ({ topic: 'a', event_id: `${i}` }))
    const bad = batch.map((event, i) => (i === 37 ? { ...event, source: 5 } : event))

    expect(read(JSON.stringify(batch), 'json', limits).count).toBe(50)
    expect(refusal(JSON.stringify(bad), 'json', limits)).toMatchObject({
      status: 422,
      index: 37,
      field: 'source',
    })
  })

  test.each([
    ['B17: no topic', { event_id: '1' }, 'topic'],
    ['B17: no event_id', { topic: 'a' }, 'event_id'],
    ['B16: an unknown field', { topic: 'a', event_id: '1', tpoic: 'b' }, 'tpoic'],
    ['B16: __proto__', JSON.parse('{"topic":"a","event_id":"1","__proto__":{}}'), '__proto__'],
    ['B16: events inside an event', { topic: 'a', events: [] }, 'events'],
    ['B18: a topic of 256', { topic: 'x'.repeat(256), event_id: '1' }, 'topic'],
    ['B18: a topic of 256 wide ones', { topic: '𝄞'.repeat(256), event_id: '1' }, 'topic'],
    ['an event_id of 256', { topic: 'a', event_id: 'x'.repeat(256) }, 'event_id'],
    ['a source of 256', { topic: 'a', event_id: '1', source: 'x'.repeat(256) }, 'source'],
    ['B20: an empty event_id', { topic: 'a', event_id: '' }, 'event_id'],
    ['an empty topic', { topic: '', event_id: '1' }, 'topic'],
    ['B21: a number as event_id', { topic: 'a', event_id: 123 }, 'event_id'],
    ['null as source', { topic: 'a', event_id: '1', source: null }, 'source'],
    ['B24: no RFC 3339', { topic: 'a', event_id: '1', timestamp: 'yesterday' }, 'timestamp'],
    [
      'B24: 30 February',
      { topic: 'a', event_id: '1', timestamp: '2024-02-30T00:00:00Z' },
      'timestamp',
    ],
    ['B24: an epoch number', { topic: 'a', event_id: '1', timestamp: 1.7e12 }, 'timestamp'],
    ['B26: null as payload', { topic: 'a', event_id: '1', payload: null }, 'payload'],
    ['B26: a string as payload', { topic: 'a', event_id: '1', payload: '{}' }, 'payload'],
    ['B26: an array as payload', { topic: 'a', event_id: '1', payload: [] }, 'payload'],
  ])('%s', (_, event, field) => {
    expect(refusal(JSON.stringify(event))).toMatchObject({ status: 422, index: 0, field })
  })

  test.each([
    ['a.*'],
    ['*'],
    ['a/**'],
    ['>'],
    ['a.>.b'],
    ['a..b'],
    ['a.'],
    ['.a'],
    ['a//b'],
    ['/'],
    ['//a'],
    ['a/'],
  ])('a topic that is a pattern, or has an empty level: %s', (topic) => {
    expect(refusal(JSON.stringify({ topic, event_id: '1' }))).toMatchObject({ field: 'topic' })
  })

  test('half a surrogate pair, in a name or in the payload', () => {
    const topic = '{"topic":"\\ud800","event_id":"1"}'
    const payload = '{"topic":"a","event_id":"1","payload":{"a":["\\udc00\\ud800"]}}'
    const pair = '{"topic":"a","event_id":"1","payload":{"a":"\\ud83d\\ude00"}}'

    expect(refusal(topic)).toMatchObject({ status: 422, field: 'topic' })
    expect(refusal(payload)).toMatchObject({ status: 422, field: 'payload' })
    expect(events(pair)).toHaveLength(1)
  })

  test('a payload may be nested 64 deep and no deeper', () => {
    const nested = (depth: number) =>
      `{"topic":"a","event_id":"1","payload":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`

    expect(events(nested(64))).toHaveLength(1)
    expect(refusal(nested(65))).toMatchObject({ status: 422, index: 0, field: 'payload' })
  })

  test('an unknown field is named without its wild characters, and not in full', () => {
    const field = `\u001b[31m\u202e${'x'.repeat(500)}`
    const { field: shown } = refusal(JSON.stringify({ topic: 'a', event_id: '1', [field]: 1 }))

    expect(shown).toMatch(/^\\u\{1b\}\[31m\\u\{202e\}x+$/)
    expect(shown!.length).toBeLessThan(100)
  })
})

describe('413: too large', () => {
  test('too many events', () => {
    const batch = (count: number) =>
      JSON.stringify(new Array(count).fill({ topic: 'a', event_id: '1' }))

    expect(read(batch(5)).count).toBe(5)
    expect(refusal(batch(6))).toMatchObject({
      status: 413,
      code: 'batch_too_large',
      limit: { name: 'batchEventsMax', value: 5 },
    })
  })

  test('an event of one byte too many; B30: white space around it does not count', () => {
    const sized = (bytes: number) => {
      const empty = '{"topic":"a","event_id":"1","payload":{"p":""}}'
      return empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`)
    }
    const spaces = ' '.repeat(100_000)

    expect(events(`${spaces}${sized(4_096)}${spaces}`)).toHaveLength(1)
    expect(refusal(`[${A1},${sized(4_097)}]`)).toMatchObject({
      status: 413,
      code: 'event_too_large',
      index: 1,
      limit: { name: 'eventBytesMax', value: 4_096 },
    })
  })

  test('an event far too large is refused whatever it is made of', () => {
    const piece = '{"b":[1e20,"\\u0061",{"d":1,"c":2}],"a":"é"}'
    const payload = `{"z":[${new Array(20_000).fill(piece).join(',')}]}`

    expect(refusal(`{"topic":"a","event_id":"1","payload":${payload}}`)).toMatchObject({
      code: 'event_too_large',
    })
  })
})

describe('taken as it is', () => {
  test('B18: names of 255 characters, however wide', () => {
    for (const character of ['x', 'é', '世', '𝄞']) {
      const name = character.repeat(255)

      expect(one({ topic: name, event_id: name, source: name })).toMatchObject({
        topic: name,
        event_id: name,
        source: name,
      })
    }
  })

  test('B19: control and bidirectional characters in names are stored exactly', () => {
    const name = 'a\u0000b\nc\u001b[31m\u202e'

    expect(one({ topic: name, event_id: name })).toMatchObject({ topic: name, event_id: name })
  })

  test('B20: an event_id of blanks; B22: two normal forms are two ids', () => {
    expect(one({ event_id: '  ' }).event_id).toBe('  ')
    expect(one({ event_id: 'é'.normalize('NFC') }).event_id).not.toBe(
      one({ event_id: 'é'.normalize('NFD') }).event_id,
    )
  })

  test('B25: the first and the last year, and a leap second', () => {
    for (const timestamp of [
      '0000-01-01T00:00:00Z',
      '9999-12-31T23:59:59Z',
      '2016-12-31T23:59:60Z',
    ]) {
      expect(one({ timestamp }).timestamp).toBe(timestamp)
    }
  })

  test('B28: keys that mean something to JavaScript are plain data', () => {
    const payload = '{"toJSON":1,"then":2,"length":3,"__proto__":{"polluted":true},"constructor":4}'

    expect(events(`{"topic":"a","event_id":"1","payload":${payload}}`)[0]!.payload).toBe(payload)
    expect('polluted' in {}).toBe(false)
  })

  test('B14: a payload of 100,000 keys', () => {
    const payload = `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":0`).join(',')}}`
    const body = Buffer.from(`{"topic":"a","event_id":"1","payload":${payload}}`)

    expect(read(body, 'json', { ...LIMITS, eventBytesMax: 2 ** 21 }).count).toBe(1)
  })

  test('topics whose levels only look like patterns', () => {
    for (const topic of ['a*', '*a.b', 'a>', '***', '/prod/billing/paid', 'a b', '/a']) {
      expect(one({ topic }).topic).toBe(topic)
    }
  })
})

describe('the fingerprint', () => {
  const base = { source: 's', payload: { a: 1, b: { c: [1, 2], d: 'é' } } }

  test.each([
    ['order of keys', '{"b":{"d":"é","c":[1,2]},"a":1}'],
    ['spelling of numbers and strings', '{"a":1.0,"b":{"c":[1e0,20E-1],"d":"\\u00E9"}}'],
    ['white space', '{ "a" : 1 ,\n"b":{"c":[1, 2],"d":"é"}}'],
    ['a repeated key, of which the last counts', '{"a":7,"b":{"c":[1,2],"d":"é"},"a":1}'],
  ])('does not depend on %s', (_, payload) => {
    const sent = `{"payload":${payload},"event_id":"x","source":"s","topic":"a"}`

    expect(events(sent)[0]!.fingerprint).toBe(one(base).fingerprint)
  })

  test('does not depend on timestamp and event_id', () => {
    expect(one({ ...base, timestamp: '2020-01-01T00:00:00Z' }).fingerprint).toBe(
      one(base).fingerprint,
    )
    expect(one({ ...base, event_id: '2' }).fingerprint).toBe(one(base).fingerprint)
  })

  test('depends on topic, source and payload, and on where one ends and the next begins', () => {
    const different = [
      one(base),
      one({ ...base, topic: 'b' }),
      one({ ...base, source: 't' }),
      one({ ...base, payload: { a: 1 } }),
      one({ ...base, payload: { a: '1' } }),
      one({ topic: 'ab', source: 'c' }),
      one({ topic: 'a', source: 'bc' }),
    ]

    expect(new Set(different.map(({ fingerprint }) => fingerprint)).size).toBe(different.length)
  })

  test('a default counts as what it stands for', () => {
    expect(one({}).fingerprint).toBe(one({ source: '', payload: {} }).fingerprint)
  })
})

test('any batch of valid events comes through unchanged', () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((text) => !/[./*>]/.test(text))
  const event = fc.record(
    {
      topic: name,
      event_id: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      source: fc.string({ unit: 'grapheme', maxLength: 20 }),
      timestamp: fc.constant('2026-01-01T00:00:00Z'),
      payload: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })),
    },
    { requiredKeys: ['topic', 'event_id'] },
  )
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 5 }), fc.boolean(), (sent, lines) => {
      const body = lines ? sent.map((e) => JSON.stringify(e)).join('\n') : JSON.stringify(sent)
      const expected = sent.map(({ payload = {}, source = '', ...rest }) => ({
        timestamp: '2026-01-02T03:04:05.678Z',
        ...rest,
        source,
        payload: JSON.stringify(payload),
      }))

      expect(events(body, lines ? 'ndjson' : 'json')).toMatchObject(expected)
    }),
    { numRuns: 300 },
  )
})

test('whatever bytes come, the answer is a batch or a SekaliError', () => {
  const seeds = [
    A1,
    `[${A1},${A2}]`,
    `{"events":[${A1}]}`,
    '{"topic":"a.b","event_id":"\\n","payload":{"b":[1.5,{"c":null}],"a":"é"},"source":"s","timestamp":"2026-01-01T00:00:00Z"}',
  ]
  const change = fc.record({ at: fc.nat(), byte: fc.nat(255), gone: fc.nat(3) })
  const format = fc.constantFrom<BodyFormat>('json', 'ndjson')
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.array(change, { maxLength: 4 }),
      format,
      (seed, changes, f) => {
        let body = Buffer.from(seed)
        for (const { at, byte, gone } of changes) {
          const place = at % (body.length + 1)
          body = Buffer.concat([
            body.subarray(0, place),
            Buffer.of(byte),
            body.subarray(place + gone),
          ])
        }
        try {
          expect(read(body, f).count).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(SekaliError)
          expect((error as SekaliError).status).toBeLessThan(500)
        }
      },
    ),
    { numRuns: 2_000 },
  )
})
