// An event: what may be published, and what is given back. Strict: nothing is coerced, and a field that is not
// known is refused, since what was sent must not vanish in silence.
//
// The node checks events while it reads the bytes of a body (node/edge) and by the same rules; these schemas are
// the rules in a form that the SDK and the API description use.

import { z } from 'zod'
import { INSTANT_LENGTH_MAX, isInstant } from './instant.ts'
import { NAME_CODE_POINTS_MAX } from './limits.ts'
import { nameFault, textFault, topicFault } from './topic.ts'

/** A string under a rule that answers what is wrong; lengths are told to the API description in code points. */
const text = (fault: (value: string) => string | null, lengthMin: number, description: string) =>
  z
    .string()
    .superRefine((value, context) => {
      const message = fault(value)
      if (message !== null) context.addIssue({ code: 'custom', message })
    })
    .meta({ minLength: lengthMin, maxLength: NAME_CODE_POINTS_MAX, description })

export const topicSchema = text(topicFault, 1, "Levels separated by '.' or '/'.")
export const eventIdSchema = text(nameFault, 1, 'With the topic, the identity of the event.')
export const sourceSchema = text(textFault, 0, 'Who sent it.')

export const timestampSchema = z
  .string()
  .refine(isInstant, 'is not an RFC 3339 date-time')
  .meta({ format: 'date-time', maxLength: INSTANT_LENGTH_MAX })

export const payloadSchema = z.record(z.string(), z.unknown()).meta({
  description: 'Any JSON object; it comes back as the very text that was sent.',
})

/** What POST /publish takes for one event. */
export const eventSchema = z
  .strictObject({
    topic: topicSchema,
    event_id: eventIdSchema,
    timestamp: timestampSchema.optional(),
    source: sourceSchema.optional(),
    payload: payloadSchema.optional(),
  })
  .meta({ id: 'Event' })

/** An event as it is stored and read back. */
export const storedEventSchema = z
  .object({
    position: z
      .int()
      .positive()
      .meta({ description: 'Its place in the one order all nodes share.' }),
    topic: z.string(),
    event_id: z.string(),
    timestamp: z.string(),
    source: z.string(),
    received_at: z.string().meta({ description: 'When the first node took it, RFC 3339.' }),
    payload: payloadSchema,
    cloudevent: z.literal(true).optional().meta({
      description:
        'It came as a CloudEvent: `payload` is the whole of it, and (source, event_id) its identity.',
    }),
  })
  .meta({ id: 'StoredEvent' })

export type Event = z.infer<typeof eventSchema>
export type StoredEvent = z.infer<typeof storedEventSchema>
