// The payload of a log entry: a versioned list of events, in bytes that are written once and never again.
//
// The edge encodes each event; a command joins what several requests brought by concatenation; the store keeps
// what was accepted as a command of its own, so that a value on disk, an entry in the log and a chunk of a
// snapshot are one format. It refuses to know what an event means. All numbers are big-endian.
//
//   command:  version u8 · received_at u48 (ms since 1970) · count u32 · events
//   event:    size u32 (of the whole event) · key space u8 · fingerprint 16 bytes
//             · lengths of topic u16, event_id u16, source u16, timestamp u8
//             · topic · event_id · source · timestamp · payload (JSON text), all UTF-8
//
// The version also stands for the fields and the canonical form that the fingerprint covers (node/edge/), so a
// change there is a new version here. A node that meets a version it does not know must stop: skipping an
// entry would make it differ from the others. A command is of the oldest version that can carry it:
//
//   1  events known by (topic, event_id)
//   2  also CloudEvents, known by (source, id); their id stands as event_id

export const VERSION_OF_EVENTS = 1
export const VERSION_OF_CLOUD_EVENTS = 2
/** The newest that this release knows. */
const COMMAND_VERSION_MAX = VERSION_OF_CLOUD_EVENTS
export const COMMAND_HEAD_BYTES = 11
export const EVENT_HEAD_BYTES = 28
export const FINGERPRINT_BYTES = 16

/** Identity is (topic, event_id). */
export const KEY_SPACE_TOPIC = 0
/** Identity is (source, event_id), as CloudEvents have it. */
export const KEY_SPACE_SOURCE = 1

/** Offsets within an event. */
export const KEY_SPACE_AT = 4
export const FINGERPRINT_AT = 5
const TOPIC_LENGTH_AT = 21
const ID_LENGTH_AT = 23
const SOURCE_LENGTH_AT = 25
const TIMESTAMP_LENGTH_AT = 27

/** Written by a newer release. The node stops; it never skips. */
export class UnknownVersionError extends Error {
  override name = 'UnknownVersionError'
}

/** Lengths that contradict each other: not written by this code. */
export class MalformedCommandError extends Error {
  override name = 'MalformedCommandError'
}

/** Events in the format above, back to back, without a command's head. */
export interface EncodedEvents {
  /** The oldest version of a command that can carry them. */
  readonly version: number
  readonly count: number
  readonly bytes: Uint8Array
}

/** One command of all that arrived together; `receivedAtMs` is what every reader will be shown. */
export function encodeCommand(batches: readonly EncodedEvents[], receivedAtMs: number): Uint8Array {
  let version = VERSION_OF_EVENTS
  let count = 0
  let size = COMMAND_HEAD_BYTES
  for (const batch of batches) {
    version = Math.max(version, batch.version)
    count += batch.count
    size += batch.bytes.length
  }

  const bytes = new Uint8Array(size)
  writeCommandHead(bytes, version, receivedAtMs, count)
  let at = COMMAND_HEAD_BYTES
  for (const batch of batches) {
    bytes.set(batch.bytes, at)
    at += batch.bytes.length
  }
  return bytes
}

export function writeCommandHead(
  bytes: Uint8Array,
  version: number,
  receivedAtMs: number,
  count: number,
): void {
  bytes[0] = version
  writeUint48(bytes, 1, receivedAtMs)
  writeUint32(bytes, 7, count)
}

/** Lengths in bytes of an event's variable parts. */
export interface EventLengths {
  topic: number
  eventId: number
  source: number
  timestamp: number
  payload: number
}

