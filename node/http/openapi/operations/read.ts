// How the reads of what was accepted are described.

import { z } from 'zod'
import {
  CLOUD_EVENT_MEDIA_TYPE,
  CLOUD_EVENTS_MEDIA_TYPE,
  cloudEventSchema,
  cloudEventsSchema,
} from '../../../../client/contract/cloud-event.ts'
import { storedEventSchema } from '../../../../client/contract/event.ts'
import { NEXT_HEADER } from '../../../../client/contract/headers.ts'
import {
  eventsPageSchema,
  eventsQuerySchema,
  freshnessQuerySchema,
  seenAnswerSchema,
  seenRequestSchema,
  topicsPageSchema,
  topicsQuerySchema,
} from '../../../../client/contract/read.ts'
import type { Operation, Operations } from '../operation.ts'
import { placed } from './cloud-events.ts'

const JSON_TYPE = 'application/json'
/** What every read that may have to wait can answer. */
const NOT_FRESH = ['no_leader', 'behind', 'rebuilding'] as const

const paid = {
  position: 2,
  topic: 'orders.paid',
  event_id: 'o-1',
  timestamp: '2026-01-01T07:00:00+07:00',
  source: 'till-4',
  payload: { total: 42 },
  received_at: '2026-01-01T00:00:00.000Z',
}

const logged = {
  position: 4,
  topic: 'logs/app',
  event_id: '2',
  timestamp: '2026-01-01T00:00:00.000Z',
  source: '',
  payload: {},
  received_at: '2026-01-01T00:00:00.000Z',
}

const wrapped = {
  specversion: '1.0',
  id: 'o-1',
  source: '/topics/orders.paid',
  type: 'orders.paid',
  time: '2026-01-01T07:00:00+07:00',
  datacontenttype: 'application/json',
  origin: 'till-4',
  data: { total: 42 },
}

const events: Operation = {
  id: 'listEvents',
  tag: 'read',
  summary: 'Accepted events, page by page',
  description:
    'In the order of their positions. A page may be short, or empty, while `next` is set: ask on with `after=next`, at ' +
    'this node or at another.',
  query: eventsQuerySchema,
  answers: {
    200: {
      description: 'A page; of CloudEvents where Accept asks for them.',
      content: { [JSON_TYPE]: eventsPageSchema, [CLOUD_EVENTS_MEDIA_TYPE]: cloudEventsSchema },
      headers: [NEXT_HEADER],
    },
  },
  problems: [...NOT_FRESH, 'overloaded'],
  examples: [
    {
      name: 'pattern',
      summary: 'All topics below orders, the newest first',
      query: { topic: 'orders.**', order: 'desc', limit: 1 },
      status: 200,
      answer: { events: [paid], next: '2' },
    },
    {
      name: 'filtered',
      summary:
        'What one source sent after a position, and not before this node has applied position 4',
      query: {
        after: 1,
        source: 'till-4',
        since: '2026-01-01T00:00:00Z',
        until: '2026-01-02T00:00:00Z',
        min_position: 4,
      },
      status: 200,
      answer: { events: [paid], next: null },
    },
    {
      name: 'long_poll',
      summary: 'What comes after a position, waited for if need be; `next` is where to ask on',
      query: { after: 3, topic: 'logs.*', wait: 20_000 },
      status: 200,
      answer: {
        events: [logged],
        next: '7',
      },
    },
    {
      name: 'one',
      summary: 'One id, read after all that was acknowledged',
      query: { topic: 'orders.paid', event_id: 'o-1', consistency: 'linearizable' },
      status: 200,
      answer: { events: [paid], next: null },
    },
    {
      name: 'cloudevents',
      summary: 'CloudEvents, as they came; the rest is made into ones',
      query: { after: 1, limit: 1 },
      headers: { accept: CLOUD_EVENTS_MEDIA_TYPE },
      status: 200,
      answerType: CLOUD_EVENTS_MEDIA_TYPE,
      answer: [wrapped],
    },
    {
      name: 'by_source',
      summary: 'One CloudEvent by its source and id',
      query: { source: '/shops/7', event_id: 'o-1' },
      headers: { accept: CLOUD_EVENTS_MEDIA_TYPE },
      status: 200,
      answerType: CLOUD_EVENTS_MEDIA_TYPE,
      answer: [placed],
    },
    {
      name: 'bad_parameter',
      summary: 'A misspelt filter is refused, not ignored',
      query: { limit: 5000 },
      status: 400,
      answer: {
        type: '/problems/bad-parameter',
        title: 'A query parameter or header is not understood',
        status: 400,
        detail: 'limit must be a whole number from 1 to 1000',
        instance: '/events',
        code: 'bad_parameter',
        retryable: false,
        field: 'limit',
      },
    },
  ],
}

