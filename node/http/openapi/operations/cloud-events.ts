// How CloudEvents at POST /publish are shown, and the handshake of their web hooks described.

import { z } from 'zod'
import {
  CLOUD_EVENT_MEDIA_TYPE,
  CLOUD_EVENTS_MEDIA_TYPE,
} from '../../../../client/contract/cloud-event.ts'
import type { Example, Operation, Operations } from '../operation.ts'

export const placed = {
  specversion: '1.0',
  id: 'o-1',
  source: '/shops/7',
  type: 'com.example.order.placed',
  time: '2026-01-01T00:00:00Z',
  partitionkey: 'k-1',
  data: { total: 42 },
}
const shipped = { ...placed, type: 'com.example.order.shipped', id: 'o-2' }

/** After those of our own events, which have brought four. */
export const CLOUD_EVENT_EXAMPLES: readonly Example[] = [
  {
    name: 'cloudevent',
    summary: 'A CloudEvent, structured',
    body: { type: CLOUD_EVENT_MEDIA_TYPE, value: placed },
    status: 200,
    answer: {
      status: 'committed',
      count: 1,
      accepted: 1,
      duplicates: 0,
      results: [
        {
          topic: 'com.example.order.placed',
          event_id: 'o-1',
          source: '/shops/7',
          outcome: 'accepted',
          position: 5,
        },
      ],
    },
  },
  {
    name: 'cloudevents',
    summary:
      'CloudEvents, batched, under a topic of our choice; the first is known by its source and id',
    query: { topic: 'shipping' },
    body: { type: CLOUD_EVENTS_MEDIA_TYPE, value: [placed, shipped] },
    status: 200,
    answer: {
      status: 'committed',
      count: 2,
      accepted: 1,
      duplicates: 1,
      results: [
        {
          topic: 'shipping',
          event_id: 'o-1',
          source: '/shops/7',
          outcome: 'duplicate',
          position: 5,
          conflict: true,
        },
        {
          topic: 'shipping',
          event_id: 'o-2',
          source: '/shops/7',
          outcome: 'accepted',
          position: 6,
        },
      ],
    },
  },
  {
    name: 'binary',
    summary: 'A CloudEvent, binary: its attributes are headers, its data the body',
    headers: {
      'ce-specversion': '1.0',
      'ce-id': 'n-1',
      'ce-source': '/shops/7',
      'ce-type': 'com.example.note',
      'ce-subject': 'opening%20hours',
    },
    body: { type: 'text/plain', value: 'closed on Sunday' },
    status: 200,
    answer: {
      status: 'committed',
      count: 1,
      accepted: 1,
      duplicates: 0,
      results: [
        {
          topic: 'com.example.note',
          event_id: 'n-1',
          source: '/shops/7',
          outcome: 'accepted',
          position: 7,
        },
      ],
    },
  },
]

const permission: Operation = {
  id: 'askToPublish',
  tag: 'publish',
  summary: 'May web hooks be delivered here?',
  description:
    'The abuse protection of CloudEvents web hooks: who asks for an origin gets it back as allowed, at any rate. Without ' +
    'the header, the answer tells the methods that the path takes, as OPTIONS does for every path.',
  headers: z.object({ 'webhook-request-origin': z.string().optional() }),
  answers: {
    204: {
      description: 'Yes.',
      headers: ['allow', 'webhook-allowed-origin', 'webhook-allowed-rate'],
    },
  },
  problems: [],
  examples: [
    {
      name: 'asked',
      summary: 'Asked for one origin',
      headers: { 'webhook-request-origin': 'events.example.com' },
      status: 204,
    },
  ],
}

export const CLOUD_EVENT_OPERATIONS: Operations = { 'OPTIONS /publish': permission }
