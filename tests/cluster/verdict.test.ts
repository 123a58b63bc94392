// What compare concludes, and what the summary of `npm start` shows, from recorded statistics.

import { describe, expect, test } from 'vitest'
import type { Stats } from '../../client/contract/state.ts'
import {
  digestView,
  eventsPerSecond,
  type Look,
  summaryBlock,
  summaryLine,
} from '../../cluster/summary.ts'
import { commonIndex, judge, NodeHistory, sideBySide } from '../../cluster/verdict.ts'

const DIGEST = 'ab'.repeat(16)

function stats(node_id: string, changes: Partial<Stats> = {}): Stats {
  return {
    node_id,
    role: 'follower',
    term: 3,
    leader_id: 'n1',
    received: 1_000,
    unique_processed: 700,
    duplicate_dropped: 300,
    dedup_rate_percent: 30,
    conflicts: 0,
    topics: ['orders'],
    topics_total: 1,
    uptime_seconds: 1,
    commit_index: 412,
    applied_index: 412,
    last_position: 700,
    digest: DIGEST,
    fsync: true,
    node: { requests: 0, rejected: 0, forwarded: 0, pending: 0, standing: 'member' },
    ...changes,
  }
}

function history(...looks: Stats[]): NodeHistory {
  const one = new NodeHistory(`http://${looks[0]!.node_id}`)
  for (const look of looks) one.add(look)
  return one
}

const AT_412 = { index: 412, target: 412 }

describe('nodes that were seen at one applied index', () => {
  test('are equal when every counter and the digest is', () => {
    const views = ['n1', 'n2', 'n3'].map((id) => history(stats(id)))

    expect(judge(views, AT_412, null, false)).toEqual({
      equal: true,
      findings: ['equal at index 412: all counters and the digest of 3 nodes'],
    })
  })

  test.each([
    ['digest', { digest: 'cd'.repeat(16) }],
    ['conflicts', { conflicts: 1 }],
    ['topics_total', { topics_total: 2 }],
    ['received, duplicate_dropped', { received: 1_001, duplicate_dropped: 301 }],
  ])('differ by %s', (names, changes) => {
    const views = [history(stats('n1')), history(stats('n2', changes))]

    expect(judge(views, AT_412, null, false)).toEqual({
      equal: false,
      findings: [`DIFFERENT at index 412: ${names}`],
    })
  })

  test('may meet at an index that they have left behind', () => {
    const later = { applied_index: 413, received: 1_001, duplicate_dropped: 301 }
    const ahead = history(stats('n1'), stats('n1', later))
    const behind = history(stats('n2', { applied_index: 411 }), stats('n2'))

    expect(commonIndex([ahead, behind])).toBe(412)
    expect(judge([ahead, behind], AT_412, null, false).equal).toBe(true)
  })

  test('are not excused when one contradicts itself', () => {
    const views = ['n1', 'n2'].map((id) => history(stats(id, { received: 999 })))

    const { equal, findings } = judge(views, AT_412, null, false)

    expect(equal).toBe(false)
    expect(findings).toContain('n1: received 999 is not unique 700 + duplicates 300')
  })

  test('prove nothing when they are one and the same', () => {
    const { equal, findings } = judge(
      [history(stats('n1')), history(stats('n1'))],
      AT_412,
      null,
      false,
    )

    expect(equal).toBe(false)
    expect(findings).toContain('n1 answers at more than one of the URLs')
  })
})

