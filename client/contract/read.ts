// Reading: pages of events, one event, which ids were seen, topics. A cursor (`next`) is opaque to clients and good on
// every node; a page may be short, or even empty, while `next` is set.

import { z } from 'zod'
import { storedEventSchema } from './event.ts'
import { SEEN_IDS_MAX } from './limits.ts'

export const CONSISTENCIES = ['local', 'linearizable'] as const
export type Consistency = (typeof CONSISTENCIES)[number]

export const ORDERS = ['asc', 'desc'] as const
export type Order = (typeof ORDERS)[number]

export const cursorSchema = z.string().min(1).nullable()

export const eventsPageSchema = z
  .object({ events: z.array(storedEventSchema), next: cursorSchema })
  .meta({ id: 'EventsPage' })

/** A question, not a publish: any string may be asked for, and one that could never be stored was never seen. */
export const seenRequestSchema = z
  .strictObject({
    ids: z
      .array(z.strictObject({ topic: z.string(), event_id: z.string() }))
      .min(1)
      .max(SEEN_IDS_MAX),
  })
  .meta({ id: 'SeenRequest' })

export const seenAnswerSchema = z
  .object({
    results: z.array(
      z.object({
        topic: z.string(),
        event_id: z.string(),
        position: z.int().positive().nullable(),
      }),
    ),
  })
  .meta({ id: 'SeenAnswer' })

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
export type TopicsPage = z.infer<typeof topicsPageSchema>
