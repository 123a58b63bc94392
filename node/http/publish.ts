// POST /publish: body → checked batch → proposed as one piece → what became of each event.
//
// The hot path: no middleware, no schema library, one JSON text built by hand. All or nothing in validation: whatever
// is refused here was never proposed.

import { HEADERS } from '../../client/contract/headers.ts'
import { SekaliError } from '../../client/errors.ts'
import type { BodyFormat, EdgeBatch } from '../edge/edge-batch.ts'
import { readPublish } from '../edge/read-publish.ts'
import { ACCEPTED, CONFLICT, type EntryOutcome } from '../store/types.ts'
import { answerJson } from './answer.ts'
import type { Api, Call, Handler } from './api.ts'
import { mediaType, readBody } from './body.ts'
import { cloudEventsReader } from './cloud-events.ts'
import { readQuery } from './query.ts'

/** Nothing given is read as JSON. curl's default (a form) is refused, since '+' and '&' would be lost in it. */
const FORMATS: Readonly<Record<string, BodyFormat>> = {
  '': 'json',
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
}

export function publishRoute(api: Api): Handler {
  const { door, limits } = api
  return async (call) => {
    door.requests += 1
    let taken = 0
    const take = (bytes: number): void => {
      door.take(bytes)
      taken += bytes
    }
    try {
      const read = cloudEventsReader(call, limits) ?? eventsReader(call, limits)
      door.knock()
      const body = await readBody(call, { bytesMax: limits.bodyBytesMax, take })
      const batch = read(body, api.wallMs())
      // A batch of no CloudEvents is a success, and there is nothing to propose.
      return publishAnswer(api, batch, batch.count === 0 ? NOTHING : await propose(api, batch))
    } catch (error) {
      door.rejected += 1
      throw error
    } finally {
      door.giveBack(taken)
    }
  }
}

const NOTHING: EntryOutcome = {
  count: 0,
  positions: new Float64Array(0),
  flags: new Uint8Array(0),
  accepted: 0,
}

/** How to read a body of our own events. */
function eventsReader(call: Call, limits: Api['limits']) {
  readQuery(call.req.url, [])
  const format = bodyFormat(call.req.header('content-type'))
  return (body: Uint8Array, receivedAtMs: number): EdgeBatch =>
    readPublish(body, format, limits, receivedAtMs)
}

async function propose(api: Api, batch: EdgeBatch): Promise<EntryOutcome> {
  api.door.enter()
  try {
    return await api.backend.publish(batch, api.monotonicMs() + api.publishDeadlineMs)
  } finally {
    api.door.leave()
  }
}

function bodyFormat(contentType: string | undefined): BodyFormat {
  const type = mediaType(contentType)
  const format = Object.hasOwn(FORMATS, type) ? FORMATS[type] : undefined
  if (format !== undefined) return format
  const hint =
    type === 'application/x-www-form-urlencoded'
      ? "; with curl, add -H 'content-type: application/json'"
      : ''
  throw new SekaliError(
    'unsupported_media_type',
    `/publish takes application/json, application/x-ndjson and CloudEvents${hint}`,
    { field: 'content-type' },
  )
}

function publishAnswer(api: Api, batch: EdgeBatch, outcome: EntryOutcome): Response {
  const { count, accepted } = outcome
  const { ids } = batch
  let results = ''
  for (let place = 0; place < count; place += 1) {
    const { topic, event_id, source } = ids[place]!
    const flag = outcome.flags[place]
    const told = source === undefined ? '' : `,"source":${JSON.stringify(source)}`
    results += `${place === 0 ? '' : ','}{"topic":${JSON.stringify(topic)},"event_id":${JSON.stringify(event_id)}${told},"outcome":"${flag === ACCEPTED ? 'accepted' : 'duplicate'}","position":${outcome.positions[place]}${flag === CONFLICT ? ',"conflict":true' : ''}}`
  }
  return answerJson(
    api.backend,
    `{"status":"committed","count":${count},"accepted":${accepted},"duplicates":${count - accepted},"results":[${results}]}`,
    { [HEADERS.outcome]: outcomeOf(outcome) },
  )
}

function outcomeOf({ count, accepted }: EntryOutcome): string {
  if (count === 0) return 'none'
  if (accepted === count) return 'accepted'
  return accepted === 0 ? 'duplicate' : 'mixed'
}
