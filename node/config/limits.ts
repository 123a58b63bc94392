// Every limit that the environment may set, by name, with its default and the bounds it must stay in. Hard caps keep a
// typing error from taking the machine's memory; relations between limits stand in relations.ts.

import { REQUEST_LIMITS } from '../../client/contract/limits.ts'

const KIB = 1024
const MIB = 1024 * KIB

interface Limit {
  readonly default: number
  readonly min: number
  readonly max: number
  readonly about: string
}

const limit = (about: string, value: number, min: number, max: number): Limit => ({
  default: value,
  min,
  max,
  about,
})

export const LIMITS = {
  BODY_BYTES_MAX: limit('bytes of a request body', REQUEST_LIMITS.bodyBytesMax, KIB, 32 * MIB),
  BATCH_EVENTS_MAX: limit('events of one request', REQUEST_LIMITS.batchEventsMax, 1, 100_000),
  EVENT_BYTES_MAX: limit('bytes of one event', REQUEST_LIMITS.eventBytesMax, 256, 32 * MIB),
  PENDING_REQUESTS_MAX: limit('publishes waiting for their outcome', 4_096, 1, 1_000_000),
  PENDING_BYTES_MAX: limit('bytes of their bodies', 64 * MIB, MIB, 4_096 * MIB),
  CONNECTIONS_MAX: limit('client connections', 4_096, 8, 1_000_000),
  SUBSCRIBERS_MAX: limit('streams and long polls at once', 2_000, 1, 1_000_000),
  ENTRY_BYTES_TARGET: limit('publishes are joined into an entry of', 256 * KIB, KIB, 16 * MIB),
  FRAME_BYTES_MAX: limit('bytes of one message between peers', 16 * MIB, 256 * KIB, 32 * MIB),
  SEGMENT_BYTES: limit('bytes of one file of the log', 16 * MIB, MIB, 1_024 * MIB),
  LOG_KEEP_BYTES: limit('log kept for followers that lag', 64 * MIB, 0, 65_536 * MIB),
  CHECKPOINT_BYTES: limit('log between two checkpoints', 32 * MIB, MIB, 4_096 * MIB),
  READY_LAG_ENTRIES_MAX: limit('committed entries not yet applied, to be ready', 1_000, 1, 1e9),
  HEARTBEAT_MS: limit('a leader shows itself every', 50, 1, 60_000),
  ELECTION_TIMEOUT_MS: limit('shortest election timeout; the longest is double', 500, 10, 600_000),
  READY_GRACE_MS: limit('without a leader and still ready', 5_000, 0, 600_000),
  PUBLISH_DEADLINE_MS: limit('a publish waits for its outcome', 10_000, 1, 600_000),
} as const satisfies Record<string, Limit>

export type LimitName = keyof typeof LIMITS

/**
 * What the encoding of an entry may add to the bytes sent: for each event (defaults written out, fingerprint, lengths)
 * and for the entry itself. A test encodes the worst batches and compares.
 */
export const EVENT_OVERHEAD_BYTES_MAX = 64
export const ENTRY_OVERHEAD_BYTES_MAX = 4_096

/** The load one node is built for: a second of it may wait without a refusal. */
export const TARGET_EVENTS_PER_SECOND = 60_000
export const TARGET_EVENT_BYTES = 342
