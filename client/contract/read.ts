// Reading: pages of events, one event, which ids were seen, topics. A cursor (`next`) is opaque to clients and good on
// every node; a page may be short, or even empty, while `next` is set.

import { z } from 'zod'
import { storedEventSchema, timestampSchema } from './event.ts'
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, SEEN_IDS_MAX, WAIT_MS_MAX } from './limits.ts'

export const CONSISTENCIES = ['local', 'linearizable'] as const
export type Consistency = (typeof CONSISTENCIES)[number]

export const ORDERS = ['asc', 'desc'] as const
export type Order = (typeof ORDERS)[number]

/** How fresh an answer must be; every read of data takes these parameters. */
export const freshnessQuerySchema = z.object({
  consistency: z.enum(CONSISTENCIES).default('local').meta({
    description: 'linearizable: this node first makes sure that it has all that was acknowledged.',
  }),
  min_position: z.int().nonnegative().optional().meta({
    description: 'Wait until this node has applied that position (its own write, made elsewhere).',
  }),
})

const limitSchema = z.int().min(1).max(PAGE_LIMIT_MAX).default(PAGE_LIMIT_DEFAULT)

export const eventsQuerySchema = z.object({
  topic: z.string().optional().meta({
    description:
      'A topic, or a pattern: * is one level, ** none or more at the end, > one or more.',
  }),
  event_id: z.string().optional().meta({
    description:
      'Beside an exact topic: that event. Beside a source and no topic: the CloudEvent known by these two.',
  }),
  after: z.int().nonnegative().optional().meta({
    description: 'A position, or `next` of the page before; with order=desc it means below.',
  }),
  limit: limitSchema,
  order: z.enum(ORDERS).default('asc'),
  wait: z.int().nonnegative().max(WAIT_MS_MAX).optional().meta({
    description:
      'Milliseconds to wait for the first event where the page would be empty; `next` is then always set. Only with order=asc.',
  }),
  source: z.string().optional(),
  since: timestampSchema
    .optional()
    .meta({ description: 'Of the timestamps: this instant or later.' }),
  until: timestampSchema
    .optional()
    .meta({ description: 'Of the timestamps: before this instant.' }),
  ...freshnessQuerySchema.shape,
})

export const topicsQuerySchema = z.object({
  after: z.string().optional().meta({ description: 'A topic, or `next` of the page before.' }),
  limit: limitSchema,
  ...freshnessQuerySchema.shape,
})

export const cursorSchema = z.string().min(1).nullable()

export const eventsPageSchema = z
  .object({ events: z.array(storedEventSchema), next: cursorSchema })
  .meta({ id: 'EventsPage' })

const eventIdentitySchema = z.strictObject({ topic: z.string(), event_id: z.string() })
const cloudEventIdentitySchema = z.strictObject({ source: z.string(), id: z.string() })

/** A question, not a publish: any string may be asked for, and one that could never be stored was never seen. */
export const seenRequestSchema = z
  .strictObject({
    ids: z
      .array(z.union([eventIdentitySchema, cloudEventIdentitySchema]))
      .min(1)
      .max(SEEN_IDS_MAX),
  })
  .meta({ id: 'SeenRequest' })

const position = { position: z.int().positive().nullable() }
const seenEventSchema = z.object({ topic: z.string(), event_id: z.string(), ...position })
const seenCloudEventSchema = z.object({ source: z.string(), id: z.string(), ...position })

export const seenAnswerSchema = z
  .object({ results: z.array(z.union([seenEventSchema, seenCloudEventSchema])) })
  .meta({ id: 'SeenAnswer' })

/** The answer to who asked for no CloudEvent. */
export const seenEventsAnswerSchema = z.object({ results: z.array(seenEventSchema) })

export const topicsPageSchema = z
  .object({
    topics: z.array(
      z.object({
        topic: z.string(),
        events: z.int().positive(),
        last_position: z.int().positive(),
      }),
    ),
    next: cursorSchema,
  })
  .meta({ id: 'TopicsPage' })

export type EventsPage = z.infer<typeof eventsPageSchema>
export type SeenRequest = z.infer<typeof seenRequestSchema>
export type SeenAnswer = z.infer<typeof seenAnswerSchema>
export type SeenEventsAnswer = z.infer<typeof seenEventsAnswerSchema>
export type TopicsPage = z.infer<typeof topicsPageSchema>
