// The ledger as a file: what is written reads back to the same verdict, and what others write is read or refused with
// the number of the line.

import { expect, test } from 'vitest'
import { contentHash } from '../../../client/ledger/content-hash.ts'
import { inTimeOrder } from '../../../client/ledger/history.ts'
import { judge } from '../../../client/ledger/ledger.ts'
import {
  formatCall,
  formatReturn,
  LEDGER_HEADER,
  LedgerLineError,
  LedgerReader,
} from '../../../client/ledger/lines.ts'
import { correctRun, type Run } from './tiny-cluster.ts'

const EVERYTHING = { operations: 80, events: 12, everything: true }

function linesOf({ history }: Run): string[] {
  const numbers = new Map(history.map((operation, place) => [operation, place]))
  const lines = inTimeOrder(history).map(({ type, operation }) => {
    const call = numbers.get(operation)!
    if (type === 'call') return formatCall(call, operation.request, operation.call)
    return formatReturn(call, operation.answer, { ...operation, at: operation.return })
  })
  return [LEDGER_HEADER, ...lines]
}

function read(lines: readonly string[]): LedgerReader {
  const reader = new LedgerReader()
  for (const line of lines) reader.read(line)
  return reader
}

test('a ledger written and read again gives the same verdict, right or wrong', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const run = correctRun(seed, EVERYTHING)
    // Every second run loses an event that may have been acknowledged.
    const contents = run.contents.map((node) => {
      return seed % 2 === 0 ? node : { ...node, events: [...node.events].slice(1) }
    })

    const { ledger } = read(linesOf(run))

    expect(ledger.verdict(contents)).toEqual(judge(run.history, contents))
  }
})

test('a writer that died leaves calls without a return: their outcome is unknown', () => {
  const { ledger } = read([
    LEDGER_HEADER,
    '{"call":1,"at":0,"publish":[{"topic":"orders","event_id":"7","payload":{"n":1}}]}',
  ])

  const verdict = ledger.verdict()

  expect(verdict).toMatchObject({ clean: true, acknowledged: 0, publishes: { unknown: 1 } })
})

test('lines that a person would write, with payloads in place of hashes', () => {
  const { ledger } = read([
    LEDGER_HEADER,
    '{"call":1,"at":0,"publish":[{"topic":"orders","event_id":"7","payload":{"b":2,"a":1}}]}',
    '',
    '{"return":1,"at":9,"node":"n1","results":[{"topic":"orders","event_id":"7","outcome":"accepted","position":1}]}',
    '{"call":2,"at":10,"get":{"topic":"orders","event_id":"7"},"consistency":"linearizable"}',
    '{"return":2,"at":12,"node":"n2","present":{"position":1,"payload":{"a":1,"b":2}}}',
    '{"call":3,"at":13,"get":{"topic":"orders","event_id":"7"},"min_position":1}',
    '{"return":3,"at":14,"node":"n3","absent":true}',
    '{"call":4,"at":15,"list":{"topic":"orders.**","after":0}}',
    '{"return":4,"at":16,"node":"n2","page":{"events":[{"position":1,"topic":"orders","event_id":"7"}],"through":null}}',
  ])

  expect(ledger.violations).toEqual([
    {
      rule: 'below-min-position',
      sentence:
        'A read at n3, called at 13, found event "7" of topic "orders" absent, ' +
        'which stands at position 1, though min_position was 1.',
    },
  ])
})

test.each([
  ['no header', ['{"call":1,"at":0,"stats":true}'], /^line 1: /],
  ['another version', ['{"ledger":2}'], /^line 1: /],
  ['no JSON', [LEDGER_HEADER, '{"call":'], /^line 2: /],
  ['not an object', [LEDGER_HEADER, '7'], /^line 2: /],
  ['a call of nothing', [LEDGER_HEADER, '{"call":1,"at":0}'], /^line 2: a call is one of/],
  [
    'a return without a call',
    [LEDGER_HEADER, '{"return":1,"at":0,"node":"n1","absent":true}'],
    /^line 2: there is no open call 1/,
  ],
  [
    'two calls with one number',
    [LEDGER_HEADER, '{"call":1,"at":0,"stats":true}', '{"call":1,"at":0,"stats":true}'],
    /^line 3: call 1 is open already/,
  ],
  [
    'an answer to another question',
    [
      LEDGER_HEADER,
      '{"call":1,"at":0,"stats":true}',
      '{"return":1,"at":0,"node":"n1","absent":true}',
    ],
    /^line 3: a stats cannot be answered by absent/,
  ],
  [
    'an outcome without a position',
    [
      LEDGER_HEADER,
      '{"call":1,"at":0,"publish":[{"topic":"a","event_id":"1"}]}',
      '{"return":1,"at":0,"node":"n1","results":[{"outcome":"accepted"}]}',
    ],
    /^line 3: the outcome accepted needs a position/,
  ],
])('refused with its line: %s', (_name, lines, message) => {
  expect(() => read(lines)).toThrow(LedgerLineError)
  expect(() => read(lines)).toThrow(message)
})

test('the content hash knows content, not its spelling', () => {
  const one = contentHash({ source: 's', payload: { a: { y: 1, x: [1, 2] }, b: 1.0 } })

  expect(one).toMatch(/^[0-9a-f]{32}$/)
  expect(contentHash({ payload: { b: 1, a: { x: [1, 2], y: 1 } }, source: 's' })).toBe(one)
  expect(contentHash({ payload: { b: 1, a: { x: [2, 1], y: 1 } }, source: 's' })).not.toBe(one)
  expect(contentHash({ payload: { b: 1, a: { x: [1, 2], y: 1 } } })).not.toBe(one)
  expect(contentHash({})).toBe(contentHash({ source: '', payload: {} }))
  expect(contentHash({ payload: JSON.parse('{"__proto__":1}') })).not.toBe(contentHash({}))
})
