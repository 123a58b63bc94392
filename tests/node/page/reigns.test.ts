// Who led from when to when, out of what a node remembers; and numbers and times as the page writes them.

import { describe, expect, test } from 'vitest'
import type { Leadership } from '../../../client/contract/overview.ts'
import { coarseSpan, list, rate, span, webUrl } from '../../../node/page/format.mjs'
import { leaderlessMs, reignsOf } from '../../../node/page/reigns.mjs'

const entry = (
  term: number,
  leader_id: string | null,
  age_ms: number,
  role: Leadership['role'] = 'follower',
): Leadership => ({ term, leader_id, role, age_ms })

describe('reigns', () => {
  test('a failover is three: who led, the gap with all that was tried in it, who leads', () => {
    const leadership = [
      entry(3, 'n1', 60_000),
      entry(3, null, 10_000),
      entry(3, null, 9_990, 'preCandidate'),
      entry(4, null, 9_950, 'candidate'),
      entry(4, 'n2', 9_900, 'leader'),
    ]

    expect(reignsOf(leadership, 500, true)).toEqual([
      { leader: 'n1', term: 3, election: false, fromMs: 60_500, toMs: 10_500 },
      { leader: null, term: 4, election: true, fromMs: 10_500, toMs: 10_400 },
      { leader: 'n2', term: 4, election: false, fromMs: 10_400, toMs: 0 },
    ])
  })

  test('a change of role alone is no new reign, a new term is', () => {
    const leadership = [
      entry(3, 'n1', 300),
      entry(3, 'n1', 200, 'leader'),
      entry(4, 'n1', 100, 'leader'),
    ]

    expect(reignsOf(leadership, 0, true).map(({ term, fromMs }) => [term, fromMs])).toEqual([
      [3, 300],
      [4, 100],
    ])
  })

  test('of the time since a node fell silent nothing is said', () => {
    expect(reignsOf([entry(3, 'n1', 1_000)], 7_000, false)).toEqual([
      { leader: 'n1', term: 3, election: false, fromMs: 8_000, toMs: 7_000 },
    ])
  })

  test('how long there has been no leader', () => {
    const gap = reignsOf([entry(3, 'n1', 5_000), entry(3, null, 1_200)], 100, true)

    expect(leaderlessMs(gap)).toBe(1_300)
    expect(leaderlessMs(reignsOf([entry(3, 'n1', 5_000)], 0, true))).toBe(null)
    expect(leaderlessMs([])).toBe(null)
  })
})

describe('words for figures', () => {
  test.each([
    [38.4, '38 ms', 'under 1 s'],
    [1_260, '1.3 s', '1 s'],
    [59_999, '59 s', '59 s'],
    [61_000, '1 min 1 s', '1 min 1 s'],
    [7_320_000, '2 h 2 min', '2 h 2 min'],
    [200_000_000, '2 d 7 h', '2 d 7 h'],
  ])('%d ms is %s, or %s', (ms, fine, coarse) => {
    expect([span(ms), coarseSpan(ms)]).toEqual([fine, coarse])
  })

  test('rates: not 0 for what is more, and no figure for what was not measured', () => {
    expect([0, 0.3, 9.96, 12.4, 12_345].map(rate)).toEqual(['0', '0.3', '10', '12', '12,345'])
    expect(rate(null)).toBe('–')
  })

  test('names', () => {
    expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(list)).toEqual([
      '',
      'a',
      'a and b',
      'a, b and c',
    ])
  })

  test.each([null, '', 'n2', 'javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd'])(
    'a peer that tells %j as its URL gets no link',
    (url) => {
      expect(webUrl(url)).toBe(null)
    },
  )

  test('a link leads to http and https', () => {
    expect(webUrl('http://10.0.0.1:8001')).toBe('http://10.0.0.1:8001/')
    expect(webUrl('https://n2.example')).toBe('https://n2.example/')
  })
})
