// Reads one published event after another and appends each, checked, in the log's format.
//
// Nothing is coerced and nothing sent may vanish: an unknown field is a fault, a repeated one a syntax error. The
// payload travels as the very text that was sent. A fault of shape is noted and reading goes on, because a body
// that is no JSON at all must be told so, whatever else is wrong with it.

import { hash } from 'node:crypto'
import { SekaliError } from '../../client/errors.ts'
import {
  EVENT_HEAD_BYTES,
  type EventLengths,
  EventWalk,
  FINGERPRINT_AT,
  FINGERPRINT_BYTES,
  KEY_SPACE_TOPIC,
  VERSION_OF_EVENTS,
  writeEventHead,
  writeUint16,
} from '../command/format.ts'
import type { EventId } from '../store/types.ts'
import type { EdgeBatch, PublishLimits } from './edge-batch.ts'
import { JSON_DEPTH_MAX, JsonScanner, JsonTooDeepError, JsonTooLongError } from './json-scanner.ts'
import { instantOf } from './timestamp.ts'
import { codePoints, topicFault } from './topic-rule.ts'

/** Of topic, event_id and source, in code points. */
export const NAME_LENGTH_MAX = 255

const FIELDS = ['topic', 'event_id', 'source', 'timestamp', 'payload'] as const
const TOPIC = 0
const EVENT_ID = 1
const SOURCE = 2
const TIMESTAMP = 3
const PAYLOAD = 4
const FIELD_BYTES = FIELDS.map((name) => Buffer.from(name))

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const NOTHING = Buffer.alloc(0)
const EMPTY_OBJECT = Buffer.from('{}')
/** Where in the scanner's `out` a canonical payload begins: room for topic and source is kept before it. */
const CANONICAL_AT = 2 * (2 + 4 * NAME_LENGTH_MAX)
/** Below this a loop copies faster than a call. */
const SMALL_COPY_BYTES = 40

/** Of a name from the input that an error shows. */
const SHOWN_CHARACTERS_MAX = 64

// One canonical form at a time is needed in the whole process; it is kept as large as the largest so far.
let scratch = Buffer.alloc(0)

export class EventEncoder {
  count = 0
  /** The first fault of shape. */
  fault: SekaliError | null = null

  readonly #limits: PublishLimits
  readonly #defaultTimestamp: Buffer
  #out: Buffer
  #outEnd = 0

  // The event being read: the field at hand, and where each field's text stands.
  #reading: string | null = null
  #present = 0 // one bit a field
  readonly #bytes: Uint8Array[] = [NOTHING, NOTHING, NOTHING, NOTHING, NOTHING]
  readonly #from = [0, 0, 0, 0, 0]
  readonly #to = [0, 0, 0, 0, 0]
  #canonicalEnd = 0
  readonly #lengths: EventLengths = { topic: 0, eventId: 0, source: 0, timestamp: 0, payload: 0 }

  /** `sizeHint`: about the bytes that will be read. */
  constructor(limits: PublishLimits, receivedAtMs: number, sizeHint: number) {
    this.#limits = limits
    this.#defaultTimestamp = Buffer.from(new Date(receivedAtMs).toISOString())
    this.#out = Buffer.allocUnsafe(sizeHint)
  }

