// One short correct story, and a way to put one small lie into it: the wrong-*.test.ts beside it do.
//
// `a` and `b` are orders, `c` is a log line. `a` is sent three times, once with another content; `c` is sent twice and
// only the second try is heard of; `d` is refused; `e` is never answered, and is stored.

import { describe, expect, test } from 'vitest'
import type { NodeContents } from '../../../client/ledger/final.ts'
import type {
  Answer,
  Counters,
  Operation,
  Outcome,
  Request,
  ShownEvent,
} from '../../../client/ledger/history.ts'
import { judge, type Verdict } from '../../../client/ledger/ledger.ts'
import type { Rule } from '../../../client/ledger/violations.ts'

export interface Story {
  aAccepted: Lie
  aAgain: Lie
  aConflict: Lie
  bAccepted: Lie
  cUnheard: Lie
  cDuplicate: Lie
  dRefused: Lie
  eUnknown: Lie
  getA: Lie
  getB: Lie
  getLater: Lie
  getLocal: Lie
  listAll: Lie
  listOrders: Lie
  listRest: Lie
  statsEarly: Lie
  statsLate: Lie
  contents: { node: string; counters: Counters; events: ShownEvent[] }[]
}

export type Lie = { -readonly [Field in keyof Operation]: Operation[Field] }

export const accepted = (position: number): Outcome => ({ type: 'accepted', position })
export const duplicate = (position: number, conflict = false): Outcome => {
  return { type: 'duplicate', position, conflict }
}
export const published = (...outcomes: Outcome[]): Answer => ({ type: 'published', outcomes })
export const present = (position: number, hash = 'one'): Answer => ({
  type: 'present',
  position,
  hash,
})
export const page = (events: ShownEvent[], through: number | null = null): Answer => {
  return { type: 'page', events, through }
}
export const shown = (
  topic: string,
  eventId: string,
  position: number,
  hash = 'one',
): ShownEvent => {
  return { topic, eventId, position, hash }
}
export const counted = (counters: Counters): Answer => ({ type: 'counted', counters })
export const absent: Answer = { type: 'absent' }

export const A = shown('orders', 'a', 1)
export const B = shown('orders', 'b', 2)
export const C = shown('logs', 'c', 3)
export const E = shown('orders', 'e', 4)
export const EARLY: Counters = {
  applied: 5,
  received: 4,
  unique: 2,
  duplicates: 2,
  conflicts: 1,
  lastPosition: 2,
  digest: 'early',
}
export const LATE: Counters = {
  applied: 8,
  received: 7,
  unique: 4,
  duplicates: 3,
  conflicts: 1,
  lastPosition: 4,
  digest: 'late',
}

export function story(): Story {
  const send = (topic: string, eventId: string, hash = 'one'): Request => {
    return { type: 'publish', events: [{ topic, eventId, hash }] }
  }
  const get = (topic: string, eventId: string): Request => {
    return { type: 'get', topic, eventId, consistency: 'linearizable' }
  }
  const list = (topic: string | null, after: number): Request => {
    return { type: 'list', topic, after, consistency: 'linearizable' }
  }
  const stats: Request = { type: 'stats', consistency: 'linearizable' }
  const at = (call: number, end: number, node: string, request: Request, answer: Answer): Lie => ({
    client: 'c1',
    call,
    return: end,
    node,
    request,
    answer,
  })
  return {
    aAccepted: at(0, 10, 'n1', send('orders', 'a'), published(accepted(1))),
    aAgain: at(20, 30, 'n2', send('orders', 'a'), published(duplicate(1))),
    bAccepted: at(40, 50, 'n1', send('orders', 'b'), published(accepted(2))),
    aConflict: at(60, 70, 'n3', send('orders', 'a', 'two'), published(duplicate(1, true))),
    getA: at(80, 90, 'n2', get('orders', 'a'), present(1)),
    statsEarly: at(92, 98, 'n2', stats, counted(EARLY)),
    cUnheard: at(100, 110, 'n1', send('logs', 'c'), { type: 'unknown' }),
    cDuplicate: at(120, 130, 'n2', send('logs', 'c'), published(duplicate(3))),
    dRefused: at(140, 150, 'n3', send('orders', 'd'), { type: 'refused' }),
    eUnknown: at(160, Number.POSITIVE_INFINITY, 'n1', send('orders', 'e'), { type: 'unknown' }),
    getB: at(180, 190, 'n3', get('orders', 'b'), present(2)),
    listAll: at(200, 210, 'n1', list(null, 0), page([A, B, C, E])),
    listOrders: at(220, 230, 'n2', list('orders', 0), page([A, B, E])),
    listRest: at(240, 250, 'n3', list(null, 2), page([C], 3)),
    getLater: at(260, 270, 'n1', get('logs', 'x'), absent),
    getLocal: at(
      280,
      290,
      'n2',
      { type: 'get', topic: 'orders', eventId: 'e', consistency: 'local' },
      present(4),
    ),
    statsLate: at(300, 310, 'n3', stats, counted(LATE)),
    contents: ['n1', 'n2', 'n3'].map((node) => {
      return { node, counters: LATE, events: [A, B, C, E] }
    }),
  }
}

export function verdictOn(lie: (story: Story) => void): Verdict {
  const told = story()
  lie(told)
  const { contents, ...operations } = told
  return judge(Object.values(operations), contents as NodeContents[])
}

/** On every node, since the last look at one node alone is compared with the others anyway. */
export const everywhere = (
  told: Story,
  change: (node: Story['contents'][number]) => void,
): void => {
  for (const node of told.contents) change(node)
}

export type LieCase = readonly [name: string, rule: Rule, lie: (told: Story) => void]

/** One test a lie: the rule it breaks is among those flagged, in sentences that a person can read. */
export function expectFlagged(lies: readonly LieCase[]): void {
  describe('flagged:', () => {
    test.each(lies)('%s', (_name, rule, lie) => {
      const verdict = verdictOn(lie)

      expect(verdict.clean).toBe(false)
      expect(verdict.violations.map((violation) => violation.rule)).toContain(rule)
      for (const { sentence } of verdict.violations) {
        expect(sentence).toMatch(/^[A-Za-z].{20,}\.$/)
        expect(sentence).not.toMatch(/undefined|NaN|\[object/)
      }
    })
  })
}
