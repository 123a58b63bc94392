// What the ledger promises beside its verdict: what it finds at once, what it costs, and how it may be used.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { Ledger } from '../../../client/ledger/ledger.ts'
import { topicMatches } from '../../../client/ledger/lists.ts'
import { VIOLATIONS_KEPT_MAX } from '../../../client/ledger/violations.ts'

const publish = (eventId: string) =>
  ({ type: 'publish', events: [{ topic: 'orders', eventId, hash: 'h' }] }) as const
const accepted = (position: number) =>
  ({ type: 'published', outcomes: [{ type: 'accepted', position }] }) as const

test('a second accepted is seen the moment it is answered', () => {
  const ledger = new Ledger()
  ledger.return(ledger.call(publish('a'), 0), accepted(1), { at: 1, node: 'n1' })

  ledger.return(ledger.call(publish('a'), 2), accepted(2), { at: 3, node: 'n2' })

  expect(ledger.violations.map(({ rule }) => rule)).toEqual(['accepted-twice'])
})

test('without the contents of any node, what is told of conflicts must still fit some publish', () => {
  const send = (hash: string) =>
    ({ type: 'publish', events: [{ topic: 'orders', eventId: 'a', hash }] }) as const
  const told = (hash: string, conflict: boolean) => ({ hash, conflict })
  const rulesWhen = (unheard: readonly string[], ...answers: ReturnType<typeof told>[]) => {
    const ledger = new Ledger()
    for (const hash of unheard) ledger.call(send(hash), 0)
    for (const { hash, conflict } of answers) {
      const outcomes = [{ type: 'duplicate', position: 1, conflict }] as const
      ledger.return(
        ledger.call(send(hash), 1),
        { type: 'published', outcomes },
        { at: 2, node: 'n1' },
      )
    }
    return ledger.verdict().violations.map(({ rule }) => rule)
  }

  expect(rulesWhen(['x'], told('x', false))).toEqual([])
  expect(rulesWhen(['x'], told('y', true))).toEqual([])
  expect(rulesWhen(['x', 'y'], told('x', true))).toEqual([])
  expect(rulesWhen(['x', 'y'], told('x', false), told('y', true))).toEqual([])
  expect(rulesWhen(['x'], told('x', true))).toEqual(['wrong-conflict'])
  expect(rulesWhen(['x'], told('y', false))).toEqual(['wrong-conflict'])
  expect(rulesWhen(['x', 'y'], told('x', false), told('y', false))).toEqual(['wrong-conflict'])
  expect(rulesWhen(['x', 'y'], told('x', true), told('y', true))).toEqual(['wrong-conflict'])
})

test('repeats of one event cost no memory', () => {
  const outcomes = [{ type: 'duplicate', position: 1, conflict: false }] as const
  const ledger = new Ledger()
  ledger.return(ledger.call(publish('a'), 0), accepted(1), { at: 1, node: 'n1' })
  const repeat = (count: number) => {
    for (let at = 0; at < count; at += 1) {
      const call = ledger.call(publish('a'), at)
      ledger.return(call, { type: 'published', outcomes }, { at, node: 'n1' })
    }
  }
  repeat(10_000)
  const before = heapBytes()

  repeat(300_000)

  expect(heapBytes() - before).toBeLessThan(300_000)
  expect(ledger.publishes).toMatchObject({ accepted: 1, duplicate: 310_000 })
})

test('violations beyond the limit are counted, not kept', () => {
  const ledger = new Ledger()
  for (let i = 0; i < VIOLATIONS_KEPT_MAX + 5; i += 1) {
    ledger.return(ledger.call(publish(`e${i}`), i), accepted(1), { at: i, node: 'n1' })
  }

  const verdict = ledger.verdict()

  expect(verdict.violations).toHaveLength(VIOLATIONS_KEPT_MAX)
  expect(verdict.violationsCount).toBeGreaterThan(VIOLATIONS_KEPT_MAX)
})

test('misuse throws: an unknown call, a second return, a second verdict', () => {
  const ledger = new Ledger()
  const call = ledger.call(publish('a'), 0)
  ledger.return(call, accepted(1), { at: 1, node: 'n1' })

  expect(() => ledger.return(call, accepted(1), { at: 1, node: 'n1' })).toThrow('is not open')
  expect(() => ledger.return(99, accepted(1), { at: 1, node: 'n1' })).toThrow('is not open')
  ledger.verdict()
  expect(() => ledger.verdict()).toThrow('the verdict has been given')
})

test('where others publish too, their events are no phantoms, and losses are still losses', () => {
  const ledger = new Ledger({ exclusive: false })
  ledger.return(ledger.call(publish('a'), 0), accepted(3), { at: 1, node: 'n1' })
  const theirs = ['x', 'y', 'z'].map((eventId, i) => {
    return { topic: 'theirs', eventId, position: i + 1, hash: 'h' }
  })
  const counters = {
    applied: 9,
    received: 20,
    unique: 2,
    duplicates: 18,
    conflicts: 0,
    lastPosition: 2,
    digest: 'd',
  }

  const verdict = ledger.verdict([{ node: 'n1', counters, events: theirs.slice(0, 2) }])

  expect(verdict).toMatchObject({ lost: 1, phantoms: 0, violationsCount: 1 })
})

test.each([
  ['a.b', 'a.b', true],
  ['a.b', 'a/b', false],
  ['*.b', 'a/b', true],
  ['a.*', 'a.b', true],
  ['a.*', 'a.b.c', false],
  ['a.*', 'a', false],
  ['a.**', 'a', true],
  ['a.**', 'a.b/c', true],
  ['a.>', 'a', false],
  ['a/>', 'a.b.c', true],
  ['>', 'a', true],
  ['/prod/*/paid', '/prod/billing/paid', true],
  ['*.b.**', 'a.c.d', false],
])('pattern %s and topic %s: %s', (pattern, topic, matches) => {
  expect(topicMatches(pattern, topic)).toBe(matches)
})

/** What is still reachable. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}