  /** A scanner whose canonical output is large enough for one event of these texts. */
  scanner(text: Uint8Array): JsonScanner {
    const eventBytes = Math.min(text.length, this.#limits.eventBytesMax)
    const size = CANONICAL_AT + JsonScanner.canonicalBytesMax(eventBytes)
    if (scratch.length < size) scratch = Buffer.allocUnsafeSlow(size)
    return new JsonScanner(text, scratch)
  }

  /** Reads the value that stands here, which should be an event. */
  read(json: JsonScanner): void {
    if (this.count === this.#limits.batchEventsMax) {
      throw new SekaliError('batch_too_large', `more than ${this.count} events in one request`, {
        limit: { name: 'batchEventsMax', value: this.count },
      })
    }
    const start = json.at
    try {
      this.#readEvent(json)
    } catch (error) {
      if (error instanceof JsonTooLongError) throw this.#tooLarge()
      if (error instanceof JsonTooDeepError) {
        throw this.#error(this.#reading, `is nested deeper than ${JSON_DEPTH_MAX} levels`)
      }
      throw error
    }
    if (json.at - start > this.#limits.eventBytesMax) throw this.#tooLarge()
    this.count++
  }

  note(fault: SekaliError): void {
    this.fault ??= fault
  }

  finish(): EdgeBatch {
    return new EncodedBatch(this.count, this.#out.subarray(0, this.#outEnd))
  }

  #readEvent(json: JsonScanner): void {
    json.outEnd = CANONICAL_AT
    this.#reading = null
    if (json.text[json.at] !== OPEN_BRACE) {
      json.value(0)
      this.note(this.#error(null, 'must be a JSON object'))
      return
    }

    this.#present = 0
    json.at++
    json.space()
    if (json.text[json.at] === CLOSE_BRACE) {
      json.at++
    } else {
      for (;;) {
        this.#member(json)
        json.space()
        const byte = json.text[json.at++]
        if (byte === CLOSE_BRACE) break
        if (byte !== COMMA) {
          json.at--
          json.fail('"," or "}"')
        }
        json.space()
      }
    }
    this.#check()
    if (this.fault === null) this.#append(json)
  }

  /** One field of the event: notes where its text stands. */
  #member(json: JsonScanner): void {
    const keyAt = json.at
    json.string()
    const field = fieldOf(json)
    const name = field === -1 ? shown(json) : ''
    if (field !== -1 && (this.#present & (1 << field)) !== 0) {
      json.at = keyAt
      json.fail(`"${FIELDS[field]}" only once`)
    }
    json.space()
    json.expect(COLON)
    json.space()

    json.outEnd = CANONICAL_AT
    this.#reading = FIELDS[field] ?? name
    if (field === -1) {
      json.value(0)
      this.note(this.#error(name, 'is no field of an event'))
      return
    }
    this.#present |= 1 << field
    if (field === PAYLOAD) this.#payload(json)
    else this.#text(json, field)
  }

  #payload(json: JsonScanner): void {
    const isObject = json.text[json.at] === OPEN_BRACE
    const from = json.at
    json.illFormed = false
    json.lineBreaks = false
    json.value(0)
    if (!isObject) this.note(this.#error('payload', 'must be a JSON object'))
    if (json.illFormed) this.note(this.#error('payload', 'holds half a surrogate pair'))
    this.#canonicalEnd = json.outEnd
    this.#place(PAYLOAD, json.text, from, json.at)
    if (json.lineBreaks) {
      // Between tokens only: within a string they would not have been taken.
      const text = Buffer.from(json.text.subarray(from, json.at))
      for (let i = 0; i < text.length; i++) if (text[i]! < 0x20) text[i] = 0x20
      this.#place(PAYLOAD, text, 0, text.length)
    }
  }

  #text(json: JsonScanner, field: number): void {
    if (json.text[json.at] !== QUOTE) {
      json.value(0)
      this.note(this.#error(FIELDS[field]!, 'must be a string'))
      this.#place(field, NOTHING, 0, 0)
      return
    }

    json.illFormed = false
    json.string()
    if (json.illFormed) this.note(this.#error(FIELDS[field]!, 'holds half a surrogate pair'))
    if (json.stringEscaped) {
      const text = Buffer.from(unescaped(json))
      this.#place(field, text, 0, text.length)
    } else {
      this.#place(field, json.text, json.stringStart, json.stringEnd)
    }
  }

  #place(field: number, bytes: Uint8Array, from: number, to: number): void {
    this.#bytes[field] = bytes
    this.#from[field] = from
    this.#to[field] = to
  }

  /** All that the grammar does not tell; absent fields get their defaults. */
  #check(): void {
    const present = this.#present
    this.#checkName(TOPIC, 1)
    this.#checkName(EVENT_ID, 1)
    if ((present & (1 << SOURCE)) === 0) this.#place(SOURCE, NOTHING, 0, 0)
    else this.#checkName(SOURCE, 0)

    const topic = topicFault(this.#bytes[TOPIC]!, this.#from[TOPIC]!, this.#to[TOPIC]!)
    if (topic !== null) this.note(this.#error('topic', topic))

    if ((present & (1 << TIMESTAMP)) === 0) {
      this.#place(TIMESTAMP, this.#defaultTimestamp, 0, this.#defaultTimestamp.length)
    } else {
      const instantMs = instantOf(
        this.#bytes[TIMESTAMP]!,
        this.#from[TIMESTAMP]!,
        this.#to[TIMESTAMP]!,
      )
      if (Number.isNaN(instantMs)) {
        this.note(this.#error('timestamp', 'is not an RFC 3339 date-time'))
      }
    }
    if ((present & (1 << PAYLOAD)) === 0) this.#place(PAYLOAD, EMPTY_OBJECT, 0, 2)
  }

  #checkName(field: number, lengthMin: number): void {
    const name = FIELDS[field]!
    if ((this.#present & (1 << field)) === 0) {
      this.note(this.#error(name, 'is missing'))
      this.#place(field, NOTHING, 0, 0)
      return
    }
    const size = this.#to[field]! - this.#from[field]!
    if (size < lengthMin) this.note(this.#error(name, 'is empty'))
    if (size <= NAME_LENGTH_MAX) return
    const length = codePoints(this.#bytes[field]!, this.#from[field]!, this.#to[field]!)
    if (length > NAME_LENGTH_MAX) {
      this.note(this.#error(name, `has ${length} characters, more than ${NAME_LENGTH_MAX}`))
    }
  }

  #append(json: JsonScanner): void {
    const lengths = this.#lengths
    lengths.topic = this.#to[TOPIC]! - this.#from[TOPIC]!
    lengths.eventId = this.#to[EVENT_ID]! - this.#from[EVENT_ID]!
    lengths.source = this.#to[SOURCE]! - this.#from[SOURCE]!
    lengths.timestamp = this.#to[TIMESTAMP]! - this.#from[TIMESTAMP]!
    lengths.payload = this.#to[PAYLOAD]! - this.#from[PAYLOAD]!

    const start = this.#outEnd
    const room =
      EVENT_HEAD_BYTES +
      lengths.topic +
      lengths.eventId +
      lengths.source +
      lengths.timestamp +
      lengths.payload
    if (start + room > this.#out.length) {
      const larger = Buffer.allocUnsafe(2 * (start + room))
      larger.set(this.#out.subarray(0, start))
      this.#out = larger
    }

    let at = writeEventHead(this.#out, start, KEY_SPACE_TOPIC, lengths)
    at = this.#copy(TOPIC, this.#out, at)
    at = this.#copy(EVENT_ID, this.#out, at)
    at = this.#copy(SOURCE, this.#out, at)
    at = this.#copy(TIMESTAMP, this.#out, at)
    this.#outEnd = this.#copy(PAYLOAD, this.#out, at)
    this.#fingerprint(json, start + FINGERPRINT_AT)
  }

  /** Over topic, source and canonical payload, the first two with their lengths before them. */
  #fingerprint(json: JsonScanner, at: number): void {
    const { topic, source } = this.#lengths
    if ((this.#present & (1 << PAYLOAD)) === 0) {
      json.out.set(EMPTY_OBJECT, CANONICAL_AT)
      this.#canonicalEnd = CANONICAL_AT + EMPTY_OBJECT.length
    }
    const sourceAt = CANONICAL_AT - source
    const topicAt = sourceAt - 2 - topic
    writeUint16(json.out, topicAt - 2, topic)
    this.#copy(TOPIC, json.out, topicAt)
    writeUint16(json.out, sourceAt - 2, source)
    this.#copy(SOURCE, json.out, sourceAt)

    const canonical = json.out.subarray(topicAt - 2, this.#canonicalEnd)
    const digest = hash('sha256', canonical, 'binary')
    for (let i = 0; i < FINGERPRINT_BYTES; i++) this.#out[at + i] = digest.charCodeAt(i)
  }

  #copy(field: number, to: Uint8Array, at: number): number {
    const bytes = this.#bytes[field]!
    const from = this.#from[field]!
    const end = this.#to[field]!
    if (end - from > SMALL_COPY_BYTES) to.set(bytes.subarray(from, end), at)
    else for (let i = from, o = at; i < end; i++, o++) to[o] = bytes[i]!
    return at + end - from
  }

  #tooLarge(): SekaliError {
    const value = this.#limits.eventBytesMax
    return new SekaliError('event_too_large', `event ${this.count} has more than ${value} bytes`, {
      index: this.count,
      limit: { name: 'eventBytesMax', value },
    })
  }

  #error(field: string | null, fault: string): SekaliError {
    const subject = field === null ? `event ${this.count}` : `event ${this.count}: ${field}`
    const facts = field === null ? { index: this.count } : { index: this.count, field }
    return new SekaliError('invalid_event', `${subject} ${fault}`, facts)
  }
}

class EncodedBatch implements EdgeBatch {
  readonly version = VERSION_OF_EVENTS
  readonly count: number
  readonly bytes: Uint8Array
  #ids: EventId[] | null = null

  constructor(count: number, bytes: Uint8Array) {
    this.count = count
    this.bytes = bytes
  }

  get ids(): readonly EventId[] {
    this.#ids ??= this.#decodeIds()
    return this.#ids
  }

  #decodeIds(): EventId[] {
    const text = asBuffer(this.bytes)
    const walk = new EventWalk(this.bytes, 0, this.count)
    const ids: EventId[] = []
    while (walk.next()) {
      ids.push({
        topic: text.toString('utf8', walk.topicAt, walk.eventIdAt),
        event_id: text.toString('utf8', walk.eventIdAt, walk.sourceAt),
      })
    }
    return ids
  }
}

/** Which field the string just read names; -1: none. */
function fieldOf(json: JsonScanner): number {
  if (json.stringEscaped) return FIELDS.indexOf(unescaped(json) as (typeof FIELDS)[number])
  const start = json.stringStart
  const size = json.stringEnd - start
  for (let field = 0; field < FIELD_BYTES.length; field++) {
    const name = FIELD_BYTES[field]!
    if (name.length !== size) continue
    let same = 0
    while (same < size && name[same] === json.text[start + same]) same++
    if (same === size) return field
  }
  return -1
}

/** The string just read, its escapes resolved. */
export function unescaped(json: JsonScanner): string {
  const raw = json.text.subarray(json.stringStart - 1, json.stringEnd + 1)
  return JSON.parse(asBuffer(raw).toString())
}

/** The string just read, cut and made harmless for answers, logs and terminals. */
export function shown(json: JsonScanner): string {
  const text = [...unescaped(json)].slice(0, SHOWN_CHARACTERS_MAX).join('')
  return text.replace(
    /[^\x20-\x7e]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
