// The live view: a block for a terminal and a line for a pipe, from one moment of a run.

import { expect, test } from 'vitest'
import type { Stats } from '../../../client/contract/state.ts'
import type { FaultNote } from '../../../cluster/chaos/injector.ts'
import {
  chart,
  colours,
  liveBlock,
  liveLine,
  type Moment,
  plain,
} from '../../../cluster/chaos/view.ts'
import type { NodeLook } from '../../../cluster/chaos/watcher.ts'
import { clipped } from '../../../cluster/screen.ts'

function stats(id: string, role: Stats['role']): Stats {
  return {
    ...{ node_id: id, role, term: 4, leader_id: 'n2', received: 9, unique_processed: 6 },
    ...{ duplicate_dropped: 3, dedup_rate_percent: 33.3, conflicts: 0, topics: [] },
    ...{ topics_total: 0, uptime_seconds: 1, commit_index: 12, applied_index: 12 },
    ...{ last_position: 6, digest: 'abcdef0123456789abcdef0123456789', fsync: true },
    node: { requests: 0, rejected: 0, forwarded: 0, pending: 0, standing: 'member' },
  }
}

const FAULT: FaultNote = {
  ...{ step: 1, type: 'kill', nodes: ['n1'], hitLeader: true, text: 'kill n1, the leader' },
  ...{ fromMs: 1_200, toMs: null, firstAckMs: null },
}

const MOMENT: Moment = {
  ...{ scenario: 'kill-leader', seed: 7, nowMs: 3_500, goal: 'of 60 s' },
  look: new Map<string, NodeLook>([
    ['n1', { condition: 'killed', stats: null, atMs: 0 }],
    ['n2', { condition: 'up', stats: stats('n2', 'leader'), atMs: 0 }],
    ['n3', { condition: 'up', stats: null, atMs: 0 }],
  ]),
  ...{ inForce: [FAULT], faults: [FAULT], longestGapMs: 320, violations: 0 },
  seconds: [
    { events: 100, gapMs: 10 },
    { events: 50, gapMs: 320 },
    { events: 200, gapMs: 15 },
    { events: 3, gapMs: 5 },
  ],
  counts: {
    ...{ accepted: 1_234, duplicates: 500, conflicts: 9, unknown: 2 },
    ...{ reads: 30, sdkCalls: 10, sdkRetries: 0, requests: 40 },
  },
  errors: { sdk: 0, http: 5, surviving: 0 },
}

test('the block names each node, what it is, the fault in force, and the ledger', () => {
  const block = liveBlock(MOMENT, 100, plain)

  expect(block).toContain('kill n1, the leader (2.3 s)')
  expect(block).toMatch(/^n1 +✖ killed/m)
  expect(block).toMatch(/^n2 +★ leader +4 +12 +6 +abcdef01/m)
  expect(block).toMatch(/^n3 +\? no answer/m)
  expect(block).toContain('1,234 events accepted · 500 duplicates')
  expect(block).toContain('through surviving nodes 0, through others 5')
})

test('the charts hold whole seconds only, scaled to the largest', () => {
  const block = liveBlock(MOMENT, 100, plain)

  expect(block).toMatch(/^events\/s +▄▂█ +200$/m)
  expect(block).toMatch(/^faults +·▀▀ +1$/m)
  expect(chart([0, 1, 100, 5_000], 1_000)).toBe(' ▁▁█')
})

test('colours change nothing but colours', () => {
  const painted = liveBlock(MOMENT, 100, colours)

  const escapes = new RegExp(`${String.fromCharCode(0x1b)}\\[\\d+m`, 'g')
  expect(painted.replace(escapes, '')).toBe(liveBlock(MOMENT, 100, plain))
})

test('a line that is too long is cut by what can be seen of it, and its colours end', () => {
  const line = colours('red', 'abcdef') + colours('green', 'ghi')

  expect(clipped(line, 4)).toBe(colours('red', 'abcd') + colours('green', ''))
  expect(clipped('★★★★', 2)).toBe('★★')
})

test('the line for a pipe says the same on one line', () => {
  const line = liveLine(MOMENT)

  expect(line).not.toContain('\n')
  expect(line).toContain('n1 killed n2 leader n3 no answer')
  expect(line).toContain('kill n1, the leader')
})
