// POST /publish: one event, an array, {"events": […]}, or one event a line. The answer comes after commit and apply and
// tells what became of each event, in the order sent.

import { z } from 'zod'
import { eventSchema, topicSchema } from './event.ts'

export const publishQuerySchema = z.object({
  topic: topicSchema.optional().meta({
    description: 'With CloudEvents only: stands for their types as the topic.',
  }),
})

export const publishRequestSchema = z
  .union([
    eventSchema,
    z.array(eventSchema).min(1),
    z.strictObject({ events: z.array(eventSchema).min(1) }),
  ])
  .meta({ id: 'PublishRequest' })

export const publishResultSchema = z
  .object({
    topic: z.string(),
    event_id: z.string(),
    source: z.string().optional().meta({
      description: 'Of CloudEvents, which are known by it and by their id (event_id).',
    }),
    outcome: z.enum(['accepted', 'duplicate']),
    position: z.int().positive().meta({ description: "For a duplicate: the first copy's." }),
    conflict: z
      .literal(true)
      .optional()
      .meta({ description: 'A duplicate whose content differs from what is stored.' }),
  })
  .meta({ id: 'PublishResult' })

export const publishAnswerSchema = z
  .object({
    status: z.literal('committed'),
    count: z.int().nonnegative(),
    accepted: z.int().nonnegative(),
    duplicates: z.int().nonnegative(),
    results: z.array(publishResultSchema),
  })
  .meta({ id: 'PublishAnswer' })

export type PublishRequest = z.infer<typeof publishRequestSchema>
export type PublishResult = z.infer<typeof publishResultSchema>
export type PublishAnswer = z.infer<typeof publishAnswerSchema>
