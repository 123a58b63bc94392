// What must hold between settings, each with the reason a person needs. Checked at start, because each of these shows
// itself otherwise only on the worst day.

import type { Config } from './config.ts'
import {
  ENTRY_OVERHEAD_BYTES_MAX,
  EVENT_OVERHEAD_BYTES_MAX,
  TARGET_EVENT_BYTES,
  TARGET_EVENTS_PER_SECOND,
} from './limits.ts'

/** One sentence for each relation that is broken, naming both sides. */
export function brokenRelations(config: Config): string[] {
  const { limits } = config
  const broken: string[] = []
  const must = (holds: boolean, sentence: string): void => {
    if (!holds) broken.push(sentence)
  }

  must(
    config.electionTimeoutMs >= 10 * config.heartbeatMs,
    'ELECTION_TIMEOUT_MS must be at least 10 × HEARTBEAT_MS, or a few lost heartbeats depose a leader',
  )
  must(
    config.publishDeadlineMs >= 4 * 2 * config.electionTimeoutMs,
    'PUBLISH_DEADLINE_MS must be at least 8 × ELECTION_TIMEOUT_MS, so that publishes outlive an election',
  )
  must(
    config.readyGraceMs < config.publishDeadlineMs,
    'READY_GRACE_MS must be below PUBLISH_DEADLINE_MS, or a node without a leader looks ready while publishes fail',
  )
  must(
    limits.subscribersMax < limits.connectionsMax,
    'SUBSCRIBERS_MAX must be below CONNECTIONS_MAX, or those who follow keep those who publish out',
  )
  must(
    limits.eventBytesMax <= limits.bodyBytesMax,
    'EVENT_BYTES_MAX must not be above BODY_BYTES_MAX',
  )
  must(
    limits.pendingBytesMax >= limits.bodyBytesMax,
    'PENDING_BYTES_MAX must not be below BODY_BYTES_MAX, or the largest body is never taken',
  )
  must(
    limits.pendingBytesMax >= TARGET_EVENTS_PER_SECOND * TARGET_EVENT_BYTES,
    `PENDING_BYTES_MAX must hold a second at the target rate: ${TARGET_EVENTS_PER_SECOND * TARGET_EVENT_BYTES} bytes`,
  )
  must(
    entryBytesMax(limits) < limits.frameBytesMax,
    `FRAME_BYTES_MAX must be above the largest entry that BODY_BYTES_MAX and BATCH_EVENTS_MAX allow: ${entryBytesMax(limits)} bytes`,
  )
  must(
    limits.entryBytesTarget <= entryBytesMax(limits),
    `ENTRY_BYTES_TARGET must not be above the largest entry that BODY_BYTES_MAX and BATCH_EVENTS_MAX allow: ${entryBytesMax(limits)} bytes`,
  )
  must(
    config.segmentBytes >= limits.frameBytesMax,
    'SEGMENT_BYTES must not be below FRAME_BYTES_MAX: an entry is never split over two files',
  )
  must(
    config.port !== config.self.port,
    'PORT is the port that PEERS gives this node; clients and peers need two',
  )
  return broken
}

/** Bytes of the largest entry: one request is never split over two. */
export function entryBytesMax(limits: Config['limits']): number {
  return (
    limits.bodyBytesMax +
    limits.batchEventsMax * EVENT_OVERHEAD_BYTES_MAX +
    ENTRY_OVERHEAD_BYTES_MAX
  )
}
