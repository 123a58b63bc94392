// Reads CloudEvents in the JSON event format, checks them, and writes them in the log's format.
//
// The whole CloudEvent, as the very text that was sent, becomes the payload: nothing of it is lost, extensions and digits of
// numbers included. Beside it stand what readers look for: type → topic, id → event_id, source, time → timestamp.
//
// Simple rather than fast: attributes are parsed and checked by the contract's schema. Only `data` is never built.

import { hash } from 'node:crypto'
import type { z } from 'zod'
import { cloudEventSchema } from '../../client/contract/cloud-event.ts'
import type { RequestLimits } from '../../client/contract/limits.ts'
import { topicFault } from '../../client/contract/topic.ts'
import { SekaliError } from '../../client/errors.ts'
import {
  EVENT_HEAD_BYTES,
  FINGERPRINT_AT,
  FINGERPRINT_BYTES,
  KEY_SPACE_SOURCE,
  VERSION_OF_CLOUD_EVENTS,
  writeEventHead,
} from '../command/format.ts'
import { showInput } from '../show-input.ts'
import type { EdgeBatch, PublishedId, PublishLimits } from './edge-batch.ts'
import { type JsonScanner, JsonTooDeepError, JsonTooLongError } from './json-scanner.ts'

const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const COMMA = 0x2c
const COLON = 0x3a

const ATTRIBUTE_NAME = /^[a-z0-9]+$/
const DATA = 'data'
const DATA_BASE64 = 'data_base64'

/** What a sender may change when it sends an event again, without having changed the event. */
const NOT_CONTENT: ReadonlySet<string> = new Set(['time', 'traceparent', 'tracestate'])

type Attributes = Record<string, unknown>
type CheckedAttributes = Attributes & { id: string; source: string; type: string }

interface Members {
  readonly attributes: Attributes
  /** null: there is no data. */
  canonicalData: string | null
}

export interface CloudEventsOptions {
  readonly limits: PublishLimits & Pick<RequestLimits, 'bodyBytesMax'>
  /** The timestamp of events without a time; ms since 1970. */
  readonly receivedAtMs: number
  /** Stands for the types of the events; null: none was asked for. */
  readonly topic: string | null
}

export class CloudEventEncoder {
  readonly #options: CloudEventsOptions
  readonly #parts: Uint8Array[] = []
  readonly #ids: PublishedId[] = []
  /** The first fault of shape; told after all was found to be JSON. */
  #fault: SekaliError | null = null
  count = 0

  constructor(options: CloudEventsOptions) {
    this.#options = options
  }

  /** Reads the value that stands here, which should be a CloudEvent. */
  read(json: JsonScanner): void {
    const { batchEventsMax, eventBytesMax } = this.#options.limits
    if (this.count === batchEventsMax) {
      throw new SekaliError('batch_too_large', `more than ${this.count} events in one request`, {
        limit: { name: 'batchEventsMax', value: batchEventsMax },
      })
    }
    const start = json.at
    json.lineBreaks = false
    const { attributes, canonicalData } = this.#members(json)
    if (json.at - start > eventBytesMax) throw this.#tooLarge()
    const text = Buffer.from(json.text.subarray(start, json.at))
    // Between tokens only: within a string they would not have been taken.
    if (json.lineBreaks) for (let i = 0; i < text.length; i++) if (text[i]! < 0x20) text[i] = 0x20
    if (this.#fault === null) this.#check(attributes, canonicalData)
    if (this.#fault === null) this.#append(attributes as CheckedAttributes, canonicalData, text)
    this.count++
  }

  /** Throws the first fault of shape. */
  finish(): EdgeBatch {
    if (this.#fault !== null) throw this.#fault
    const bytes = Buffer.concat(this.#parts)
    const { bodyBytesMax } = this.#options.limits
    // Ids, sources and types stand twice in what is stored: the largest entry is counted from the largest body.
    if (bytes.length > bodyBytesMax) {
      throw new SekaliError('body_too_large', `as stored, it has more than ${bodyBytesMax} bytes`, {
        limit: { name: 'bodyBytesMax', value: bodyBytesMax },
      })
    }
    return { version: VERSION_OF_CLOUD_EVENTS, count: this.count, bytes, ids: this.#ids }
  }

  #members(json: JsonScanner): Members {
    const members: Members = { attributes: {}, canonicalData: null }
    if (json.text[json.at] !== OPEN_BRACE) {
      this.#value(json, null)
      this.#note(null, 'must be a JSON object')
      return members
    }
    json.at++
    json.space()
    if (json.text[json.at] === CLOSE_BRACE) {
      json.at++
      return members
    }
    for (;;) {
      this.#member(json, members)
      json.space()
      const byte = json.text[json.at++]
      if (byte === CLOSE_BRACE) return members
      if (byte !== COMMA) {
        json.at--
        json.fail('"," or "}"')
      }
      json.space()
    }
  }

  #member(json: JsonScanner, members: Members): void {
    const { attributes } = members
    const keyAt = json.at
    const name = this.#string(json)
    if (Object.hasOwn(attributes, name) || (name === DATA && members.canonicalData !== null)) {
      json.at = keyAt
      json.fail(`"${showInput(name)}" only once`)
    }
    json.space()
    json.expect(COLON)
    json.space()
    const from = json.at
    const canonical = this.#value(json, name)
    if (name === DATA) members.canonicalData = canonical
    else if (ATTRIBUTE_NAME.test(name) || name === DATA_BASE64) {
      attributes[name] = JSON.parse(textOf(json, from, json.at))
    } else this.#note(name, 'is no attribute: those have lower-case letters and digits')
  }

  #string(json: JsonScanner): string {
    const from = json.at
    json.string()
    return JSON.parse(textOf(json, from, json.at))
  }

  /** Steps over it; answers its canonical form. */
  #value(json: JsonScanner, name: string | null): string {
    json.outEnd = 0
    json.illFormed = false
    try {
      json.value(1)
    } catch (error) {
      if (error instanceof JsonTooLongError) throw this.#tooLarge()
      if (error instanceof JsonTooDeepError) throw this.#error(name, 'is nested too deeply')
      throw error
    }
    if (json.illFormed) this.#note(name, 'holds half a surrogate pair')
    return json.out.toString('latin1', 0, json.outEnd)
  }

  #check(attributes: Attributes, canonicalData: string | null): void {
    const { error } = cloudEventSchema.safeParse(attributes)
    if (error !== undefined) {
      const [issue] = error.issues
      const field = String(issue!.path[0] ?? '')
      const missing = field !== '' && !Object.hasOwn(attributes, field)
      this.#note(field || null, missing ? 'is missing' : messageOf(issue!))
    } else if (canonicalData !== null && typeof attributes[DATA_BASE64] === 'string') {
      this.#note(DATA_BASE64, 'must not stand beside data')
    } else if (this.#options.topic === null) {
      const fault = topicFault((attributes as CheckedAttributes).type)
      if (fault !== null) this.#note('type', `${fault}; ?topic= may name another topic`)
    }
  }

