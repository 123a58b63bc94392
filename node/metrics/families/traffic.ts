// What clients ask of this node, and what waits or was refused.

import { UNREADY_REASONS } from '../../../client/contract/state.ts'
import type { Api } from '../../http/api.ts'
import { type Family, flag } from '../family.ts'

export function ofPublishes({ backend, door }: Api): Family[] {
  return [
    {
      name: 'sekali_publish_requests_total',
      help: 'Publishes that came to this node.',
      type: 'counter',
      read: () => door.requests,
    },
    {
      name: 'sekali_publish_rejected_total',
      help: 'Publishes that this node refused, or could not bring to an outcome.',
      type: 'counter',
      read: () => door.rejected,
    },
    {
      name: 'sekali_publish_forwarded_total',
      help: 'Proposals that this node handed to the leader.',
      type: 'counter',
      read: () => backend.process().forwarded,
    },
    {
      name: 'sekali_publish_pending_requests',
      help: 'Publishes whose outcome is awaited now.',
      type: 'gauge',
      read: () => door.pending,
    },
    {
      name: 'sekali_publish_pending_requests_limit',
      help: 'PENDING_REQUESTS_MAX: at so many, publishes are refused with 429.',
      type: 'gauge',
      read: () => door.limits.pendingRequestsMax,
    },
    {
      name: 'sekali_publish_pending_bytes',
      help: 'Bytes of the bodies of pending publishes, also of those that still arrive.',
      type: 'gauge',
      read: () => door.pendingBytes,
    },
    {
      name: 'sekali_publish_pending_bytes_limit',
      help: 'PENDING_BYTES_MAX: at so many, publishes are refused with 429.',
      type: 'gauge',
      read: () => door.limits.pendingBytesMax,
    },
  ]
}

export function ofSubscribers({ followers }: Api): Family[] {
  return [
    {
      name: 'sekali_subscribers',
      help: 'Streams of GET /subscribe that are open.',
      type: 'gauge',
      read: () => followers.count,
    },
    {
      name: 'sekali_subscribers_behind',
      help: 'Of these, those that have not been given all that arrived: they read on from the store.',
      type: 'gauge',
      read: () => followers.count - followers.countAtTail,
    },
  ]
}

export function ofRequests({ backend, meters }: Api): Family[] {
  return [
    {
      name: 'sekali_http_request_duration_seconds',
      help: 'From the head of a request to its answer, by route and class of status.',
      type: 'histogram',
      labels: ['route', 'method', 'status'],
      read: () =>
        meters.requests.durations().map(({ route, method, status, seconds }) => ({
          labels: { route, method, status },
          buckets: seconds,
        })),
    },
    {
      name: 'sekali_http_problems_total',
      help: 'Requests answered with a problem, by its code.',
      type: 'counter',
      labels: ['code'],
      read: () => [...meters.problems].map(([code, value]) => ({ labels: { code }, value })),
    },
    {
      name: 'sekali_unready',
      help: '1 for each reason why this node asks not to be sent requests.',
      type: 'gauge',
      labels: ['reason'],
      read: () => {
        const reasons = backend.unready()
        return UNREADY_REASONS.map((reason) => ({
          labels: { reason },
          value: flag(reasons.includes(reason)),
        }))
      },
    },
  ]
}
