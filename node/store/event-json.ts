// A stored event as the JSON text of an answer, spliced from its bytes.
//
// The payload goes out as it came in. Names are quoted without being decoded unless one holds a character that
// JSON wants escaped.

import {
  type EventWalk,
  KEY_SPACE_AT,
  KEY_SPACE_SOURCE,
  receivedAtMsOf,
} from '../command/format.ts'

const POSITION = Buffer.from('{"position":')
const TOPIC = Buffer.from(',"topic":')
const EVENT_ID = Buffer.from(',"event_id":')
const TIMESTAMP = Buffer.from(',"timestamp":')
const SOURCE = Buffer.from(',"source":')
const PAYLOAD = Buffer.from(',"payload":')
const RECEIVED_AT = Buffer.from(',"received_at":"')
const END = Buffer.from('"}')
/** Who compares ids must know that this one is not known by its topic. */
const END_OF_CLOUD_EVENT = Buffer.from('","cloudevent":true}')
/** All of the above, a position, a date and eight quotes, with room to spare. */
const FRAME_BYTES = 192
/** A byte becomes at most a \u escape. */
const ESCAPE_GROWTH_MAX = 6

/** Of the event on which the walk stands, whose position the caller knows; UTF-8. */
export function eventJson(walk: EventWalk, position: number): Uint8Array {
  const { bytes, topicAt, eventIdAt, sourceAt, timestampAt, payloadAt, end } = walk
  const names = payloadAt - topicAt
  const out = Buffer.allocUnsafe(FRAME_BYTES + names * ESCAPE_GROWTH_MAX + end - payloadAt)

  let at = append(out, 0, POSITION)
  at += out.write(String(position), at, 'latin1')
  at = appendQuoted(out, append(out, at, TOPIC), bytes, topicAt, eventIdAt)
  at = appendQuoted(out, append(out, at, EVENT_ID), bytes, eventIdAt, sourceAt)
  at = appendQuoted(out, append(out, at, TIMESTAMP), bytes, timestampAt, payloadAt)
  at = appendQuoted(out, append(out, at, SOURCE), bytes, sourceAt, timestampAt)
  at = append(out, at, PAYLOAD)
  at = append(out, at, bytes.subarray(payloadAt, end))
  at = append(out, at, RECEIVED_AT)
  at += out.write(new Date(receivedAtMsOf(bytes)).toISOString(), at, 'latin1')
  const isCloudEvent = bytes[walk.start + KEY_SPACE_AT] === KEY_SPACE_SOURCE
  at = append(out, at, isCloudEvent ? END_OF_CLOUD_EVENT : END)
  return out.subarray(0, at)
}

function append(out: Buffer, at: number, bytes: Uint8Array): number {
  out.set(bytes, at)
  return at + bytes.length
}

function appendQuoted(
  out: Buffer,
  at: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  const start = at
  out[at++] = 0x22
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) {
      const text = Buffer.from(bytes.subarray(from, to)).toString()
      return start + out.write(JSON.stringify(text), start)
    }
    out[at++] = byte
  }
  out[at++] = 0x22
  return at
}
