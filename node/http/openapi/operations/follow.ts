// How following is described.

import { z } from 'zod'
import {
  STREAM_MEDIA_TYPE,
  subscribeHeadersSchema,
  subscribeQuerySchema,
} from '../../../../client/contract/subscribe.ts'
import type { Operation, Operations } from '../operation.ts'

const subscribe: Operation = {
  id: 'subscribe',
  tag: 'read',
  summary: 'Events as they are accepted, as Server-Sent Events',
  description:
    'Each `data:` is one event as GET /events shows it, on one line; its `id:` is its position, the same on every node: who ' +
    'loses this node goes on at another, without a gap or a repeat. Once begun, the stream is ended by nothing but the ' +
    "node's stopping: without a leader, or on a node that is behind, it is silent, with a comment every 15 s. Asked for " +
    'without a position it begins with an event called `start`, whose `id:` is where it begins. Each event is a ' +
    'CloudEvent where Accept names application/cloudevents+json, too.',
  query: subscribeQuerySchema,
  headers: subscribeHeadersSchema,
  answers: {
    200: {
      description: 'A stream that does not end.',
      content: { [STREAM_MEDIA_TYPE]: z.string() },
    },
  },
  problems: ['overloaded'],
  examples: [
    {
      name: 'bad_parameter',
      summary: 'A pattern that cannot be',
      query: { topic: '**.paid', after: 0 },
      status: 400,
      answer: {
        type: '/problems/bad-parameter',
        title: 'A query parameter or header is not understood',
        status: 400,
        detail: 'topic has ** or > before its last level',
        instance: '/subscribe',
        code: 'bad_parameter',
        retryable: false,
        field: 'topic',
      },
    },
  ],
}

export const FOLLOW_OPERATIONS: Operations = { 'GET /subscribe': subscribe }
