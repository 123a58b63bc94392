// From a request in one of the three modes of the CloudEvents HTTP binding to checked events in the log's format.
//
// structured: the body is one event. batched: an array of them, which may be empty. binary: attributes in headers, the data
// as body; it is written as the structured event that it stands for, so that there is one way from here on.

import { isUtf8 } from 'node:buffer'
import { SekaliError } from '../../client/errors.ts'
import { CloudEventEncoder, type CloudEventsOptions } from './cloud-event-encoder.ts'
import type { EdgeBatch } from './edge-batch.ts'
import { JsonScanner, JsonSyntaxError, JsonTooDeepError } from './json-scanner.ts'
import { checkEncoding, malformed } from './read-publish.ts'

export type CloudEventsMode = 'structured' | 'batched'

export function readCloudEvents(
  body: Uint8Array,
  mode: CloudEventsMode,
  options: CloudEventsOptions,
): EdgeBatch {
  checkEncoding(body)
  const events = new CloudEventEncoder(options)
  const json = scannerOf(body, options.limits.eventBytesMax)
  return wellFormed(json, events, () => {
    json.space()
    if (mode === 'batched') json.array(() => events.read(json))
    else events.read(json)
    json.space()
    if (json.at < body.length) json.fail('nothing more')
    return events.finish()
  })
}

/** `attributes` as they stood in headers, without their prefix; `contentType` as it was sent. */
export function readBinaryCloudEvent(
  body: Uint8Array,
  attributes: readonly (readonly [name: string, value: string])[],
  contentType: string | undefined,
  options: CloudEventsOptions,
): EdgeBatch {
  const named = attributes.map(
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
  )
  if (contentType !== undefined) named.push(`"datacontenttype":${JSON.stringify(contentType)}`)
  const data = dataMember(body, contentType, options.limits.eventBytesMax)
  const text = Buffer.concat([
    Buffer.from(`{${named.join(',')}`),
    ...data.map((part) => Buffer.from(part)),
    Buffer.from('}'),
  ])
  return readCloudEvents(text, 'structured', options)
}

/** JSON stays JSON and text becomes a string, where both are what they say; everything else is Base64. */
function dataMember(
  body: Uint8Array,
  contentType: string | undefined,
  eventBytesMax: number,
): (Uint8Array | string)[] {
  if (body.length === 0) return []
  const type = (contentType ?? 'application/json').toLowerCase()
  if (isJson(type)) {
    checkEncoding(body)
    checkJson(body, eventBytesMax)
    return [',"data":', body]
  }
  if (isText(type) && isUtf8(body)) {
    return [`,"data":${JSON.stringify(Buffer.from(body).toString())}`]
  }
  return [`,"data_base64":"${Buffer.from(body).toString('base64')}"`]
}

const isJson = (type: string) => /^[^;]*[/+]json\s*(;|$)/.test(type)
const isText = (type: string) =>
  /^(text\/|[^;]*[/+]xml\s*(;|$))/.test(type) && !/charset=(?!"?utf-?8)/.test(type)

/** One value and nothing more, or what follows it would be read as attributes. */
function checkJson(body: Uint8Array, eventBytesMax: number): void {
  const json = scannerOf(body, eventBytesMax)
  wellFormed(json, null, () => {
    json.space()
    json.value(1)
    json.space()
    if (json.at < body.length) json.fail('nothing more')
  })
}

function scannerOf(text: Uint8Array, eventBytesMax: number): JsonScanner {
  const bytes = Math.min(text.length, eventBytesMax)
  return new JsonScanner(text, Buffer.allocUnsafe(JsonScanner.canonicalBytesMax(bytes)))
}

function wellFormed<T>(json: JsonScanner, events: CloudEventEncoder | null, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof JsonSyntaxError)
      throw malformed(json.at, error.message, events?.count ?? 0)
    if (error instanceof JsonTooDeepError) {
      throw new SekaliError('invalid_event', 'data is nested too deeply', { field: 'data' })
    }
    throw error
  }
}
