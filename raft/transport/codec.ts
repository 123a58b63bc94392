// Messages as bytes: one tuple for each message type, [code, from, to, term, …], in the order of this table.
//
// Codes and the order of fields are the protocol: they are never reused or changed, only a new protocol version
// (handshake.ts) may. Refuses to judge what a message means; that is the core's door. Keeps true: what decode answers
// has the very shape of its type, with safe non-negative integers, bounded lists, and nothing else; any other input
// throws BadFrameError. Entries' data are views of the frame, not copies.

import type {
  Entry,
  EntryId,
  Envelope,
  Pin,
  ProposalId,
  Refusal,
  WireMessage,
} from '../core/types.ts'
import { BadFrameError, FRAME, FRAME_HEAD_BYTES } from './frame.ts'
import { MESSAGE_BYTES_MAX } from './limits.ts'
import { type Fields, packFrame, unpackTuple } from './tuple.ts'

export const NODE_ID_LENGTH_MAX = 255
export const STORE_ID_PATTERN = /^[0-9a-f]{32}$/
/** A list of members, pins or matches. */
export const MEMBERS_MAX = 64
/** Entries in one Append. */
export const ENTRIES_MAX = 64 * 1024

type MessageType = WireMessage['type']
type MessageOf<Type extends MessageType> = Extract<WireMessage, { readonly type: Type }>
type BodyOf<Type extends MessageType> = Omit<MessageOf<Type>, keyof Envelope | 'type'>

/** `entries`: may be as large as entries are; what else there is keeps within MESSAGE_BYTES_MAX. */
interface Shape<Type extends MessageType> {
  readonly code: number
  readonly frame: 'message' | 'entries'
  write(message: MessageOf<Type>): readonly unknown[]
  read(fields: Fields): BodyOf<Type>
}

const ENTRY_TYPES: readonly Entry['type'][] = ['normal', 'noop', 'config']
const REFUSALS: readonly Refusal[] = [
  'noLeader',
  'otherTerm',
  'transferring',
  'uncommittedLimit',
  'stopped',
]

const SHAPES: { readonly [Type in MessageType]: Shape<Type> } = {
  PreVote: {
    code: 1,
    frame: 'message',
    write: (m) => [m.last.index, m.last.term, m.force],
    read: (f) => ({ last: readEntryId(f), force: f.flag() }),
  },
  PreVoteResp: {
    code: 2,
    frame: 'message',
    write: (m) => [m.granted],
    read: (f) => ({ granted: f.flag() }),
  },
  Vote: {
    code: 3,
    frame: 'message',
    write: (m) => [m.last.index, m.last.term, m.force],
    read: (f) => ({ last: readEntryId(f), force: f.flag() }),
  },
  VoteResp: {
    code: 4,
    frame: 'message',
    write: (m) => [m.granted],
    read: (f) => ({ granted: f.flag() }),
  },
  Append: {
    code: 5,
    frame: 'entries',
    write: (m) => [m.session, m.prev.index, m.prev.term, m.commit, m.entries.map(writeEntry)],
    read: (f) => ({
      session: f.count(),
      prev: readEntryId(f),
      commit: f.count(),
      entries: f.list(ENTRIES_MAX, readEntry),
    }),
  },
  AppendOk: {
    code: 6,
    frame: 'message',
    write: (m) => [m.session, m.match],
    read: (f) => ({ session: f.count(), match: f.count() }),
  },
  AppendConflict: {
    code: 7,
    frame: 'message',
    write: (m) => [m.session, m.prev.index, m.prev.term, m.hint.index, m.hint.term],
    read: (f) => ({ session: f.count(), prev: readEntryId(f), hint: readEntryId(f) }),
  },
  Commit: {
    code: 8,
    frame: 'message',
    write: (m) => [m.session, m.commit],
    read: (f) => ({ session: f.count(), commit: f.count() }),
  },
  Heartbeat: {
    code: 9,
    frame: 'message',
    write: (m) => [
      m.session,
      m.commit,
      m.readSequence,
      m.matches.map((match) => [match.node, match.index, match.term]),
    ],
    read: (f) => ({
      session: f.count(),
      commit: f.count(),
      readSequence: f.count(),
      matches: f.list(MEMBERS_MAX, (g) => ({ node: readNodeId(g), ...readEntryId(g) })),
    }),
  },
  HeartbeatResp: {
    code: 10,
    frame: 'message',
    write: (m) => [m.session, m.readSequence],
    read: (f) => ({ session: f.count(), readSequence: f.count() }),
  },
  SnapshotOffer: {
    code: 11,
    frame: 'message',
    write: (m) => [
      m.session,
      m.checkpoint.index,
      m.checkpoint.term,
      m.checkpoint.state,
      m.pins.map((pin) => [pin.node, pin.store]),
      m.configIndex,
    ],
    read: (f) => ({
      session: f.count(),
      checkpoint: { ...readEntryId(f), state: f.bytes() },
      pins: f.list(MEMBERS_MAX, readPin),
      configIndex: f.count(),
    }),
  },
  StaleTerm: { code: 12, frame: 'message', write: () => [], read: () => ({}) },
  TimeoutNow: { code: 13, frame: 'message', write: () => [], read: () => ({}) },
  ReadIndex: {
    code: 14,
    frame: 'message',
    write: (m) => [m.ticket],
    read: (f) => ({ ticket: f.count() }),
  },
  ReadIndexResp: {
    code: 15,
    frame: 'message',
    write: (m) => [m.ticket, m.index],
    read: (f) => ({ ticket: f.count(), index: f.none() ? null : f.count() }),
  },
  Propose: {
    code: 16,
    frame: 'entries',
    write: (m) => [m.id.node, m.id.life, m.id.count, m.floor, m.data],
    read: (f) => ({ id: readProposalId(f), floor: f.count(), data: f.bytes() }),
  },
  ProposeRefused: {
    code: 17,
    frame: 'message',
    write: (m) => [m.id.node, m.id.life, m.id.count, REFUSALS.indexOf(m.reason)],
    read: (f) => ({ id: readProposalId(f), reason: f.one(REFUSALS) }),
  },
  Introduce: { code: 18, frame: 'message', write: () => [], read: () => ({}) },
  Remembered: {
    code: 19,
    frame: 'message',
    write: (m) => [
      m.pinned,
      ...(m.seen === null ? [null] : [m.seen.term, m.seen.match.index, m.seen.match.term]),
      m.commit,
    ],
    read: (f) => ({
      pinned: f.none() ? null : f.matching(STORE_ID_PATTERN),
      seen: f.none() ? null : { term: f.count(), match: readEntryId(f) },
      commit: f.count(),
    }),
  },
  ChunkAsk: {
    code: 20,
    frame: 'message',
    write: (m) => [m.session, m.after],
    read: (f) => ({ session: f.count(), after: f.count() }),
  },
  NeedSnapshot: { code: 22, frame: 'message', write: () => [], read: () => ({}) },
  // A chunk holds whole stored values, at least one, and a value is as large as the entry it came from.
  Chunk: {
    code: 21,
    frame: 'entries',
    write: (m) => [m.session, m.after, m.next, m.data],
    read: (f) => ({ session: f.count(), after: f.count(), next: f.count(), data: f.bytes() }),
  },
}

