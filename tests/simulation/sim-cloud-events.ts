// CloudEvents in the simulated workload. Whether an event is one is told by its id, so that they need no draw of their own:
// every other draw stays what it was.
//
// The ledger knows them under another id (client/ledger/wire.ts), beside which an event of the same topic and id may stand.

import { contentHash } from '../../client/ledger/content-hash.ts'
import type { Request } from '../../client/ledger/history.ts'
import { ledgerId } from '../../client/ledger/wire.ts'
import type { CloudEventsOptions } from '../../node/edge/cloud-event-encoder.ts'
import type { EdgeBatch } from '../../node/edge/edge-batch.ts'
import { readCloudEvents } from '../../node/edge/read-cloud-events.ts'
import { readPublish } from '../../node/edge/read-publish.ts'
import type { Event } from './sim-clients.ts'
import type { Running } from './sim-node.ts'

/** A request is of one kind; which, is for its first event to say. */
export function isCloudEventId(eventId: string): boolean {
  return /[37]$/.test(eventId)
}

export function isOfCloudEvents(request: Request): boolean {
  return request.type === 'publish' && request.events[0]!.eventId.startsWith('[')
}

export function cloudEventOf(topic: string, id: string, data: object): Event {
  const source = `/${topic}`
  const payload = { specversion: '1.0', id, source, type: topic, data }
  const eventId = ledgerId({ event_id: id, source, cloudevent: true })
  const hash = contentHash({ source, payload })
  return { topic, eventId, hash, json: JSON.stringify(payload) }
}

export function readBody(
  body: string,
  limits: CloudEventsOptions['limits'],
  receivedAtMs: number,
): EdgeBatch {
  const bytes = Buffer.from(body)
  return body.startsWith('[{"specversion"')
    ? readCloudEvents(bytes, 'batched', { limits, receivedAtMs, topic: null })
    : readPublish(bytes, 'json', limits, receivedAtMs)
}

/** By the id under which the ledger knows it. */
export async function eventAt(
  machine: Running['machine'],
  topic: string,
  eventId: string,
): Promise<Uint8Array | null> {
  if (!eventId.startsWith('[')) return machine.get(topic, eventId)
  const [source, id] = JSON.parse(eventId)
  const page = await machine.page({ source, eventId: id, limit: 1, order: 'asc' })
  return page.events[0] ?? null
}
