// GET /events and GET /events/:topic/:event_id: what was accepted, as it was sent. Events are JSON text in the store and
// are spliced into the answer as they are; no payload is parsed or encoded again.

import {
  CLOUD_EVENT_MEDIA_TYPE,
  CLOUD_EVENTS_MEDIA_TYPE,
} from '../../client/contract/cloud-event.ts'
import { NEXT_HEADER } from '../../client/contract/headers.ts'
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, WAIT_MS_MAX } from '../../client/contract/limits.ts'
import { eventsQuerySchema, ORDERS } from '../../client/contract/read.ts'
import { isPattern } from '../../client/contract/topic.ts'
import { SekaliError } from '../../client/errors.ts'
import { instantOf } from '../edge/timestamp.ts'
import { firstEvent, type OnGone } from '../follow/first-event.ts'
import { cloudEventJson } from '../store/cloud-event-json.ts'
import { eventJson } from '../store/event-json.ts'
import type { Page, PageQuery } from '../store/types.ts'
import { answer, answerJson, JSON_MEDIA_TYPE } from './answer.ts'
import type { Api, Call, Handler } from './api.ts'
import { wantsCloudEvents } from './cloud-events.ts'
import { badParameter, namesIn, type Query, readQuery } from './query.ts'
import { FRESHNESS, waitUntilFresh } from './wait.ts'

const PARAMETERS = namesIn(eventsQuerySchema)

export function eventsRoute(api: Api): Handler {
  return async (call) => {
    const query = readQuery(call.req.url, PARAMETERS)
    const wanted = pageQuery(query)
    const asCloudEvents = wantsCloudEvents(call)
    const rendered = { ...wanted, render: asCloudEvents ? cloudEventJson : eventJson }
    const page = asCloudEvents ? cloudEventsPage : eventsPage
    const waitMs = query.decimal('wait', 0, WAIT_MS_MAX)
    if (waitMs !== undefined) {
      if (wanted.order === 'desc') throw badParameter('wait', 'is for order=asc')
      await waitUntilFresh(api, query)
      const { events, reached } = await pageWithin(api, rendered, waitMs, onGone(call))
      return page(api, events, reached)
    }
    await waitUntilFresh(api, query, wanted.after)
    const { events, next } = await api.backend.events.page(rendered)
    return page(api, events, next)
  }
}

function eventsPage(api: Api, events: readonly Uint8Array[], next: number | null): Response {
  const end = next === null ? '],"next":null}' : `],"next":"${next}"}`
  return answerJson(api.backend, splice('{"events":[', events, end), VARY)
}

function cloudEventsPage(api: Api, events: readonly Uint8Array[], next: number | null): Response {
  return answer(api.backend, 200, CLOUD_EVENTS_MEDIA_TYPE, splice('[', events, ']'), {
    ...VARY,
    ...(next !== null && { [NEXT_HEADER]: String(next) }),
  })
}

/** A long poll: the first page that is not empty, or after `waitMs` an empty one that says how far it has looked. */
async function pageWithin(api: Api, query: PageQuery, waitMs: number, gone: OnGone): Promise<Page> {
  const deadlineMs = api.monotonicMs() + waitMs
  for (let { topic = null, after = 0 } = query; ; ) {
    const page = await api.backend.events.page({ ...query, after })
    after = page.reached
    if (page.events.length > 0 || api.monotonicMs() >= deadlineMs) return page
    if (page.next !== null) continue // there is more to look through
    const found = await firstEvent(api.followers, { topic, after, deadlineMs }, gone)
    if (!found) return page
  }
}

/** Tells the last who asked; without a socket nobody goes away. */
function onGone(call: Call): OnGone {
  let isGone = false
  let tell = (): void => {}
  call.env?.outgoing?.once('close', () => {
    isGone = true
    tell()
  })
  return (gone) => {
    tell = gone
    if (isGone) gone()
  }
}

export function eventRoute(api: Api): Handler {
  return async (call) => {
    const query = readQuery(call.req.url, FRESHNESS)
    const [, , topic = '', eventId = ''] = call.req.path.split('/')
    const id = { topic: decodeSegment(topic, 'topic'), eventId: decodeSegment(eventId, 'event_id') }
    await waitUntilFresh(api, query)
    const asCloudEvents = wantsCloudEvents(call)
    const render = asCloudEvents ? cloudEventJson : eventJson
    const event = await api.backend.events.get(id.topic, id.eventId, render)
    if (event === null) {
      throw new SekaliError('event_not_found', 'no event with this topic and event_id was accepted')
    }
    const type = asCloudEvents ? CLOUD_EVENT_MEDIA_TYPE : JSON_MEDIA_TYPE
    return answer(api.backend, 200, type, event as Uint8Array<ArrayBuffer>, VARY)
  }
}

function pageQuery(query: Query) {
  const topic = query.text('topic')
  const eventId = query.text('event_id')
  const after = query.decimal('after', 0, Number.MAX_SAFE_INTEGER)
  const source = query.text('source')
  if (eventId !== undefined && (topic === undefined ? source === undefined : isPattern(topic))) {
    throw badParameter('event_id', 'needs an exact topic beside it, or the source of a CloudEvent')
  }
  const sinceMs = instant(query, 'since')
  const untilMs = instant(query, 'until')
  return {
    limit: query.decimal('limit', 1, PAGE_LIMIT_MAX) ?? PAGE_LIMIT_DEFAULT,
    order: query.oneOf('order', ORDERS) ?? 'asc',
    ...(topic !== undefined && { topic }),
    ...(eventId !== undefined && { eventId }),
    ...(after !== undefined && { after }),
    ...(source !== undefined && { source }),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(untilMs !== undefined && { untilMs }),
  } as const
}

function instant(query: Query, name: string): number | undefined {
  const text = query.text(name)
  if (text === undefined) return undefined
  const bytes = Buffer.from(text)
  const ms = instantOf(bytes, 0, bytes.length)
  if (Number.isNaN(ms)) throw badParameter(name, 'must be an RFC 3339 date-time')
  return ms
}

function decodeSegment(segment: string, name: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw badParameter(name, 'is not percent-encoded UTF-8')
  }
}

/** The same address gives events in two forms; whose pages may read it is in the headers, too (cors.ts). */
const VARY = { vary: 'accept, origin' }

const COMMA = Buffer.from(',')

function splice(head: string, events: readonly Uint8Array[], end: string): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [Buffer.from(head)]
  for (const [place, event] of events.entries()) {
    if (place > 0) parts.push(COMMA)
    parts.push(event)
  }
  parts.push(Buffer.from(end))
  return Buffer.concat(parts)
}
