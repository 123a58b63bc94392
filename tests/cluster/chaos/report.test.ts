// The report of a chaos run: what counts as wrong, what the last lines say, and the page.

import { describe, expect, test } from 'vitest'
import { Ledger, type Verdict } from '../../../client/ledger/ledger.ts'
import { htmlReport } from '../../../cluster/chaos/html.ts'
import { niceAbove } from '../../../cluster/chaos/html-plots.ts'
import type { FaultNote } from '../../../cluster/chaos/injector.ts'
import { faultsFound, type Report, recoveries, reportLines } from '../../../cluster/chaos/report.ts'

const DIGEST = '0'.repeat(32)

/** Of a ledger with one acknowledged event, which the nodes hold or not. */
function verdictOf(held: boolean): Verdict {
  const ledger = new Ledger()
  const event = { topic: 't', eventId: 'a', hash: 'h' }
  const call = ledger.call({ type: 'publish', events: [event] }, 0)
  const answer = { type: 'published', outcomes: [{ type: 'accepted', position: 1 }] } as const
  ledger.return(call, answer, { at: 1, node: 'n1' })
  const count = held ? 1 : 0
  const counters = {
    ...{ applied: 2, received: count, unique: count, duplicates: 0, conflicts: 0 },
    ...{ lastPosition: count, digest: DIGEST },
  }
  const events = held ? [{ ...event, position: 1 }] : []
  return ledger.verdict([{ node: 'n1', counters, events }])
}

function fault(over: Partial<FaultNote> = {}): FaultNote {
  return {
    step: 1,
    type: 'kill',
    nodes: ['n1'],
    hitLeader: true,
    text: 'kill n1, the leader',
    fromMs: 1_000,
    toMs: 2_000,
    firstAckMs: 250,
    ...over,
  }
}

const NO_ERRORS = { all: {}, surviving: {} }

function report(over: Partial<Report> = {}): Report {
  return {
    version: 1,
    scenario: 'kill-leader',
    seed: 7,
    engine: 'process',
    startedAt: '2026-01-01T00:00:00.000Z',
    durationMs: 3_000,
    options: {},
    steps: 1,
    faults: [fault()],
    lacking: [],
    timelines: [
      { node: 'n1', spans: [{ phase: 'leader', term: 1, fromMs: 0, toMs: 1_000 }] },
      { node: 'n2', spans: [{ phase: 'follower', term: 1, fromMs: 0, toMs: 3_000 }] },
    ],
    seconds: [
      { events: 10, gapMs: 20 },
      { events: 5, gapMs: 250 },
      { events: 12, gapMs: 30 },
    ],
    longestGap: { gapMs: 250, endMs: 1_250 },
    counts: {
      ...{ accepted: 20, duplicates: 7, conflicts: 1, unknown: 0 },
      ...{ reads: 9, sdkCalls: 4, sdkRetries: 1, requests: 30 },
    },
    errors: { sdk: NO_ERRORS, http: NO_ERRORS, read: NO_ERRORS },
    crashes: [],
    complaints: [],
    verdict: verdictOf(true),
    ...over,
  }
}

describe('verdict', () => {
  test('a run is clean when the ledger is, no node crashed and no client met an error without excuse', () => {
    expect(faultsFound(report())).toEqual([])
    expect(reportLines(report()).at(-1)).toContain('clean')
  })

  test('errors through nodes that were hit are told, and are not wrong', () => {
    const errors = { sdk: NO_ERRORS, http: { all: { lost: 3 }, surviving: {} }, read: NO_ERRORS }

    expect(faultsFound(report({ errors }))).toEqual([])
    expect(reportLines(report({ errors })).join('\n')).toContain('3 × lost')
  })

  const wrong: [what: string, over: Partial<Report>][] = [
    ['a lost event', { verdict: verdictOf(false) }],
    ['a node that ended by itself', { crashes: ['n2 ended (exit code 70)'] }],
    ['nodes that cannot be read back', { verdict: null, complaints: ['n3 does not answer'] }],
    [
      'an error of the SDK',
      { errors: { sdk: { all: { gone: 1 }, surviving: {} }, http: NO_ERRORS, read: NO_ERRORS } },
    ],
    [
      'an error through a surviving node',
      { errors: { sdk: NO_ERRORS, http: { all: { x: 1 }, surviving: { x: 1 } }, read: NO_ERRORS } },
    ],
  ]
  test.each(wrong)('%s is wrong, and said last', (_, over) => {
    expect(faultsFound(report(over))).toHaveLength(1)
    expect(reportLines(report(over)).at(-1)).toContain('NOT CLEAN')
  })

  test('a lost event is named', () => {
    const text = reportLines(report({ verdict: verdictOf(false) })).join('\n')

    expect(text).toMatch(/^lost +1$/m)
    expect(text).toContain('event "a" of topic "t", acknowledged at position 1, is missing on n1')
  })

  test('recovery is told by kind of fault and of whom it hit', () => {
    const faults = [
      fault({ firstAckMs: 100 }),
      fault({ firstAckMs: 300 }),
      fault({ firstAckMs: null }),
      fault({ hitLeader: false, firstAckMs: 5 }),
    ]

    expect(recoveries(faults)).toEqual([
      { what: 'kill of a follower', spread: { count: 1, min: 5, median: 5, max: 5 }, never: 0 },
      {
        what: 'kill of the leader',
        spread: { count: 2, min: 100, median: 200, max: 300 },
        never: 1,
      },
    ])
  })
})

describe('page', () => {
  test('needs nothing from outside and says the verdict', () => {
    const page = htmlReport(report())

    expect(page).not.toMatch(/(src|href)=|@import|url\(|<script/i)
    expect(page).toContain('<span class="badge">clean</span>')
    expect(page).toContain('kill n1, the leader')
    expect(page.match(/<svg /g)).toHaveLength(3)
    expect(page).not.toContain('NaN')
  })

  test('shows what is wrong first, and as text whatever it contains', () => {
    const page = htmlReport(report({ crashes: ['<script>alert("x")</script>'] }))

    expect(page).toContain('<span class="badge bad">not clean</span>')
    expect(page).not.toContain('<script>')
    expect(page).toContain('&lt;script&gt;alert(&quot;x&quot;)')
  })

  test('a run that was ended at once is a page, too', () => {
    const page = htmlReport(
      report({ durationMs: 0, faults: [], seconds: [{ events: 0, gapMs: 0 }], verdict: null }),
    )

    expect(page).not.toMatch(/NaN|Infinity|undefined/)
  })

  test('scales end at round numbers', () => {
    expect([1, 3, 7, 10, 11, 499].map(niceAbove)).toEqual([1, 5, 10, 10, 20, 500])
  })
})
