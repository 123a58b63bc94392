// From the body of a publish to checked events in the log's format, or to one error that says what is wrong.
//
// Takes one event, an array, {"events":[…]}, or one event a line; strict UTF-8 without a byte-order mark. All or
// nothing: one bad event refuses its batch, with its index and field. A body that is no JSON is told so (400)
// before anything else that is wrong with it (422); limits (413) are told as soon as they are passed.

import { isUtf8 } from 'node:buffer'
import { SekaliError } from '../../client/errors.ts'
import type { BodyFormat, EdgeBatch, PublishLimits } from './edge-batch.ts'
import { EventEncoder, shown, unescaped } from './event-encoder.ts'
import { type JsonScanner, JsonSyntaxError, JsonTooDeepError } from './json-scanner.ts'

const NEWLINE = 0x0a
const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b

/** Throws SekaliError. `receivedAtMs` (since 1970) is the timestamp of events that bring none. */
export function readPublish(
  body: Uint8Array,
  format: BodyFormat,
  limits: PublishLimits,
  receivedAtMs: number,
): EdgeBatch {
  checkEncoding(body)
  const events = new EventEncoder(limits, receivedAtMs, body.length)
  const json = events.scanner(body)
  let lineStart = 0
  try {
    if (format === 'json') {
      readDocument(json, events)
    } else {
      for (; lineStart < body.length; lineStart += json.text.length + 1) {
        const lineEnd = body.indexOf(NEWLINE, lineStart)
        json.text = body.subarray(lineStart, lineEnd === -1 ? body.length : lineEnd)
        readLine(json, events)
      }
    }
  } catch (error) {
    if (error instanceof JsonSyntaxError) {
      throw malformed(lineStart + json.at, error.message, events.count)
    }
    if (error instanceof JsonTooDeepError) {
      throw new SekaliError('invalid_event', 'the body is nested too deeply')
    }
    throw error
  }

  if (events.fault !== null) throw events.fault
  if (events.count === 0) throw new SekaliError('empty_batch', 'the body holds no event')
  return events.finish()
}

/** Strict UTF-8, without a byte-order mark, and not empty; throws malformed_json. */
export function checkEncoding(body: Uint8Array): void {
  if (body.length === 0) throw malformed(0, 'the body is empty', 0)
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf) {
    throw malformed(0, 'the body begins with a byte-order mark', 0)
  }
  if (isUtf8(body)) return

  const replaced = Buffer.from(Buffer.from(body).toString())
  let offset = 0
  while (replaced[offset] === body[offset]) offset++
  throw malformed(offset, 'the body is not UTF-8', 0)
}

function readDocument(json: JsonScanner, events: EventEncoder): void {
  json.space()
  const first = json.text[json.at]
  if (first === OPEN_BRACKET) json.array(() => events.read(json))
  else if (first === OPEN_BRACE && opensEnvelope(json)) readEnvelope(json, events)
  else events.read(json)
  json.space()
  if (json.at < json.text.length) json.fail('nothing more')
}

/** Is "events" the first key of the object that begins here? No event has such a field. */
function opensEnvelope(json: JsonScanner): boolean {
  const start = json.at
  json.at++
  json.space()
  let found = false
  if (json.text[json.at] === QUOTE) {
    json.string()
    found = unescaped(json) === 'events'
  }
  json.at = start
  return found
}

function readEnvelope(json: JsonScanner, events: EventEncoder): void {
  json.expect(OPEN_BRACE)
  json.space()
  json.string()
  json.space()
  json.expect(COLON)
  json.space()
  if (json.text[json.at] === OPEN_BRACKET) {
    json.array(() => events.read(json))
  } else {
    json.value(0)
    events.note(new SekaliError('invalid_event', 'events must be an array', { field: 'events' }))
  }

  json.space()
  while (json.text[json.at] === COMMA) {
    json.at++
    json.space()
    const keyAt = json.at
    json.string()
    const name = shown(json)
    if (name === 'events') {
      json.at = keyAt
      json.fail('"events" only once')
    }
    events.note(
      new SekaliError('invalid_event', `${name} is not known beside events`, { field: name }),
    )
    json.space()
    json.expect(COLON)
    json.space()
    json.outEnd = 0
    json.value(0)
    json.space()
  }
  json.expect(CLOSE_BRACE)
}

/** One event, or nothing but white space. */
function readLine(json: JsonScanner, events: EventEncoder): void {
  json.at = 0
  json.space()
  if (json.at === json.text.length) return
  events.read(json)
  json.space()
  if (json.at < json.text.length) json.fail('the end of the line')
}

export function malformed(offset: number, fault: string, index: number): SekaliError {
  return new SekaliError('malformed_json', `at byte ${offset}: ${fault}`, { offset, index })
}