describe('nodes that never met', () => {
  const views = [
    history(stats('n1', { applied_index: 500 })),
    history(stats('n2', { applied_index: 480 })),
  ]
  const meeting = { index: null, target: 450 }

  test('are compared by the digest of an index that both have passed', () => {
    const same = judge(views, meeting, { index: 480, digests: [DIGEST, DIGEST] }, false)
    const other = judge(views, meeting, { index: 480, digests: [DIGEST, '0'] }, false)

    expect(same).toMatchObject({
      equal: true,
      findings: [expect.stringMatching(/^equal at index 480: the digest/)],
    })
    expect(other).toEqual({ equal: false, findings: ['DIFFERENT at index 480: digest'] })
  })

  test('are not equal when one stands still short of where the others were', () => {
    const { equal, findings } = judge(
      views,
      { index: null, target: 490 },
      { index: 480, digests: [DIGEST, DIGEST] },
      false,
    )

    expect(equal).toBe(false)
    expect(findings).toContain('n2 is at index 480, not yet at 490')
  })

  test('are not equal when one no longer has a digest to show', () => {
    const { equal, findings } = judge(
      views,
      meeting,
      { index: 480, digests: [null, DIGEST] },
      false,
    )

    expect(equal).toBe(false)
    expect(findings).toEqual(['n1 could not show a digest at index 480: too far apart to compare'])
  })
})

describe('a node that does not answer', () => {
  const silent = new NodeHistory('http://n3')
  silent.fail('connection refused')

  test('is a fault, unless it was allowed for', () => {
    const views = [history(stats('n1')), history(stats('n2')), silent]

    const strict = judge(views, AT_412, null, false)
    const lenient = judge(views, AT_412, null, true)

    expect(strict.equal).toBe(false)
    expect(lenient.equal).toBe(true)
    for (const { findings } of [strict, lenient]) {
      expect(findings).toContain('http://n3 does not answer (connection refused)')
    }
  })

  test('leaves nothing to compare when only one other is left', () => {
    expect(
      judge([history(stats('n1')), silent], { index: null, target: 412 }, null, true),
    ).toMatchObject({
      equal: false,
    })
  })

  test('has a column of its own', () => {
    const text = sideBySide([history(stats('n1')), silent], null)

    expect(text.split('\n')[0]).toMatch(/http:\/\/n1 +http:\/\/n3/)
    expect(text).toMatch(/^node +n1 +connection refused$/m)
    expect(text).toMatch(/^received +1,000$/m)
  })
})

describe('the summary', () => {
  const look = (changes: Partial<Look>): Look => ({
    atMs: 1_000,
    stats: new Map([
      ['n1', stats('n1', { role: 'leader' })],
      ['n2', stats('n2', { applied_index: 400 })],
      ['n3', null],
    ]),
    states: new Map([['n3', 'restarting']]),
    digests: { type: 'equal', index: 400, count: 2 },
    ...changes,
  })
  const before = look({
    atMs: 0,
    stats: new Map([['n1', stats('n1', { received: 750, unique_processed: 450 })]]),
  })

  test('tells leader, speed, duplicates, lag and digests in one line', () => {
    expect(summaryLine(look({}), before)).toBe(
      'leader n1, term 3 · 250 events/s · 700 unique, 300 duplicates (30.0 %) · ' +
        'lag n1 0, n2 12, n3 restarting · digests of 2 nodes equal at index 400',
    )
  })

  test('has a row for each node on a terminal', () => {
    const rows = summaryBlock(look({}), before).split('\n')

    expect(rows[2]).toMatch(/^n1 +leader +3 +412 +0 +1,000 +700 +300$/)
    expect(rows[4]).toBe('n3    restarting')
  })

  test('believes the leader with the highest term', () => {
    const deposed = stats('n2', { role: 'leader', term: 2 })

    expect(
      summaryLine(
        look({
          stats: new Map([
            ['n2', deposed],
            ['n1', stats('n1', { role: 'leader' })],
          ]),
        }),
        null,
      ),
    ).toMatch(/^leader n1, term 3/)
  })

  test('says so when nobody answers', () => {
    expect(summaryLine(look({ stats: new Map([['n1', null]]) }), null)).toBe('no node answers')
  })

  test('never shows a negative speed when the furthest node is gone', () => {
    expect(eventsPerSecond(before, look({ atMs: -1 }))).toBe(0)
  })

  test('compares digests only of nodes that have one to show', () => {
    expect(digestView(7, ['a', 'a', null])).toEqual({ type: 'equal', index: 7, count: 2 })
    expect(digestView(7, ['a', 'b', null])).toEqual({ type: 'different', index: 7 })
    expect(digestView(7, ['a', null])).toEqual({ type: 'unknown' })
  })
})
