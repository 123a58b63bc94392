// The scanner is held against JSON.parse: the same texts taken, the same refused, the same value understood.

import { describe, expect, test } from 'vitest'
import {
  JSON_DEPTH_MAX,
  JsonScanner,
  JsonSyntaxError,
  JsonTooDeepError,
} from '../../../node/edge/json-scanner.ts'
import fc from '../../properties.ts'

interface Scanned {
  readonly canonical: string
  readonly illFormed: boolean
}

/** One value with white space around it; null: not JSON. */
function scan(text: string): Scanned | null {
  const bytes = Buffer.from(text)
  const out = Buffer.alloc(JsonScanner.canonicalBytesMax(bytes.length))
  const json = new JsonScanner(bytes, out)
  try {
    json.space()
    json.value(0)
    json.space()
  } catch (error) {
    if (error instanceof JsonSyntaxError) return null
    throw error
  }
  if (json.at < bytes.length) return null
  return { canonical: out.toString('utf8', 0, json.outEnd), illFormed: json.illFormed }
}

/** What canonical means, by way of values: keys by their bytes, everything as JSON.stringify prints it. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([key, member]) => ({
    key: Buffer.from(JSON.stringify(key)),
    member: canonical(member),
  }))
  members.sort((a, b) => Buffer.compare(a.key, b.key))
  return `{${members.map(({ key, member }) => `${key}:${member}`).join(',')}}`
}

function parsed(text: string): { value: unknown } | null {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return null
  }
}

const space = fc.constantFrom('', '', ' ', '\n', '\r\n', '\t ')
const number = fc.oneof(
  fc.double({ noDefaultInfinity: true, noNaN: true }).map(String),
  fc.integer().map(String),
  fc.stringMatching(/^-?(0|[1-9]\d{0,17})(\.\d{1,8})?([eE][+-]?\d{1,3})?$/),
)
const string = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
  fc.stringMatching(/^"([ -!#-[\]-~é世𝄞]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}){0,8}"$/u),
)
const key = fc.oneof(string, fc.constantFrom('"a"', '"ab"', '"\\u0061"', '"__proto__"', '"!"'))

/** JSON texts in every spelling, valid by construction. */
const { text: jsonText } = fc.letrec<{ text: string; value: string }>((tie) => ({
  text: fc.tuple(space, tie('value'), space).map((parts) => parts.join('')),
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(number, string, fc.constantFrom('true', 'false', 'null')),
    fc.array(tie('text'), { maxLength: 5 }).map((items) => `[${items.join(',')}]`),
    fc
      .array(fc.tuple(space, key, space, tie('text')), { maxLength: 6 })
      .map((members) => `{${members.map(([a, k, b, v]) => `${a}${k}${b}:${v}`).join(',')}}`),
  ),
}))

/**
 * JSON.parse of Node.js 24 is wrong about escaped keys once it has seen the key "\\" at the same place of another
 * object: after {"x":0,"\\\\":0} it takes {"x":0,"\\u0061":0} for the former. No such key may reach it here.
 */
const fitForReference = (text: string): boolean => !/\\\\|\\u005c/i.test(text)

/** One of them with a few characters changed, mostly no JSON any more. */
const mutated = fc
  .tuple(
    jsonText,
    fc.array(
      fc.record({
        at: fc.nat(),
        gone: fc.nat(2),
        put: fc.constantFrom(
          '',
          '',
          ',',
          ':',
          '"',
          '\\',
          '{',
          '}',
          '[',
          ']',
          '0',
          '-',
          '.',
          'e',
          '+',
          ' ',
          '\n',
          '\u0001',
          'u',
          'NaN',
          '/*',
          '\u00a0',
          '\ufeff',
          "'",
        ),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([text, changes]) =>
    changes.reduce((now, { at, gone, put }) => {
      const place = at % (now.length + 1)
      return now.slice(0, place) + put + now.slice(place + gone)
    }, text),
  )
  .filter((text) => text.isWellFormed() && fitForReference(text))

describe('against JSON.parse', () => {
  test('every JSON text is taken and understood alike', () => {
    fc.assert(
      fc.property(jsonText.filter(fitForReference), (text) => {
        expect(scan(text)?.canonical).toBe(canonical(JSON.parse(text)))
      }),
      { numRuns: 1_000 },
    )
  })

  test('every string is taken and understood alike', () => {
    fc.assert(
      fc.property(string, (text) => {
        expect(scan(text)?.canonical).toBe(JSON.stringify(JSON.parse(text)))
      }),
      { numRuns: 1_000 },
    )
  })

  test('what it refuses is refused, what it takes is taken', () => {
    fc.assert(
      fc.property(mutated, (text) => {
        const value = parsed(text)

        expect(scan(text)?.canonical).toBe(value === null ? undefined : canonical(value.value))
      }),
      { numRuns: 3_000 },
    )
  })

  test('half a surrogate pair is noticed, wherever it stands', () => {
    const unit = fc.constantFrom('\\ud83d', '\\ude00', '\\uD800', '\\uDFFF', 'a', '\\u0061', '\\n')
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 6 }), (units) => {
        const text = `"${units.join('')}"`

        expect(scan(text)?.illFormed).toBe(!JSON.parse(text).isWellFormed())
      }),
    )
  })
})

test.each([
  '{',
  '{"a":1,}',
  '[1,]',
  '[,1]',
  '{"a" 1}',
  '{a:1}',
  "{'a':1}",
  '{"a":1}/* */',
  '// a\n1',
  'NaN',
  '-Infinity',
  'undefined',
  '01',
  '-',
  '1.',
  '.5',
  '+1',
  '1e',
  '0x10',
  '"\n"',
  '"\\x41"',
  '"\\u00g0"',
  '"a',
  'tru',
  'truee',
  '\u00a01',
  '1 2',
  '',
])('refuses %j', (text) => {
  expect(parsed(text)).toBeNull()
  expect(scan(text)).toBeNull()
})

test.each([
  ['1.0', '1'],
  ['-0', '0'],
  ['-0.0', '0'],
  ['1e2', '100'],
  ['1E400', 'null'],
  ['0.0000001', '1e-7'],
  ['0.000001', '0.000001'],
  ['12345678901234567890', '12345678901234567000'],
  ['1e20', '100000000000000000000'],
])('%s counts as %s', (text, counted) => {
  expect(scan(text)?.canonical).toBe(counted)
})

test('an object of many members is put in order as one of few', () => {
  const keys = Array.from({ length: 500 }, (_, i) => `k${(i * 7_919) % 500}`)
  const text = `{${keys.map((k, i) => `"${k}":${i}`).join(',')},"k3":"last"}`

  expect(scan(text)?.canonical).toBe(canonical(JSON.parse(text)))
})

test(`nesting is followed to ${JSON_DEPTH_MAX} and no deeper`, () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

  expect(scan(nested(JSON_DEPTH_MAX))?.canonical).toBe(nested(JSON_DEPTH_MAX))
  expect(() => scan(nested(JSON_DEPTH_MAX + 1))).toThrow(JsonTooDeepError)
  expect(() => scan('{"a":'.repeat(100_000))).toThrow(JsonTooDeepError)
})
