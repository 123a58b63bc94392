// GET /subscribe: all events of a topic or pattern as they are accepted, as Server-Sent Events. An event's `id:` is its
// position, so who loses this node goes on at another, with Last-Event-ID or `after`, without a gap or a repeat.
//
// Once the parameters are understood there is no other answer than this stream: whatever else comes ends an EventSource for
// good. Without a leader, behind, or while the store is built again, the stream is silent but open; a node that stops
// ends it, and the client comes back, here or elsewhere.
//
// The bytes go straight to node:http, the same to everybody who follows the same.

import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import {
  START_EVENT,
  STREAM_MEDIA_TYPE,
  subscribeQuerySchema,
} from '../../client/contract/subscribe.ts'
import type { Following, Sink } from '../follow/followers.ts'
import { CLOUD_EVENT_STREAM, EVENT_STREAM } from '../follow/format.ts'
import { parseTopicPattern } from '../store/topic-pattern.ts'
import { standingHeaders } from './answer.ts'
import type { Api, Call, Handler } from './api.ts'
import { wantsCloudEvents } from './cloud-events.ts'
import { badParameter, namesIn, readDecimal, readQuery } from './query.ts'

/** A client that lost its node waits half of this and up to half as much again: not all come back at once. */
const RETRY_MS = 1_000
const LAST_EVENT_ID = 'last-event-id'
const PARAMETERS = namesIn(subscribeQuerySchema)

const HEADERS = {
  'content-type': STREAM_MEDIA_TYPE,
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no', // nginx would collect it
  // It ends with its connection, so that no bytes have to be framed for each reader.
  connection: 'close',
}

export function subscribeRoute(api: Api): Handler {
  return (call) => {
    const query = readQuery(call.req.url, PARAMETERS)
    const after = query.decimal('after', 0, Number.MAX_SAFE_INTEGER) ?? null
    const topic = query.text('topic') ?? null
    if (topic !== null) parseTopicPattern(topic) // a HEAD is refused, too
    const wanted = {
      topic,
      after: lastEventId(call) ?? after,
      format: wantsCloudEvents(call) ? CLOUD_EVENT_STREAM : EVENT_STREAM,
    }
    const headers = { ...standingHeaders(api.backend.standing()), ...HEADERS }
    if (call.req.method === 'HEAD') return new Response(null, { headers })
    const outgoing = call.env?.outgoing
    if (outgoing === undefined) throw new Error('a stream needs a connection to write to')

    const stream = new EventStream(outgoing)
    stream.follow(api.followers.follow(wanted, stream))
    stream.open(headers, Math.round((0.5 + api.random()) * RETRY_MS))
    return RESPONSE_ALREADY_SENT
  }
}

/** It beats `after`: an EventSource that reconnects repeats its URL, and says in this header how far it got. */
function lastEventId(call: Call): number | undefined {
  const text = call.req.header(LAST_EVENT_ID)
  if (text === undefined || text === '') return undefined
  const position = readDecimal(text, 0, Number.MAX_SAFE_INTEGER)
  if (position === null) throw badParameter('Last-Event-ID', 'is not a position')
  return position
}

/** One answer that does not end. */
class EventStream implements Sink {
  readonly #outgoing: ServerResponse

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing
  }

  follow(following: Following): void {
    this.#outgoing.on('drain', () => following.resume())
    this.#outgoing.on('close', () => following.close())
    this.#outgoing.on('error', () => {}) // close follows
  }

  open(headers: Readonly<Record<string, string>>, retryMs: number): void {
    this.#outgoing.removeHeader('transfer-encoding')
    this.#outgoing.writeHead(200, headers)
    this.#outgoing.write(`retry: ${retryMs}\n\n`)
  }

  /** A named event, which onmessage does not see: who is cut off before the first event comes back to this position. */
  begin(position: number): void {
    this.#outgoing.write(
      `event: ${START_EVENT}\nid: ${position}\ndata: {"position":${position}}\n\n`,
    )
  }

  take(events: Uint8Array): boolean {
    if (events.length > 0) this.#outgoing.write(events)
    return !this.#outgoing.writableNeedDrain
  }

  /** Beside the comment an id: who follows what comes seldom does not search all that came between again. */
  idle(position: number | null): void {
    this.#outgoing.write(position === null ? ':\n\n' : `: ${position}\nid: ${position}\n\n`)
  }

  end(): void {
    this.#outgoing.end()
  }
}