/** Writes the head of an event but its fingerprint; answers where its parts begin. */
export function writeEventHead(
  bytes: Uint8Array,
  at: number,
  keySpace: number,
  lengths: Readonly<EventLengths>,
): number {
  const { topic, eventId, source, timestamp, payload } = lengths
  writeUint32(bytes, at, EVENT_HEAD_BYTES + topic + eventId + source + timestamp + payload)
  bytes[at + KEY_SPACE_AT] = keySpace
  writeUint16(bytes, at + TOPIC_LENGTH_AT, topic)
  writeUint16(bytes, at + ID_LENGTH_AT, eventId)
  writeUint16(bytes, at + SOURCE_LENGTH_AT, source)
  bytes[at + TIMESTAMP_LENGTH_AT] = timestamp
  return at + EVENT_HEAD_BYTES
}

/** The events of a command. Throws UnknownVersionError or MalformedCommandError. */
export function openCommand(bytes: Uint8Array): EventWalk {
  const version = bytes[0]
  if (version === undefined) throw new MalformedCommandError('the command is empty')
  if (version < VERSION_OF_EVENTS || version > COMMAND_VERSION_MAX) {
    throw new UnknownVersionError(
      `a command of version ${version}; this release knows up to ${COMMAND_VERSION_MAX}`,
    )
  }
  if (bytes.length < COMMAND_HEAD_BYTES) throw new MalformedCommandError('its head is cut')
  return new EventWalk(bytes, COMMAND_HEAD_BYTES, readUint32(bytes, 7))
}

export function versionOf(command: Uint8Array): number {
  return command[0]!
}

/** Of an opened command, in ms since 1970. */
export function receivedAtMsOf(command: Uint8Array): number {
  return readUint48(command, 1)
}

/**
 * Walks over `count` encoded events from `first` to the end of `bytes` without copying any. After next() has
 * answered true, the offsets tell where the parts of one event stand; each ends where the following begins.
 */
export class EventWalk {
  readonly bytes: Uint8Array
  readonly count: number
  /** Events stepped on so far: the present one is number `seen - 1`. */
  seen = 0
  start = 0
  topicAt = 0
  eventIdAt = 0
  sourceAt = 0
  timestampAt = 0
  payloadAt = 0
  end: number
  readonly #first: number

  constructor(bytes: Uint8Array, first: number, count: number) {
    this.bytes = bytes
    this.count = count
    this.#first = first
    this.end = first
  }

  rewind(): void {
    this.goTo(0, this.#first)
  }

  /** The next event will be number `place` (from 0), which was found to begin at `start`. */
  goTo(place: number, start: number): void {
    this.seen = place
    this.end = start
  }

  next(): boolean {
    const bytes = this.bytes
    const start = this.end
    if (this.seen === this.count) {
      if (start !== bytes.length) throw new MalformedCommandError('bytes follow the last event')
      return false
    }

    const parts = start + EVENT_HEAD_BYTES
    if (parts > bytes.length) throw new MalformedCommandError(`event ${this.seen} is cut`)
    this.start = start
    this.end = start + readUint32(bytes, start)
    this.topicAt = parts
    this.eventIdAt = parts + readUint16(bytes, start + TOPIC_LENGTH_AT)
    this.sourceAt = this.eventIdAt + readUint16(bytes, start + ID_LENGTH_AT)
    this.timestampAt = this.sourceAt + readUint16(bytes, start + SOURCE_LENGTH_AT)
    this.payloadAt = this.timestampAt + bytes[start + TIMESTAMP_LENGTH_AT]!
    if (this.payloadAt > this.end || this.end > bytes.length) {
      throw new MalformedCommandError(`event ${this.seen} has lengths that do not fit`)
    }
    this.seen += 1
    return true
  }
}

export function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

export function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  )
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

export function readUint48(bytes: Uint8Array, at: number): number {
  return readUint16(bytes, at) * 2 ** 32 + readUint32(bytes, at + 2)
}

export function writeUint48(bytes: Uint8Array, at: number, value: number): void {
  writeUint16(bytes, at, Math.floor(value / 2 ** 32))
  writeUint32(bytes, at + 2, (value % 2 ** 32) >>> 0)
}
