// How the routes are described by which a node tells of itself and of the cluster.

import { z } from 'zod'
import { overviewSchema } from '../../../../client/contract/overview.ts'
import { freshnessQuerySchema } from '../../../../client/contract/read.ts'
import {
  clusterSchema,
  digestAnswerSchema,
  digestQuerySchema,
  healthSchema,
  livenessSchema,
  readinessQuerySchema,
  statsSchema,
} from '../../../../client/contract/state.ts'
import type { Operation, Operations } from '../operation.ts'

const JSON_TYPE = 'application/json'

const DIGEST = '1d0b2fe6289a3e5bffe18d60daff0558'

const health = {
  status: 'healthy',
  reasons: [],
  node_id: 'n1',
  role: 'leader',
  term: 1,
  leader_id: 'n1',
  commit_index: 7,
  applied_index: 7,
  last_position: 7,
  uptime_seconds: 0,
}

const stats: Operation = {
  id: 'getStats',
  tag: 'operate',
  summary: 'Counters, topics and digest',
  description:
    'What stands outside `node` is replicated: equal on all nodes at equal applied_index, and of one instant. ' +
    'received = unique_processed + duplicate_dropped, always.',
  query: freshnessQuerySchema,
  answers: { 200: { description: 'The counters.', content: { [JSON_TYPE]: statsSchema } } },
  problems: ['no_leader', 'behind'],
  examples: [
    {
      name: 'stats',
      summary: 'After ten publishes of seven events',
      status: 200,
      answer: {
        node_id: 'n1',
        role: 'leader',
        term: 1,
        leader_id: 'n1',
        received: 10,
        unique_processed: 7,
        duplicate_dropped: 3,
        dedup_rate_percent: 30,
        conflicts: 2,
        topics: [
          ...['com.example.note', 'com.example.order.placed', 'logs/app', 'orders', 'orders.paid'],
          'shipping',
        ],
        topics_total: 6,
        uptime_seconds: 0,
        commit_index: 7,
        applied_index: 7,
        last_position: 7,
        digest: DIGEST,
        fsync: true,
        node: {
          requests: 10,
          rejected: 3,
          forwarded: 0,
          pending: 0,
          standing: 'member',
          event_loop_delay_ms: { p50: 0.25, p99: 4, max: 31.5 },
        },
      },
    },
  ],
}

const digest: Operation = {
  id: 'getDigest',
  tag: 'operate',
  summary: 'The proof that replicas hold the same',
  description:
    'A sum over everything stored. Two nodes with the same digest at the same index hold the same events. Waits briefly ' +
    'for an index that is not applied yet.',
  query: digestQuerySchema,
  answers: { 200: { description: 'The digest.', content: { [JSON_TYPE]: digestAnswerSchema } } },
  problems: ['digest_gone', 'no_leader', 'behind', 'rebuilding'],
  examples: [
    {
      name: 'at',
      summary: 'At one applied index',
      query: { index: 7 },
      status: 200,
      answer: { index: 7, digest: DIGEST },
    },
  ],
}

const cluster: Operation = {
  id: 'getCluster',
  tag: 'operate',
  summary: 'Members, who leads, and how far each has come',
  answers: {
    200: { description: 'As this node knows it.', content: { [JSON_TYPE]: clusterSchema } },
  },
  problems: [],
  examples: [
    {
      name: 'cluster',
      summary: 'A cluster of one, seen by itself',
      status: 200,
      answer: {
        node_id: 'n1',
        role: 'leader',
        term: 1,
        leader: { node_id: 'n1', url: 'http://n1.test:8001' },
        standing: 'member',
        commit_index: 7,
        applied_index: 7,
        members: [
          {
            node_id: 'n1',
            url: null,
            peer_url: 'http://n1.test:9001',
            self: true,
            leader: true,
            state: 'replicate',
            match_index: 7,
            lag: 0,
            counts: true,
            recently_active: true,
          },
        ],
      },
    },
  ],
}

const overview: Operation = {
  id: 'getOverview',
  tag: 'operate',
  summary: 'The whole cluster as this node knows it, with the age of what it knows',
  description: 'Never waits. What is not `fresh` is what was last heard, and may be wrong by now.',
  answers: {
    200: { description: 'For people who look.', content: { [JSON_TYPE]: overviewSchema } },
  },
  problems: [],
  examples: [{ name: 'overview', summary: 'A cluster of one, seen by itself', status: 200 }],
}

const healthCheck: Operation = {
  id: 'getHealth',
  tag: 'operate',
  summary: 'Health, for people and for machines',
  answers: {
    200: { description: 'Healthy.', content: { [JSON_TYPE]: healthSchema } },
    503: {
      description: 'Unhealthy; `reasons` says why.',
      content: { [JSON_TYPE]: healthSchema },
      headers: ['retry-after'],
    },
  },
  problems: [],
  examples: [{ name: 'healthy', summary: 'Healthy', status: 200, answer: health }],
}

const livez: Operation = {
  id: 'getLiveness',
  tag: 'operate',
  summary: 'The process answers',
  answers: { 200: { description: 'It does.', content: { [JSON_TYPE]: livenessSchema } } },
  problems: [],
  examples: [{ name: 'alive', summary: 'Alive', status: 200, answer: { status: 'alive' } }],
}

const readyz: Operation = {
  id: 'getReadiness',
  tag: 'operate',
  summary: 'Requests sent here are served',
  description:
    'An election alone does not change that: it takes longer than the grace time without a leader.',
  query: readinessQuerySchema,
  answers: { 200: { description: 'Ready.', content: { [JSON_TYPE]: healthSchema } } },
  problems: ['no_leader', 'not_leader', 'rebuilding', 'behind', 'stopping'],
  examples: [
    {
      name: 'ready',
      summary: 'Ready, and leading',
      query: { leader: '1' },
      status: 200,
      answer: health,
    },
  ],
}

const metrics: Operation = {
  id: 'getMetrics',
  tag: 'operate',
  summary: 'Everything that is counted and timed, for Prometheus',
  description:
    'OpenMetrics for who asks for it by `Accept`, else Prometheus text 0.0.4, whatever is asked for. No label holds what a ' +
    'client has sent.',
  answers: {
    200: {
      description: 'One sample a line.',
      content: { 'text/plain': z.string(), 'application/openmetrics-text': z.string() },
    },
  },
  problems: [],
  examples: [{ name: 'metrics', summary: 'Prometheus text', status: 200 }],
}

export const OPERATE_OPERATIONS: Operations = {
  'GET /stats': stats,
  'GET /digest': digest,
  'GET /cluster': cluster,
  'GET /overview': overview,
  'GET /metrics': metrics,
  'GET /health': healthCheck,
  'GET /livez': livez,
  'GET /readyz': readyz,
}
