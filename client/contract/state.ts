// What a node says of itself and of the cluster: statistics, digest, members, health.
//
// Replicated facts (counters, topics, last_position, digest) are equal on all nodes at equal applied_index; what a
// node counts for itself stands under `node`.

import { z } from 'zod'
import { freshnessQuerySchema } from './read.ts'

const count = z.int().nonnegative()

export const ROLES = ['leader', 'follower', 'candidate', 'preCandidate'] as const
export const roleSchema = z.enum(ROLES)
export type Role = z.infer<typeof roleSchema>

export const standingSchema = z.enum(['member', 'forming', 'suspect']).meta({
  description: 'suspect: this node lost its disk and does not count until it has caught up.',
})

/** 128 bits in hexadecimal: the sum over everything stored. */
export const digestSchema = z.string().regex(/^[0-9a-f]{32}$/)

export const statsSchema = z
  .object({
    node_id: z.string(),
    role: roleSchema,
    term: count,
    leader_id: z.string().nullable(),
    received: count,
    unique_processed: count,
    duplicate_dropped: count,
    dedup_rate_percent: z.number().min(0).max(100),
    conflicts: count,
    topics: z.array(z.string()).meta({ description: 'The first by name; all are counted.' }),
    topics_total: count,
    uptime_seconds: z.number().nonnegative(),
    commit_index: count,
    applied_index: count,
    last_position: count,
    digest: digestSchema,
    fsync: z.boolean().meta({ description: 'False: acknowledged events are not durable.' }),
    node: z
      .object({
        requests: count.meta({ description: 'Publishes taken in since the start.' }),
        rejected: count.meta({ description: 'Publishes refused or failed since the start.' }),
        forwarded: count.meta({ description: 'Proposals handed to the leader.' }),
        pending: count.meta({ description: 'Publishes that wait for their outcome now.' }),
        standing: standingSchema,
        event_loop_delay_ms: z
          .object({
            p50: z.number().nonnegative(),
            p99: z.number().nonnegative(),
            max: z.number().nonnegative(),
          })
          .optional()
          .meta({
            description:
              'How late timers were over the last minute; a node of an older version does not say.',
          }),
      })
      .meta({ description: "This node's own counts; not replicated." }),
  })
  .meta({ id: 'Stats' })

export const digestQuerySchema = z.object({
  index: count.optional().meta({
    description: 'At exactly that applied index, of the recent ones; absent: the present one.',
  }),
  ...freshnessQuerySchema.shape,
})

export const digestAnswerSchema = z
  .object({ index: count, digest: digestSchema })
  .meta({ id: 'Digest' })

export const memberSchema = z
  .object({
    node_id: z.string(),
    /** Client URL; null until the node has told it. */
    url: z.string().nullable(),
    peer_url: z.string(),
    self: z.boolean(),
    leader: z.boolean(),
    state: z.enum(['probe', 'replicate', 'snapshot', 'unknown']).meta({
      description: 'How the leader replicates to it; unknown where this node cannot see.',
    }),
    match_index: count
      .nullable()
      .meta({ description: 'The last entry it is known to hold durably.' }),
    lag: count.nullable().meta({ description: 'Entries it is behind what is committed.' }),
    counts: z.boolean().meta({ description: 'It votes and counts towards a majority.' }),
    recently_active: z.boolean(),
  })
  .meta({ id: 'Member' })

export const clusterSchema = z
  .object({
    node_id: z.string(),
    role: roleSchema,
    term: count,
    leader: z.object({ node_id: z.string(), url: z.string().nullable() }).nullable(),
    standing: standingSchema,
    commit_index: count,
    applied_index: count,
    members: z.array(memberSchema),
  })
  .meta({ id: 'Cluster' })

export const readinessQuerySchema = z.object({
  leader: z.enum(['1', 'true', '0', 'false']).optional().meta({
    description: 'Ready only if this node leads, for load balancers that want writes there.',
  }),
  verbose: z.string().optional().meta({ description: 'Taken and ignored: the answer tells all.' }),
})

/** Why a node asks not to be sent requests; none: it is ready. */
export const UNREADY_REASONS = ['no_leader', 'rebuilding', 'behind', 'stopping'] as const

export const healthSchema = z
  .object({
    status: z.enum(['healthy', 'unhealthy']),
    reasons: z.array(z.enum(UNREADY_REASONS)),
    node_id: z.string(),
    role: roleSchema,
    term: count,
    leader_id: z.string().nullable(),
    commit_index: count,
    applied_index: count,
    last_position: count,
    uptime_seconds: z.number().nonnegative(),
  })
  .meta({ id: 'Health' })

export const livenessSchema = z.object({ status: z.literal('alive') }).meta({ id: 'Liveness' })

export type Stats = z.infer<typeof statsSchema>
export type DigestAnswer = z.infer<typeof digestAnswerSchema>
export type Member = z.infer<typeof memberSchema>
export type Cluster = z.infer<typeof clusterSchema>
export type UnreadyReason = (typeof UNREADY_REASONS)[number]
export type Health = z.infer<typeof healthSchema>