  #append(attributes: CheckedAttributes, canonicalData: string | null, text: Buffer): void {
    const topic = this.#options.topic ?? attributes.type
    const time = attributes.time ?? new Date(this.#options.receivedAtMs).toISOString()
    const names = [topic, attributes.id, attributes.source, String(time)]
    const [topicBytes, id, source, timestamp] = names.map((name) => Buffer.from(name))
    const head = new Uint8Array(EVENT_HEAD_BYTES)
    writeEventHead(head, 0, KEY_SPACE_SOURCE, {
      topic: topicBytes!.length,
      eventId: id!.length,
      source: source!.length,
      timestamp: timestamp!.length,
      payload: text.length,
    })
    head.set(fingerprint(topic, attributes, canonicalData), FINGERPRINT_AT)
    this.#parts.push(head, topicBytes!, id!, source!, timestamp!, text)
    this.#ids.push({ topic, event_id: attributes.id, source: attributes.source })
  }

  #tooLarge(): SekaliError {
    const value = this.#options.limits.eventBytesMax
    return new SekaliError('event_too_large', `event ${this.count} has more than ${value} bytes`, {
      index: this.count,
      limit: { name: 'eventBytesMax', value },
    })
  }

  #note(field: string | null, fault: string): void {
    this.#fault ??= this.#error(field, fault)
  }

  #error(field: string | null, fault: string): SekaliError {
    const shown = field === null ? null : showInput(field)
    const subject = shown === null ? `event ${this.count}` : `event ${this.count}: ${shown}`
    const facts = shown === null ? { index: this.count } : { index: this.count, field: shown }
    return new SekaliError('invalid_event', `${subject} ${fault}`, facts)
  }
}

/**
 * Over the topic, the attributes and the canonical data, so that the same event in another mode is the same: header values
 * are strings, JSON is the type of data that names none, and null is absent.
 */
function fingerprint(topic: string, attributes: Attributes, canonicalData: string | null): Buffer {
  const content = Object.entries({ ...attributes, datacontenttype: plainType(attributes) })
    .filter(([name, value]) => !NOT_CONTENT.has(name) && value !== null && value !== undefined)
    .map(([name, value]) => [name, String(value)])
    .sort(([one], [other]) => (one! < other! ? -1 : 1))
  const text = JSON.stringify([topic, content, canonicalData])
  return Buffer.from(hash('sha256', text, 'buffer')).subarray(0, FINGERPRINT_BYTES)
}

function messageOf({ code, message }: z.core.$ZodIssue): string {
  // The messages of our own rules go on from the name of the field.
  return code === 'custom' ? message : `is not as CloudEvents have it: ${message}`
}

/** null for JSON, which is what data is unless something else is said. */
function plainType({ datacontenttype }: Attributes): string | null {
  if (typeof datacontenttype !== 'string') return null
  const type = datacontenttype
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
    .filter((part) => !/^charset="?utf-?8"?$/.test(part))
    .join(';')
  return type === 'application/json' ? null : type
}

function textOf(json: JsonScanner, from: number, to: number): string {
  const { buffer, byteOffset } = json.text
  return Buffer.from(buffer, byteOffset + from, to - from).toString()
}
