// The door: every fault is found, and a message that is refused changes nothing, its term included.

import { describe, expect, test } from 'vitest'
import { faultOf, TERM_STEP_MAX } from '../../../raft/core/check.ts'
import type { PeerMessage } from '../../../raft/core/types.ts'
import { entriesOf, IDS } from './network.ts'
import { Solo } from './solo.ts'

const envelope = { from: 'n2', to: 'n1', term: 5 }
const entry = (index: number, term: number) => entriesOf([term], index)[0]!
const at = (index: number, term = 1) => ({ index, term })
const append = {
  type: 'Append',
  session: 1,
  prev: at(2),
  entries: [entry(3, 1), entry(4, 2)],
  commit: 3,
} as const
const beat = { type: 'Heartbeat', session: 1, commit: 0, readSequence: 0, matches: [] } as const
const id = { node: 'n2', life: 1, count: 0 }
const checkpoint = { index: 3, term: 2, state: new Uint8Array(0) }
const offer = { type: 'SnapshotOffer', session: 1, checkpoint, pins: [], configIndex: 0 } as const

const good: readonly object[] = [
  append,
  { ...append, entries: [] },
  beat,
  offer,
  { type: 'PreVote', last: at(3), force: false },
  { type: 'Vote', last: at(0, 0), force: true },
  { type: 'PreVoteResp', granted: true },
  { type: 'VoteResp', granted: false },
  { type: 'AppendOk', session: 1, match: 0 },
  { type: 'AppendConflict', session: 1, prev: at(3), hint: at(0, 0) },
  { type: 'Commit', session: 1, commit: 4 },
  { type: 'HeartbeatResp', session: 1, readSequence: 0 },
  { type: 'NeedSnapshot' },
  { type: 'StaleTerm' },
  { type: 'TimeoutNow' },
  { type: 'ReadIndex', ticket: 2 ** 50 },
  { type: 'ReadIndexResp', ticket: 0, index: null },
  { type: 'ReadIndexResp', ticket: 0, index: 7 },
  { type: 'Propose', id, floor: 0, data: new Uint8Array(0) },
  { type: 'ProposeRefused', id: { ...id, node: 'n1' }, reason: 'noLeader' },
  { type: 'Introduce' },
  { type: 'Remembered', pinned: null, seen: null, commit: 0 },
  { type: 'Remembered', pinned: 'x', seen: { term: 4, match: at(3) }, commit: 0 },
]

const bad: readonly (readonly [string, object])[] = [
  ['not for this node', { ...beat, to: 'n3' }],
  ['in our own name', { ...beat, from: 'n1' }],
  ['from a stranger', { ...beat, from: 'n9' }],
  ['term is no safe integer', { ...beat, term: -1 }],
  ['term is no safe integer', { ...beat, term: 1.5 }],
  ['term is no safe integer', { ...beat, term: Number.NaN }],
  ['term is no safe integer', { ...beat, term: 2 ** 53 }],
  ['term is far beyond ours', { ...beat, term: 4 + TERM_STEP_MAX + 1 }],
  ['append behind nothing', { ...append, prev: at(-1) }],
  ['append behind nothing', { ...append, commit: -1 }],
  ['append behind nothing', { ...append, entries: [], prev: at(2, 12) }],
  ['entries are not contiguous', { ...append, entries: [entry(4, 1)] }],
  ['entries are not contiguous', { ...append, entries: [entry(3, 1), entry(3, 1)] }],
  ['terms of entries fall', { ...append, entries: [entry(3, 2), entry(4, 1)] }],
  ['terms of entries fall', { ...append, prev: at(2, 4) }],
  ['terms of entries fall', { ...append, entries: [entry(3, Number.NaN)] }],
  ['entry from a later term than its leader', { ...append, entries: [entry(3, 12)] }],
  ['index is no safe integer', { ...append, prev: at(2 ** 53 - 1), entries: [entry(2 ** 53, 1)] }],
  ['last is no entry', { type: 'Vote', last: at(-1), force: false }],
  ['last is no entry', { type: 'PreVote', last: at(1, 12), force: false }],
  ['no election has term 0', { type: 'Vote', last: at(0, 0), force: false, term: 0 }],
  ['match is no index', { type: 'AppendOk', session: 1, match: 1.5 }],
  ['conflict without a place', { type: 'AppendConflict', session: 1, prev: at(-1), hint: at(0) }],
  ['conflict without a place', { type: 'AppendConflict', session: 1, prev: at(0), hint: at(0.5) }],
  ['commit is no index', { type: 'Commit', session: 1, commit: Number.POSITIVE_INFINITY }],
  ['heartbeat is no count', { ...beat, commit: -1 }],
  ['heartbeat is no count', { ...beat, readSequence: -1 }],
  ['matches are no entries', { ...beat, matches: [{ node: 'n2', ...at(-1) }] }],
  ['sequence is no count', { type: 'HeartbeatResp', session: 1, readSequence: -1 }],
  ['offer of nothing', { ...offer, checkpoint: { ...checkpoint, index: 0 } }],
  ['offer of nothing', { ...offer, checkpoint: { ...checkpoint, term: -1 } }],
  ['offer of nothing', { ...offer, configIndex: -1 }],
  ['offer from a later term', { ...offer, checkpoint: { ...checkpoint, term: 12 } }],
  ['ticket is no count', { type: 'ReadIndex', ticket: -1 }],
  ['index is no index', { type: 'ReadIndexResp', ticket: 0, index: -1 }],
  ['proposal without an id', { type: 'Propose', id: { ...id, count: -1 }, floor: 0 }],
  ['proposal without an id', { type: 'Propose', id: { ...id, life: 0.5 }, floor: 0 }],
  ['proposal without a floor', { type: 'Propose', id, floor: Number.POSITIVE_INFINITY }],
  ["proposal in another's name", { type: 'Propose', id: { ...id, node: 'n3' }, floor: 0 }],
  ['commit is no index', { type: 'Remembered', pinned: null, seen: null, commit: -1 }],
  [
    'evidence of nothing',
    { type: 'Remembered', pinned: 'x', seen: { term: -1, match: at(1) }, commit: 0 },
  ],
  [
    'evidence of nothing',
    { type: 'Remembered', pinned: 'x', seen: { term: 1, match: at(-1) }, commit: 0 },
  ],
]

const message = (content: object) => ({ ...envelope, ...content }) as PeerMessage

test.each(good.map((content) => [(content as PeerMessage).type, content] as const))(
  'a sound %s may come in',
  (_, content) => {
    expect(faultOf(message(content), 'n1', IDS, 3)).toBeNull()
  },
)

test.each(bad)('%s: %o', (fault, content) => {
  expect(faultOf(message(content), 'n1', IDS, 3)).toBe(fault)
})

describe('what is refused changes nothing', () => {
  for (const role of ['follower', 'candidate', 'leader'] as const)
    test(`on a ${role}`, () => {
      const solo = new Solo({ entries: entriesOf([1, 1]), term: 3 }).become(role)
      solo.said()
      const before = solo.status

      for (const [fault, content] of bad) {
        if (fault === 'no election has term 0') continue
        solo.member.step(message({ term: 9, ...content }))
        solo.member.settle()
        expect(solo.status, fault).toEqual(before)
        expect(solo.said(), fault).toEqual([])
      }
      expect(solo.member.trace.filter((type) => type === 'refused').length).toBe(bad.length - 1)
    })
})
