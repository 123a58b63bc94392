// A stored event as a CloudEvent in the JSON event format.
//
// What came as a CloudEvent is stored as one and goes out as the very text that came. Of any other event one is made: its
// `source` names the topic, since CloudEvents are known by (source, id) and ours by (topic, event_id); who sent it, if it
// says so, is the extension `origin`.

import { type EventWalk, KEY_SPACE_AT, KEY_SPACE_SOURCE } from '../command/format.ts'

/** Of the event on which the walk stands; UTF-8. */
export function cloudEventJson(walk: EventWalk): Uint8Array {
  const payload = walk.bytes.subarray(walk.payloadAt, walk.end)
  if (walk.bytes[walk.start + KEY_SPACE_AT] === KEY_SPACE_SOURCE) return Buffer.from(payload)

  const [topic, eventId, origin, timestamp] = namesOf(walk)
  const attributes = JSON.stringify({
    specversion: '1.0',
    id: eventId,
    source: `/topics/${encodeURIComponent(topic)}`,
    type: topic,
    time: timestamp,
    datacontenttype: 'application/json',
    ...(origin !== '' && { origin }),
  })
  return Buffer.concat([Buffer.from(`${attributes.slice(0, -1)},"data":`), payload, CLOSE_BRACE])
}

const CLOSE_BRACE = Buffer.from('}')

function namesOf({ bytes, topicAt, eventIdAt, sourceAt, timestampAt, payloadAt }: EventWalk) {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return [
    text.toString('utf8', topicAt, eventIdAt),
    text.toString('utf8', eventIdAt, sourceAt),
    text.toString('utf8', sourceAt, timestampAt),
    text.toString('utf8', timestampAt, payloadAt),
  ] as const
}
