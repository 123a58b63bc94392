// GET /overview: the whole cluster as one node knows it, for people who look. Nothing in it decides anything, and nothing
// pretends to be newer than it is: what others said of themselves stands beside how long ago they said it.
//
// Times are ages in milliseconds on the answering node's monotonic clock: no wall clock has to agree with another.

import { z } from 'zod'
import { digestSchema, roleSchema, standingSchema } from './state.ts'

const count = z.int().nonnegative()
const ageMs = z.number().nonnegative()

export const nodeReportSchema = z
  .object({
    role: roleSchema,
    term: count,
    leader_id: z.string().nullable(),
    standing: standingSchema,
    rebuilding: z.boolean().meta({ description: 'Its store is being filled by a peer.' }),
    commit_index: count,
    applied_index: count,
    last_position: count,
    received: count,
    unique_processed: count,
    duplicate_dropped: count,
    conflicts: count,
    digest: digestSchema.meta({ description: 'At applied_index.' }),
    uptime_seconds: z.number().nonnegative(),
    fsync: z.boolean(),
  })
  .meta({ id: 'NodeReport', description: 'What a node says of itself, as of one instant.' })

export const overviewNodeSchema = z
  .object({
    node_id: z.string(),
    url: z.string().nullable().meta({ description: 'Client URL; null until it has told it.' }),
    self: z.boolean(),
    report: nodeReportSchema.nullable().meta({
      description: 'The latest; null: none since the answering node was started.',
    }),
    age_ms: ageMs.nullable().meta({ description: 'How long ago the report came; 0 for itself.' }),
    linked: z.boolean().meta({
      description: 'Its link to the answering node is up; true for itself.',
    }),
    fresh: z.boolean().meta({
      description:
        'Linked, and the report is of now. Otherwise it is what was last known, and may be wrong.',
    }),
    lag: count.nullable().meta({
      description:
        'Entries it is behind what is committed, as its leader knows it; null: nobody knows.',
    }),
    counts: z.boolean().meta({ description: 'It votes and counts towards a majority.' }),
    digest_check: z
      .object({
        verdict: z.enum(['equal', 'differs']),
        index: count.meta({ description: 'Both digests are of exactly this applied index.' }),
        age_ms: ageMs.meta({ description: 'How long ago it reported that digest.' }),
      })
      .nullable()
      .meta({ description: "Its digest against the answering node's; null: not compared yet." }),
    reports_ignored: count.meta({ description: 'Reports of it that could not be understood.' }),
  })
  .meta({ id: 'OverviewNode' })

export const leadershipSchema = z
  .object({
    term: count,
    leader_id: z.string().nullable(),
    role: roleSchema.meta({ description: "The answering node's own." }),
    age_ms: ageMs.meta({ description: 'Since when; until the next one.' }),
  })
  .meta({ id: 'Leadership' })

const perSecond = z.array(z.number().nonnegative().nullable())

export const ratesSchema = z
  .object({
    interval_ms: z.int().positive(),
    age_ms: ageMs.meta({ description: 'Since the last interval ended.' }),
    accepted: perSecond,
    duplicates: perSecond,
  })
  .meta({
    id: 'Rates',
    description: 'Events a second that were applied here, oldest first; null: it did not run.',
  })

export const overviewSchema = z
  .object({
    node_id: z.string(),
    term: count,
    leader_id: z.string().nullable(),
    topics_total: count,
    nodes: z.array(overviewNodeSchema),
    leadership: z.array(leadershipSchema).meta({
      description: 'Terms and leaders as the answering node saw them, oldest first.',
    }),
    rates: ratesSchema,
  })
  .meta({ id: 'Overview' })

export type NodeReport = z.infer<typeof nodeReportSchema>
export type OverviewNode = z.infer<typeof overviewNodeSchema>
export type Leadership = z.infer<typeof leadershipSchema>
export type Rates = z.infer<typeof ratesSchema>
export type Overview = z.infer<typeof overviewSchema>
