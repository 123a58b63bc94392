// GET /stats and GET /digest: the replicated counters and the proof that replicas agree. Everything replicated in one
// answer is of one instant, the applied_index beside it.

import { type DigestAnswer, digestQuerySchema, type Stats } from '../../client/contract/state.ts'
import { SekaliError } from '../../client/errors.ts'
import { answerJson } from './answer.ts'
import type { Api, Handler } from './api.ts'
import { namesIn, readQuery } from './query.ts'
import { FRESHNESS, isRebuilding, waitUntilFresh } from './wait.ts'

/** How long GET /digest waits for an index that is not applied yet. */
export const DIGEST_WAIT_MS = 2_000

const DIGEST_PARAMETERS = namesIn(digestQuerySchema)

export function statsRoute(api: Api): Handler {
  return async (call) => {
    const query = readQuery(call.req.url, FRESHNESS)
    // The one thing that is also told of a store that is being built again: how far it is.
    if (!isRebuilding(api)) await waitUntilFresh(api, query)
    return answerJson(api.backend, JSON.stringify(statsOf(api)))
  }
}

export function digestRoute(api: Api): Handler {
  return async (call) => {
    const query = readQuery(call.req.url, DIGEST_PARAMETERS)
    const index = query.decimal('index', 0, Number.MAX_SAFE_INTEGER)
    await waitUntilFresh(api, query)
    const digest = index === undefined ? api.backend.events.digest() : await digestAt(api, index)
    return answerJson(api.backend, JSON.stringify(digest))
  }
}

function statsOf({ backend, door, instruments }: Api): Stats {
  const standing = backend.standing()
  const counts = backend.events.stats()
  const { uptimeSeconds, fsync, forwarded, standing: membership } = backend.process()
  return {
    node_id: standing.nodeId,
    role: standing.role,
    term: standing.term,
    leader_id: standing.leader?.node_id ?? null,
    received: counts.received,
    unique_processed: counts.unique,
    duplicate_dropped: counts.duplicates,
    dedup_rate_percent: percent(counts.duplicates, counts.received),
    conflicts: counts.conflicts,
    topics: [...counts.topics],
    topics_total: counts.topicsTotal,
    uptime_seconds: roundSeconds(uptimeSeconds),
    // Commit may have been read a moment after apply went on; it is never shown behind it.
    commit_index: Math.max(standing.commitIndex, counts.appliedIndex),
    applied_index: counts.appliedIndex,
    last_position: counts.lastPosition,
    digest: counts.digest,
    fsync,
    node: {
      requests: door.requests,
      rejected: door.rejected,
      forwarded,
      pending: door.pending,
      standing: membership,
      event_loop_delay_ms: instruments.eventLoopDelayMs(),
    },
  }
}

/** To the millisecond. */
export function roundSeconds(seconds: number): number {
  return Math.round(seconds * 1_000) / 1_000
}

/** With three decimals; 0 before anything was received. */
function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 100_000) / 1_000
}

async function digestAt({ backend, monotonicMs }: Api, index: number): Promise<DigestAnswer> {
  if (!(await backend.waitForApplied(index, monotonicMs() + DIGEST_WAIT_MS))) {
    throw new SekaliError('behind', `this node has not applied index ${index} yet`)
  }
  const digest = backend.events.digestAt(index)
  if (digest === null) {
    throw new SekaliError('digest_gone', `the digest of index ${index} is no longer kept`)
  }
  return { index, digest }
}
