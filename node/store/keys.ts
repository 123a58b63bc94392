// Where everything stands in the database: the only file that knows the layout of keys and small values.
//
//   e · position u48                        → a command of what an entry accepted, under its first position
//   d · key space u8 · topic u16+bytes · id → position u48 · fingerprint 16; of a CloudEvent, source for topic
//   t · topic u16+bytes · position u48      → of one topic after one entry: events so far u48 · last position u48
//   n · topic                               → position u48 of the topic's first event; sorted by name
//   m · name                                → marks of the store itself
//
// Lengths stand before what varies, never separators behind it: no topic or id, whatever its bytes, can be
// mistaken for another. Numbers are big-endian, so that bytes sort as numbers do. All keys lie below OUTSIDE.

import { FINGERPRINT_BYTES, readUint48, writeUint16, writeUint48 } from '../command/format.ts'

const DEDUP = 0x64
const ENTRY = 0x65
const NAME = 0x6e
const TOPIC = 0x74
const POSITION_BYTES = 6

/** A key above all others. */
export const OUTSIDE = Buffer.from([0xff])
/** Everything but the marks: what is rebuilt from the log or from peers. */
export const CONTENT_RANGES = {
  dedup: prefixRange(DEDUP),
  entry: prefixRange(ENTRY),
  name: prefixRange(NAME),
  topic: prefixRange(TOPIC),
}

export const FORMAT_MARK = Buffer.from('mformat')
export const FORMAT_VERSION = 1
export const APPLIED_MARK = Buffer.from('mapplied')
export const INSTALL_MARK = Buffer.from('minstall')
export const REFILL_MARK = Buffer.from('mrefill')

export function entryKey(position: number): Uint8Array {
  const key = new Uint8Array(1 + POSITION_BYTES)
  key[0] = ENTRY
  writeUint48(key, 1, position)
  return key
}

export function entryPosition(key: Uint8Array): number {
  return readUint48(key, 1)
}

export const DEDUP_HEAD_BYTES = 4

/** Writes the head of a dedup key; topic or source, and id, follow it as they stand in the event. */
export function writeDedupHead(
  bytes: Uint8Array,
  at: number,
  keySpace: number,
  scopeBytes: number,
): void {
  bytes[at] = DEDUP
  bytes[at + 1] = keySpace
  writeUint16(bytes, at + 2, scopeBytes)
}

/** `scope`: the topic; of a CloudEvent, the source. */
export function dedupKey(keySpace: number, scope: string, eventId: string): Uint8Array {
  const scopeBytes = Buffer.from(scope)
  const key = Buffer.concat([Buffer.alloc(DEDUP_HEAD_BYTES), scopeBytes, Buffer.from(eventId)])
  writeDedupHead(key, 0, keySpace, scopeBytes.length)
  return key
}

export const DEDUP_VALUE_BYTES = POSITION_BYTES + FINGERPRINT_BYTES
export const DEDUP_FINGERPRINT_AT = POSITION_BYTES

export function positionIn(dedupOrNameValue: Uint8Array): number {
  return readUint48(dedupOrNameValue, 0)
}

/** `topic` in UTF-8. */
export function topicKey(topic: Uint8Array, position: number): Uint8Array {
  const key = new Uint8Array(3 + topic.length + POSITION_BYTES)
  key[0] = TOPIC
  writeUint16(key, 1, topic.length)
  key.set(topic, 3)
  writeUint48(key, 3 + topic.length, position)
  return key
}

export function topicPosition(key: Uint8Array): number {
  return readUint48(key, key.length - POSITION_BYTES)
}

export interface TopicState {
  readonly events: number
  readonly lastPosition: number
}

export function topicValue(state: TopicState): Uint8Array {
  const value = new Uint8Array(2 * POSITION_BYTES)
  writeUint48(value, 0, state.events)
  writeUint48(value, POSITION_BYTES, state.lastPosition)
  return value
}

export function topicState(value: Uint8Array): TopicState {
  return { events: readUint48(value, 0), lastPosition: readUint48(value, POSITION_BYTES) }
}

export function nameKey(topic: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + topic.length)
  key[0] = NAME
  key.set(topic, 1)
  return key
}

/** The topic in UTF-8. */
export function nameIn(key: Uint8Array): Uint8Array {
  return key.subarray(1)
}

export function positionValue(position: number): Uint8Array {
  const value = new Uint8Array(POSITION_BYTES)
  writeUint48(value, 0, position)
  return value
}

function prefixRange(prefix: number): { gte: Uint8Array; lte: Uint8Array } {
  return { gte: Buffer.from([prefix]), lte: Buffer.from([prefix + 1]) } // no key is a prefix alone
}