const event: Operation = {
  id: 'getEvent',
  tag: 'read',
  summary: 'One event by its topic and id',
  path: z.object({
    topic: z.string().min(1).meta({ description: 'Percent-encoded; a slash in it is %2F.' }),
    event_id: z.string().min(1).meta({ description: 'Percent-encoded.' }),
  }),
  query: freshnessQuerySchema,
  answers: {
    200: {
      description: 'The event as it is stored, or as a CloudEvent where Accept asks for one.',
      content: { [JSON_TYPE]: storedEventSchema, [CLOUD_EVENT_MEDIA_TYPE]: cloudEventSchema },
    },
  },
  problems: ['event_not_found', ...NOT_FRESH],
  examples: [
    {
      name: 'found',
      summary: 'An event',
      path: { topic: 'orders.paid', event_id: 'o-1' },
      status: 200,
      answer: paid,
    },
    {
      name: 'event_not_found',
      summary: 'An id that was never accepted',
      path: { topic: 'logs/app', event_id: '3' },
      status: 404,
      answer: {
        type: '/problems/event-not-found',
        title: 'No such event was ever accepted',
        status: 404,
        detail: 'no event with this topic and event_id was accepted',
        instance: '/events/logs%2Fapp/3',
        code: 'event_not_found',
        retryable: false,
      },
    },
  ],
}

const seen: Operation = {
  id: 'seen',
  tag: 'read',
  summary: 'Which of these ids were accepted, and where',
  description: 'Writes nothing. An id that could never be stored was never seen.',
  query: freshnessQuerySchema,
  body: { [JSON_TYPE]: seenRequestSchema },
  answers: {
    200: {
      description: 'In the order asked; null: never accepted.',
      content: { [JSON_TYPE]: seenAnswerSchema },
    },
  },
  problems: [
    ...(['malformed_json', 'malformed_body', 'request_timeout', 'body_too_large'] as const),
    ...(['batch_too_large', 'unsupported_media_type', 'invalid_request', 'empty_batch'] as const),
    ...NOT_FRESH,
  ],
  examples: [
    {
      name: 'ids',
      summary: 'One that was accepted, one that was not, and a CloudEvent',
      body: {
        type: JSON_TYPE,
        value: {
          ids: [
            { topic: 'orders', event_id: 'o-1' },
            { topic: 'orders', event_id: 'o-2' },
            { source: '/shops/7', id: 'o-1' },
          ],
        },
      },
      status: 200,
      answer: {
        results: [
          { topic: 'orders', event_id: 'o-1', position: 1 },
          { topic: 'orders', event_id: 'o-2', position: null },
          { source: '/shops/7', id: 'o-1', position: 5 },
        ],
      },
    },
    {
      name: 'empty_batch',
      summary: 'Nothing was asked',
      body: { type: JSON_TYPE, value: { ids: [] } },
      status: 422,
      answer: {
        type: '/problems/empty-batch',
        title: 'The batch holds no event',
        status: 422,
        detail: 'ids is empty',
        instance: '/seen',
        code: 'empty_batch',
        retryable: false,
      },
    },
  ],
}

const topics: Operation = {
  id: 'listTopics',
  tag: 'read',
  summary: 'Topics by name, with how many events each has',
  query: topicsQuerySchema,
  answers: {
    200: { description: 'A page.', content: { [JSON_TYPE]: topicsPageSchema } },
  },
  problems: NOT_FRESH,
  examples: [
    {
      name: 'page',
      summary: 'Two topics after a name',
      query: { after: 'logs', limit: 2 },
      status: 200,
      answer: {
        topics: [
          { topic: 'logs/app', events: 2, last_position: 4 },
          { topic: 'orders', events: 1, last_position: 1 },
        ],
        next: 'orders',
      },
    },
  ],
}

export const READ_OPERATIONS: Operations = {
  'GET /events': events,
  'GET /events/:topic/:event_id': event,
  'POST /seen': seen,
  'GET /topics': topics,
}
