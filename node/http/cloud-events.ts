// CloudEvents over HTTP (the HTTP binding, 1.0.2): which of its modes a publish is in, what its headers say, who wants
// CloudEvents back, and the handshake of its web hooks. What an event must be is the business of node/edge/.

import {
  CLOUD_EVENT_MEDIA_TYPE,
  CLOUD_EVENTS_MEDIA_TYPE,
} from '../../client/contract/cloud-event.ts'
import { publishQuerySchema } from '../../client/contract/publish.ts'
import { topicFault } from '../../client/contract/topic.ts'
import { SekaliError } from '../../client/errors.ts'
import type { EdgeBatch } from '../edge/edge-batch.ts'
import { readBinaryCloudEvent, readCloudEvents } from '../edge/read-cloud-events.ts'
import { showInput } from '../show-input.ts'
import type { Api, Call } from './api.ts'
import { mediaType } from './body.ts'
import { badParameter, namesIn, readQuery } from './query.ts'

type ReadBatch = (body: Uint8Array, receivedAtMs: number) => EdgeBatch
type Header = readonly [name: string, value: string]

const PARAMETERS = namesIn(publishQuerySchema)
const PREFIX = 'ce-'
/** In binary mode data is the body, and its type is Content-Type. */
const NO_HEADERS: ReadonlySet<string> = new Set(['data', 'datacontenttype'])

/** How to read the body of a publish if it is one of CloudEvents; null: it is not. */
export function cloudEventsReader(call: Call, limits: Api['limits']): ReadBatch | null {
  const contentType = call.req.header('content-type')
  const headers = attributeHeaders(call)
  const inBody = contentType !== undefined && /^\s*application\/cloudevents/i.test(contentType)
  if (!inBody && headers.length === 0) return null

  const topic = readQuery(call.req.url, PARAMETERS).text('topic') ?? null
  const fault = topic === null ? null : topicFault(topic)
  if (fault !== null) throw badParameter('topic', fault)
  const options = (receivedAtMs: number) => ({ limits, receivedAtMs, topic })
  if (!inBody) {
    const attributes = attributesOf(headers)
    return (body, now) => readBinaryCloudEvent(body, attributes, contentType, options(now))
  }
  const mode = modeOf(mediaType(contentType))
  return (body, now) => readCloudEvents(body, mode, options(now))
}

function modeOf(type: string): 'structured' | 'batched' {
  if (type === CLOUD_EVENT_MEDIA_TYPE) return 'structured'
  if (type === CLOUD_EVENTS_MEDIA_TYPE) return 'batched'
  throw new SekaliError(
    'unsupported_media_type',
    `CloudEvents are taken as ${CLOUD_EVENT_MEDIA_TYPE}, as ${CLOUD_EVENTS_MEDIA_TYPE}, or in headers`,
    { field: 'content-type' },
  )
}

/** Those of CloudEvents' binary mode, as they were sent. Asked of every publish, so the raw list is looked through. */
function attributeHeaders(call: Call): Header[] {
  const raw = call.env?.incoming?.rawHeaders
  if (raw === undefined) {
    return [...call.req.raw.headers].filter(([name]) => name.startsWith(PREFIX))
  }
  const found: Header[] = []
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!
    if (name.charCodeAt(2) === HYPHEN && name.toLowerCase().startsWith(PREFIX)) {
      found.push([name.toLowerCase(), raw[at + 1]!])
    }
  }
  return found
}

const HYPHEN = 0x2d

function attributesOf(headers: readonly Header[]): Header[] {
  const attributes = new Map<string, string>()
  for (const [header, value] of headers) {
    const name = header.slice(PREFIX.length)
    if (NO_HEADERS.has(name) || !/^[a-z0-9]+$/.test(name)) {
      throw badParameter(showInput(header), 'is no header of a CloudEvent')
    }
    if (attributes.has(name)) throw badParameter(header, 'is given more than once')
    attributes.set(name, decoded(header, value))
  }
  return [...attributes]
}

/**
 * Quotes are taken off, then percent-encoding is undone, once; a '%' that begins no encoded byte is itself, since
 * common SDKs encode nothing. Node.js tells the bytes of a header as Latin-1; they must be UTF-8.
 */
function decoded(header: string, value: string): string {
  const quoted = /^"(.*)"$/s.exec(value)
  const plain = quoted === null ? value : quoted[1]!.replaceAll(/\\(.)/gs, '$1')
  const bytes = Buffer.from(
    plain.replaceAll(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
  try {
    return UTF8.decode(bytes)
  } catch {
    throw badParameter(header, 'is not UTF-8 once it is decoded')
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** True if the answer shall be CloudEvents rather than events of ours. */
export function wantsCloudEvents(call: Call): boolean {
  const accept = call.req.header('accept')
  if (accept === undefined || !accept.includes('cloudevents')) return false
  let ours = 0
  let theirs = 0
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const quality = Number(parameters.find((part) => part.startsWith('q='))?.slice(2) ?? 1)
    if (type === CLOUD_EVENT_MEDIA_TYPE || type === CLOUD_EVENTS_MEDIA_TYPE) {
      theirs = Math.max(theirs, quality)
    } else if (type === 'application/json') ours = quality
  }
  return theirs > 0 && theirs >= ours
}

/** Abuse protection of web hooks: anybody may publish here who can reach the node, and as fast as it answers. */
export function webhookPermission(call: Call): Record<string, string> {
  const origin = call.req.header('webhook-request-origin')
  return origin === undefined
    ? {}
    : { 'webhook-allowed-origin': origin, 'webhook-allowed-rate': '*' }
}
