// How POST /publish is described.

import { z } from 'zod'
import {
  CLOUD_EVENT_MEDIA_TYPE,
  CLOUD_EVENTS_MEDIA_TYPE,
  cloudEventHeadersSchema,
  cloudEventSchema,
  cloudEventsSchema,
} from '../../../../client/contract/cloud-event.ts'
import {
  publishAnswerSchema,
  publishQuerySchema,
  publishRequestSchema,
} from '../../../../client/contract/publish.ts'
import type { Example, Operation, Operations } from '../operation.ts'
import { CLOUD_EVENT_EXAMPLES } from './cloud-events.ts'

const JSON_TYPE = 'application/json'
const LINES_TYPE = 'application/x-ndjson'

const linesSchema = z.string().meta({
  description: 'One event a line, each in JSON. Empty lines are skipped.',
})

const dataSchema = z.string().meta({
  description: 'The data of a CloudEvent in binary mode, of this or any other media type.',
})

const order = { topic: 'orders', event_id: 'o-1', payload: { total: 42 } }
const changed = { ...order, payload: { total: 43 } }
const paid = {
  topic: 'orders.paid',
  event_id: 'o-1',
  timestamp: '2026-01-01T07:00:00+07:00',
  source: 'till-4',
  payload: { total: 42 },
}

const json = (value: unknown) => ({ type: JSON_TYPE, value })

const ANSWERED: readonly Example[] = [
  {
    name: 'one',
    summary: 'One event',
    body: json(order),
    status: 200,
    answer: {
      status: 'committed',
      count: 1,
      accepted: 1,
      duplicates: 0,
      results: [{ topic: 'orders', event_id: 'o-1', outcome: 'accepted', position: 1 }],
    },
  },
  {
    name: 'again',
    summary: 'The same event again: stored once, and said so',
    body: json(order),
    status: 200,
    answer: {
      status: 'committed',
      count: 1,
      accepted: 0,
      duplicates: 1,
      results: [{ topic: 'orders', event_id: 'o-1', outcome: 'duplicate', position: 1 }],
    },
  },
  {
    name: 'batch',
    summary: 'A batch: one new event, and one whose id is stored with another content',
    body: json({ events: [paid, changed] }),
    status: 200,
    answer: {
      status: 'committed',
      count: 2,
      accepted: 1,
      duplicates: 1,
      results: [
        { topic: 'orders.paid', event_id: 'o-1', outcome: 'accepted', position: 2 },
        { topic: 'orders', event_id: 'o-1', outcome: 'duplicate', position: 1, conflict: true },
      ],
    },
  },
  {
    name: 'lines',
    summary: 'One event a line',
    body: {
      type: LINES_TYPE,
      value: '{"topic":"logs/app","event_id":"1"}\n{"topic":"logs/app","event_id":"2"}\n',
    },
    status: 200,
    answer: {
      status: 'committed',
      count: 2,
      accepted: 2,
      duplicates: 0,
      results: [
        { topic: 'logs/app', event_id: '1', outcome: 'accepted', position: 3 },
        { topic: 'logs/app', event_id: '2', outcome: 'accepted', position: 4 },
      ],
    },
  },
]

const REFUSED: readonly Example[] = [
  {
    name: 'malformed_json',
    summary: 'No JSON',
    body: { type: JSON_TYPE, value: '{"topic":"orders"' },
    status: 400,
    answer: {
      type: '/problems/malformed-json',
      title: 'The body is not well-formed JSON',
      status: 400,
      detail: 'at byte 17: the text ends, expected "," or "}"',
      instance: '/publish',
      code: 'malformed_json',
      retryable: false,
      index: 0,
      offset: 17,
    },
  },
  {
    name: 'unsupported_media_type',
    summary: 'A form, which is what curl sends unless told otherwise',
    body: { type: 'application/x-www-form-urlencoded', value: 'topic=orders' },
    status: 415,
    answer: {
      type: '/problems/unsupported-media-type',
      title: 'This content type is not taken here',
      status: 415,
      detail:
        "/publish takes application/json, application/x-ndjson and CloudEvents; with curl, add -H 'content-type: application/json'",
      instance: '/publish',
      code: 'unsupported_media_type',
      retryable: false,
      field: 'content-type',
    },
  },
  {
    name: 'invalid_event',
    summary: 'One bad event refuses its batch; nothing of it is stored',
    body: json([order, { topic: 'orders', event_id: 'o-2', payload: 'text' }]),
    status: 422,
    answer: {
      type: '/problems/invalid-event',
      title: 'An event does not have the required shape',
      status: 422,
      detail: 'event 1: payload must be a JSON object',
      instance: '/publish',
      code: 'invalid_event',
      retryable: false,
      index: 1,
      field: 'payload',
    },
  },
  {
    name: 'no_leader',
    summary: 'No leader until the deadline: certainly not stored',
    given: 'no leader',
    body: json(order),
    status: 503,
    answer: {
      type: '/problems/no-leader',
      title: 'The cluster has no leader at present',
      status: 503,
      detail: 'no leader before the deadline',
      instance: '/publish',
      code: 'no_leader',
      retryable: true,
    },
  },
  {
    name: 'outcome_unknown',
    summary: 'No majority answered before the deadline: send the same ids again',
    given: 'no majority',
    body: json(order),
    status: 503,
    answer: {
      type: '/problems/outcome-unknown',
      title: 'The outcome is not known',
      status: 503,
      detail: 'not committed before the deadline',
      instance: '/publish',
      code: 'outcome_unknown',
      retryable: true,
    },
  },
]

const publish: Operation = {
  id: 'publish',
  tag: 'publish',
  summary: 'Publish one event, or many',
  description:
    'The answer comes when the events are on the disks of a majority and this node has applied them. A batch is taken ' +
    'as a whole or not at all. Whatever happened to an earlier try, sending the same ids again is safe. CloudEvents are ' +
    'taken in all three modes of their HTTP binding; they are known by (source, id), apart from all other events.',
  query: publishQuerySchema,
  headers: z.object({
    'content-encoding': z.enum(['gzip', 'identity']).optional(),
    ...cloudEventHeadersSchema.shape,
  }),
  body: {
    [JSON_TYPE]: publishRequestSchema,
    [LINES_TYPE]: linesSchema,
    [CLOUD_EVENT_MEDIA_TYPE]: cloudEventSchema,
    [CLOUD_EVENTS_MEDIA_TYPE]: cloudEventsSchema,
    'text/plain': dataSchema,
  },
  answers: {
    200: {
      description: 'Stored, now or before; what became of each event, in the order sent.',
      content: { [JSON_TYPE]: publishAnswerSchema },
      headers: ['sekali-outcome'],
    },
  },
  problems: [
    ...(['malformed_json', 'malformed_body', 'request_timeout'] as const),
    ...([
      'body_too_large',
      'batch_too_large',
      'event_too_large',
      'unsupported_media_type',
    ] as const),
    ...(['invalid_event', 'empty_batch', 'overloaded', 'no_leader', 'outcome_unknown'] as const),
    ...(['stopping', 'rebuilding'] as const),
  ],
  examples: [...ANSWERED, ...CLOUD_EVENT_EXAMPLES, ...REFUSED],
}

export const PUBLISH_OPERATIONS: Operations = { 'POST /publish': publish }