const TYPES: readonly (MessageType | undefined)[] = (() => {
  const types: MessageType[] = []
  for (const [type, shape] of Object.entries(SHAPES)) types[shape.code] = type as MessageType
  return types
})()

/** A sealed frame; null if it would exceed the bound of its kind, which the receiver would refuse. */
export function encodeMessage(message: WireMessage, frameBytesMax: number): Buffer | null {
  const shape = SHAPES[message.type] as Shape<MessageType>
  const { from, to, term } = message
  const tuple = [shape.code, from, to, term, ...shape.write(message)]
  const frame = packFrame(FRAME[shape.frame], tuple)
  const bound = shape.frame === 'entries' ? frameBytesMax : MESSAGE_BYTES_MAX
  return frame.length - FRAME_HEAD_BYTES <= bound ? frame : null
}

/** Throws BadFrameError. */
export function decodeMessage(kind: 'message' | 'entries', payload: Buffer): WireMessage {
  const fields = unpackTuple(payload)
  const type = TYPES[fields.count()]
  if (type === undefined) throw new BadFrameError('field', 'unknown message type')
  const shape = SHAPES[type] as Shape<MessageType>
  if (shape.frame !== kind) throw new BadFrameError('kind', `${type} came as ${kind}`)
  const envelope = { from: readNodeId(fields), to: readNodeId(fields), term: fields.count() }
  const body = shape.read(fields)
  fields.end()
  return { type, ...envelope, ...body } as WireMessage
}

export function readNodeId(fields: Fields): string {
  return fields.text(NODE_ID_LENGTH_MAX)
}

function readEntryId(fields: Fields): EntryId {
  return { index: fields.count(), term: fields.count() }
}

function readProposalId(fields: Fields): ProposalId {
  return { node: readNodeId(fields), life: fields.count(), count: fields.count() }
}

function readPin(fields: Fields): Pin {
  return { node: readNodeId(fields), store: fields.matching(STORE_ID_PATTERN) }
}

function writeEntry({ index, term, type, proposal, data }: Entry): readonly unknown[] {
  const code = ENTRY_TYPES.indexOf(type)
  return proposal === null
    ? [index, term, code, null, data]
    : [index, term, code, proposal.node, proposal.life, proposal.count, data]
}

function readEntry(fields: Fields): Entry {
  return {
    index: fields.count(),
    term: fields.count(),
    type: fields.one(ENTRY_TYPES),
    proposal: fields.none() ? null : readProposalId(fields),
    data: fields.bytes(),
  }
}
