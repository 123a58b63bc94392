// From an event as the user gives it to the JSON text that is sent, and sent again, unchanged.
//
// What can be seen here is refused here, before anything is sent: so a list that needs several requests is still
// refused as a whole when one of its events cannot be taken. The node has the last word (depth, say, and its limits).

import type { Event } from '../contract/event.ts'
import { INSTANT_LENGTH_MAX, isInstant } from '../contract/instant.ts'
import { REQUEST_LIMITS } from '../contract/limits.ts'
import { nameFault, textFault, topicFault } from '../contract/topic.ts'
import { SekaliError } from '../errors.ts'

/** An event to publish: `event_id` is made when it is absent. */
export type NewEvent = Omit<Event, 'event_id'> & { readonly event_id?: string | undefined }

export interface EncodedEvent {
  readonly topic: string
  readonly eventId: string
  readonly json: string
  /** Of `json` in UTF-8. */
  readonly bytes: number
}

/** `index`: its place in the list, for the error. Throws SekaliError, or TypeError for what JSON cannot hold. */
export function encodeEvent(event: NewEvent, index: number, makeId: () => string): EncodedEvent {
  const eventId = event.event_id ?? makeId()
  const whole = { ...event, event_id: eventId }
  for (const [field, value] of Object.entries(whole)) {
    const fault = Object.hasOwn(FAULT_OF, field)
      ? FAULT_OF[field as keyof Event](value)
      : 'is not a field of an event'
    if (fault !== null)
      throw new SekaliError('invalid_event', `${field} ${fault}`, { index, field })
  }
  if (event.topic === undefined) {
    throw new SekaliError('invalid_event', 'topic is missing', { index, field: 'topic' })
  }
  const json = JSON.stringify(whole)
  const bytes = Buffer.byteLength(json)
  if (bytes > REQUEST_LIMITS.eventBytesMax) {
    const limit = { name: 'eventBytesMax', value: REQUEST_LIMITS.eventBytesMax }
    throw new SekaliError('event_too_large', `the event takes ${bytes} bytes`, { index, limit })
  }
  return { topic: event.topic, eventId, json, bytes }
}

type Fault = (value: unknown) => string | null

const text =
  (fault: (value: string) => string | null): Fault =>
  (value) =>
    typeof value === 'string' ? fault(value) : 'is not a string'

/** JSON leaves out what is undefined. */
const optional =
  (fault: Fault): Fault =>
  (value) =>
    value === undefined ? null : fault(value)

const FAULT_OF: Readonly<Record<keyof Event, Fault>> = {
  topic: text(topicFault),
  event_id: text(nameFault),
  source: optional(text(textFault)),
  timestamp: optional(
    text((value) => (isInstant(value) ? null : `is not RFC 3339, or above ${INSTANT_LENGTH_MAX}`)),
  ),
  payload: optional((value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? null
      : 'is not an object',
  ),
}
