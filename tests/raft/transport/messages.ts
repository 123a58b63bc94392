// One message of every type, and generators of any: for the codec, and for whatever carries messages.

import type { Entry, WireMessage } from '../../../raft/core/types.ts'
import fc from '../../properties.ts'

const STORE = '0123456789abcdef0123456789abcdef'
const BIG = Number.MAX_SAFE_INTEGER
const id = { node: 'n2', life: 1_234_567_890_123, count: 9 }
const data = Uint8Array.of(1, 2, 3)

export const ENTRIES: readonly Entry[] = [
  { index: 8, term: 3, type: 'noop', proposal: null, data: new Uint8Array() },
  { index: 9, term: 3, type: 'normal', proposal: id, data },
  { index: 10, term: 3, type: 'config', proposal: null, data: Uint8Array.of(0) },
]

/** By type, so that a new type without a sample does not compile. */
export const SAMPLES: {
  readonly [Type in WireMessage['type']]: Extract<WireMessage, { readonly type: Type }>
} = (() => {
  const envelope = { from: 'n1', to: 'n2', term: 3 }
  const last = { index: 7, term: 2 }
  return {
    PreVote: { type: 'PreVote', ...envelope, last, force: false },
    PreVoteResp: { type: 'PreVoteResp', ...envelope, granted: true },
    Vote: { type: 'Vote', ...envelope, last, force: true },
    VoteResp: { type: 'VoteResp', ...envelope, granted: false },
    Append: { type: 'Append', ...envelope, session: 4, prev: last, entries: ENTRIES, commit: 6 },
    AppendOk: { type: 'AppendOk', ...envelope, session: 4, match: 10 },
    AppendConflict: {
      type: 'AppendConflict',
      ...envelope,
      session: 4,
      prev: last,
      hint: { index: 5, term: 1 },
    },
    Commit: { type: 'Commit', ...envelope, session: 4, commit: BIG },
    Heartbeat: {
      type: 'Heartbeat',
      ...envelope,
      session: 4,
      commit: 6,
      readSequence: 2 ** 32,
      matches: [
        { node: 'n2', index: 7, term: 2 },
        { node: 'n3', index: 0, term: 0 },
      ],
    },
    HeartbeatResp: { type: 'HeartbeatResp', ...envelope, session: 4, readSequence: 1 },
    SnapshotOffer: {
      type: 'SnapshotOffer',
      ...envelope,
      session: 4,
      checkpoint: { ...last, state: data },
      pins: [{ node: 'n3', store: STORE }],
      configIndex: 2,
    },
    NeedSnapshot: { type: 'NeedSnapshot', ...envelope },
    StaleTerm: { type: 'StaleTerm', ...envelope },
    TimeoutNow: { type: 'TimeoutNow', ...envelope },
    ReadIndex: { type: 'ReadIndex', ...envelope, ticket: 5 },
    ReadIndexResp: { type: 'ReadIndexResp', ...envelope, ticket: 5, index: null },
    Propose: { type: 'Propose', ...envelope, id, floor: 3, data },
    ProposeRefused: { type: 'ProposeRefused', ...envelope, id, reason: 'otherTerm' },
    Introduce: { type: 'Introduce', ...envelope },
    Remembered: {
      type: 'Remembered',
      ...envelope,
      pinned: STORE,
      seen: { term: 3, match: last },
      commit: 6,
    },
    ChunkAsk: { type: 'ChunkAsk', ...envelope, session: 4, after: 100 },
    Chunk: { type: 'Chunk', ...envelope, session: 4, after: 100, next: 200, data },
  }
})()

const count = fc.maxSafeNat()
const node = fc.string({ minLength: 1, maxLength: 20, unit: 'binary' })
const bytes = fc.uint8Array({ maxLength: 300 })
const store = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((drawn) => Buffer.from(drawn).toString('hex'))
const entryId = fc.record({ index: count, term: count })
const proposal = fc.record({ node, life: count, count })
const entry = fc.record({
  index: count,
  term: count,
  type: fc.constantFrom('normal', 'noop', 'config'),
  proposal: fc.option(proposal),
  data: bytes,
})
const pins = fc.array(fc.record({ node, store }), { maxLength: 5 })
const matches = fc.array(fc.record({ node, index: count, term: count }), { maxLength: 5 })

/** What stands beside the envelope. */
const bodies: { readonly [Type in WireMessage['type']]: Record<string, fc.Arbitrary<unknown>> } = {
  PreVote: { last: entryId, force: fc.boolean() },
  PreVoteResp: { granted: fc.boolean() },
  Vote: { last: entryId, force: fc.boolean() },
  VoteResp: { granted: fc.boolean() },
  Append: {
    session: count,
    prev: entryId,
    entries: fc.array(entry, { maxLength: 20 }),
    commit: count,
  },
  AppendOk: { session: count, match: count },
  AppendConflict: { session: count, prev: entryId, hint: entryId },
  Commit: { session: count, commit: count },
  Heartbeat: { session: count, commit: count, readSequence: count, matches },
  HeartbeatResp: { session: count, readSequence: count },
  SnapshotOffer: {
    session: count,
    checkpoint: fc.record({ index: count, term: count, state: bytes }),
    pins,
    configIndex: count,
  },
  NeedSnapshot: {},
  StaleTerm: {},
  TimeoutNow: {},
  ReadIndex: { ticket: count },
  ReadIndexResp: { ticket: count, index: fc.option(count) },
  Propose: { id: proposal, floor: count, data: bytes },
  ProposeRefused: {
    id: proposal,
    reason: fc.constantFrom('noLeader', 'otherTerm', 'transferring', 'uncommittedLimit', 'stopped'),
  },
  Introduce: {},
  Remembered: {
    pinned: fc.option(store),
    seen: fc.option(fc.record({ term: count, match: entryId })),
    commit: count,
  },
  ChunkAsk: { session: count, after: count },
  Chunk: { session: count, after: count, next: count, data: bytes },
}

export const anyMessage: fc.Arbitrary<WireMessage> = fc.oneof(
  ...Object.entries(bodies).map(([type, body]) =>
    fc.record({ type: fc.constant(type), from: node, to: node, term: count, ...body }),
  ),
) as fc.Arbitrary<WireMessage>

/** The same value with every byte array as a plain list, so that views of any class compare equal. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]))
  }
  return value
}
