// The page's one sentence: true in every case, and never surer than what is known.

import { describe, expect, test } from 'vitest'
import { judge, LIVE_MS } from '../../../node/page/verdict.mjs'
import { node, overview, report } from './samples.ts'

const now = { elapsedMs: 100, askingMs: 100, paused: false }

describe('judge', () => {
  test('all is well', () => {
    expect(judge({ overview: overview(), ...now })).toMatchObject({
      tone: 'good',
      headline: 'n1 leads term 3.',
      detail: '1,204 events stored, the same on all 3 nodes: the digests are equal.',
    })
  })

  test('what was not compared is not called the same', () => {
    const nodes = [node('n1'), node('n2'), node('n3', { digest_check: null })]

    const { tone, detail } = judge({ overview: overview({ nodes }), ...now })

    expect(tone).toBe('good')
    expect(detail).toBe('1,204 events stored; not yet compared with n3.')
  })

  test('no leader and no majority: how long, whom it hears, and since when not', () => {
    const nodes = [
      node('n1', { fresh: false, age_ms: 12_000 }),
      node('n2'),
      node('n3', { fresh: false, linked: false, report: null, age_ms: null }),
    ]
    const leadership = [
      { term: 3, leader_id: 'n1', role: 'follower' as const, age_ms: 60_000 },
      { term: 3, leader_id: null, role: 'follower' as const, age_ms: 11_500 },
      { term: 4, leader_id: null, role: 'candidate' as const, age_ms: 11_000 },
    ]

    const verdict = judge({ overview: overview({ leader_id: null, nodes, leadership }), ...now })

    expect(verdict).toEqual({
      tone: 'bad',
      headline: 'No leader: publishes wait.',
      detail:
        'n2 has known none for 11 s. It hears 0 of 2 others; a leader needs 2 of 3 nodes. ' +
        'Last heard: n1 12 s ago and n3 never since this node was started.',
      spoken: 'No leader and no majority: publishes wait',
    })
  })

  test('no leader, but enough nodes for an election', () => {
    const nodes = [node('n1', { fresh: false, age_ms: 300 }), node('n2'), node('n3')]
    const leadership = [{ term: 3, leader_id: null, role: 'preCandidate' as const, age_ms: 200 }]

    const { headline, detail } = judge({
      overview: overview({ leader_id: null, nodes, leadership }),
      ...now,
    })

    expect(headline).toBe('No leader: publishes wait.')
    expect(detail).toContain(
      'n2 has known none for 300 ms. It hears 1 of 2 others, which is enough',
    )
  })

  test('a node that is not heard', () => {
    const nodes = [node('n1'), node('n2'), node('n3', { fresh: false, age_ms: 34_000 })]

    expect(judge({ overview: overview({ nodes }), ...now })).toMatchObject({
      tone: 'warn',
      headline: 'n1 leads term 3; n3 is not heard.',
      detail: 'Publishes go on; should one more be lost, they wait. Last heard: n3 34 s ago.',
    })
  })

  test('of five nodes two may be lost', () => {
    const five = ['n1', 'n2', 'n3', 'n4'].map((id) => node(id))
    const nodes = [...five, node('n5', { fresh: false, age_ms: 5_000 })]

    expect(judge({ overview: overview({ nodes }), ...now }).detail).toMatch(/^Publishes go on\. /)
  })

  test('digests that differ come before everything else', () => {
    const differs = { verdict: 'differs', index: 40, age_ms: 200 } as const
    const nodes = [node('n1', { fresh: false }), node('n2'), node('n3', { digest_check: differs })]

    expect(judge({ overview: overview({ nodes }), ...now })).toMatchObject({
      tone: 'bad',
      headline: 'n3 and n2 do not store the same.',
    })
  })

  test.each([
    [{ standing: 'suspect' as const }, 'n1 leads term 3; n3 is suspect.'],
    [{ standing: 'forming' as const }, 'n1 leads term 3; n3 has not met all others yet.'],
    [{ rebuilding: true }, 'n1 leads term 3; n3 builds its store again.'],
  ])('a node that is no full member: %j', (change, headline) => {
    const nodes = [node('n1'), node('n2'), node('n3', { report: report(change) })]

    expect(judge({ overview: overview({ nodes }), ...now })).toMatchObject({
      tone: 'warn',
      headline,
    })
  })

  test('a peer of an older version is there, but tells nothing of itself', () => {
    const silent = { fresh: false, report: null, age_ms: null, digest_check: null }
    const nodes = [node('n1', silent), node('n2'), node('n3')]

    expect(judge({ overview: overview({ nodes }), ...now })).toMatchObject({
      tone: 'warn',
      headline: 'n1 leads term 3; n1 tells nothing of itself.',
      detail: '1,204 events stored; not yet compared with n1.',
    })
  })

  test('FSYNC=off is never passed over', () => {
    const nodes = [node('n1'), node('n2', { report: report({ fsync: false }) }), node('n3')]

    const { tone, detail } = judge({ overview: overview({ nodes }), ...now })

    expect(tone).toBe('warn')
    expect(detail).toContain('FSYNC=off on n2')
  })

  test('without an answer nothing is said of now', () => {
    const late = { elapsedMs: 12_400, askingMs: 12_400, paused: false }

    expect(judge({ overview: overview(), ...late })).toMatchObject({
      tone: 'bad',
      headline: 'n2 does not answer.',
      detail: expect.stringContaining('Last heard 12 s ago. What stands below was true then'),
    })
    expect(judge({ overview: overview(), ...now, elapsedMs: LIVE_MS }).tone).toBe('good')
    expect(judge({ overview: null, ...late }).headline).toBe('This node does not answer.')
    expect(judge({ overview: null, ...now }).tone).toBe('unknown')
  })

  test('paused by the reader it says from when all of it is', () => {
    expect(
      judge({ overview: overview(), elapsedMs: 5_000, askingMs: 0, paused: true }),
    ).toMatchObject({
      tone: 'unknown',
      headline: 'n1 leads term 3.',
      detail: 'Paused: all of this is from 5 s ago.',
    })
  })

  test('a page that did not ask does not blame its node for the silence', () => {
    const asleep = { elapsedMs: 60_000, askingMs: 300, paused: false }

    expect(judge({ overview: overview(), ...asleep })).toEqual({
      tone: 'unknown',
      headline: 'n1 leads term 3.',
      detail: 'Asking again: all of this is from 1 min 0 s ago.',
      spoken: 'n1 leads term 3',
    })
  })

  test('what screen readers are told changes only when something happens, not as time passes', () => {
    const nodes = [node('n1'), node('n2'), node('n3', { fresh: false, age_ms: 3_000 })]
    const later = [node('n1'), node('n2'), node('n3', { fresh: false, age_ms: 9_000 })]

    const spoken = [nodes, later].map(
      (all) => judge({ overview: overview({ nodes: all }), ...now }).spoken,
    )

    expect(spoken[0]).toBe('n1 leads term 3; n3 is not heard')
    expect(spoken[1]).toBe(spoken[0])
  })
})
