// GET /events and GET /events/:topic/:event_id: what was accepted, as it was sent. Events are JSON text in the store and
// are spliced into the answer as they are; no payload is parsed or encoded again.

import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, WAIT_MS_MAX } from '../../client/contract/limits.ts'
import { eventsQuerySchema, ORDERS } from '../../client/contract/read.ts'
import { isPattern } from '../../client/contract/topic.ts'
import { SekaliError } from '../../client/errors.ts'
import { instantOf } from '../edge/timestamp.ts'
import { firstEvent, type OnGone } from '../follow/first-event.ts'
import type { Page, PageQuery } from '../store/types.ts'
import { answerJson } from './answer.ts'
import type { Api, Call, Handler } from './api.ts'
import { badParameter, namesIn, type Query, readQuery } from './query.ts'
import { FRESHNESS, waitUntilFresh } from './wait.ts'

const PARAMETERS = namesIn(eventsQuerySchema)

export function eventsRoute(api: Api): Handler {
  return async (call) => {
    const query = readQuery(call.req.url, PARAMETERS)
    const wanted = pageQuery(query)
    const waitMs = query.decimal('wait', 0, WAIT_MS_MAX)
    if (waitMs !== undefined) {
      if (wanted.order === 'desc') throw badParameter('wait', 'is for order=asc')
      await waitUntilFresh(api, query)
      const { events, reached } = await pageWithin(api, wanted, waitMs, onGone(call))
      return answerJson(api.backend, splicePage(events, reached))
    }
    await waitUntilFresh(api, query, wanted.after)
    const { events, next } = await api.backend.events.page(wanted)
    return answerJson(api.backend, splicePage(events, next))
  }
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
    const event = await api.backend.events.get(id.topic, id.eventId)
    if (event === null) {
      throw new SekaliError('event_not_found', 'no event with this topic and event_id was accepted')
    }
    return answerJson(api.backend, event as Uint8Array<ArrayBuffer>)
  }
}

function pageQuery(query: Query) {
  const topic = query.text('topic')
  const eventId = query.text('event_id')
  if (eventId !== undefined && (topic === undefined || isPattern(topic))) {
    throw badParameter('event_id', 'needs an exact topic beside it')
  }
  const after = query.decimal('after', 0, Number.MAX_SAFE_INTEGER)
  const source = query.text('source')
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

const HEAD = Buffer.from('{"events":[')
const COMMA = Buffer.from(',')

function splicePage(events: readonly Uint8Array[], next: number | null): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [HEAD]
  for (const [place, event] of events.entries()) {
    if (place > 0) parts.push(COMMA)
    parts.push(event)
  }
  parts.push(Buffer.from(next === null ? '],"next":null}' : `],"next":"${next}"}`))
  return Buffer.concat(parts)
}
