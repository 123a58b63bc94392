// CloudEvents 1.0 in the JSON event format, as /publish takes them. Their identity is (source, id); both are names as those
// of our own events are, so that they can be keys.

import { z } from 'zod'
import { timestampSchema } from './event.ts'
import { NAME_CODE_POINTS_MAX } from './limits.ts'
import { nameFault } from './topic.ts'

export const CLOUD_EVENT_MEDIA_TYPE = 'application/cloudevents+json'
export const CLOUD_EVENTS_MEDIA_TYPE = 'application/cloudevents-batch+json'

const name = (description: string) =>
  z
    .string()
    .superRefine((value, context) => {
      const message = nameFault(value)
      if (message !== null) context.addIssue({ code: 'custom', message })
    })
    .meta({ minLength: 1, maxLength: NAME_CODE_POINTS_MAX, description })

const notEmpty = z.string().min(1)

/** Extensions are strings, booleans or integers; null is the same as absent. */
const extensionSchema = z.union([z.string(), z.boolean(), z.int(), z.null()])

export const cloudEventSchema = z
  .object({
    specversion: z.literal('1.0'),
    id: name('With the source, the identity of the event.'),
    source: name('A URI reference.'),
    type: name('The topic of the event, unless the request names another.'),
    time: timestampSchema.nullish(),
    datacontenttype: notEmpty.nullish(),
    dataschema: notEmpty.nullish(),
    subject: notEmpty.nullish(),
    data: z.unknown().optional().meta({ description: 'Any JSON value.' }),
    data_base64: z.base64().nullish().meta({ description: 'Other data; never beside `data`.' }),
  })
  .catchall(extensionSchema)
  .meta({ id: 'CloudEvent', description: 'CloudEvents 1.0, JSON event format.' })

/** May be empty: a success of no events. */
export const cloudEventsSchema = z.array(cloudEventSchema).meta({ id: 'CloudEvents' })

export type CloudEvent = z.infer<typeof cloudEventSchema>

/** Binary mode: attributes, extensions too, as `ce-` headers; the body is the data, its type Content-Type. */
export const cloudEventHeadersSchema = z.object({
  'ce-specversion': z.literal('1.0').optional().meta({
    description: 'With the next three: the body is the data of a CloudEvent. Extensions likewise.',
  }),
  'ce-id': z.string().optional(),
  'ce-source': z.string().optional(),
  'ce-type': z.string().optional(),
  'ce-time': timestampSchema.optional(),
  'ce-subject': z.string().optional().meta({ description: 'Percent-encoded, as they all are.' }),
  'ce-dataschema': z.string().optional(),
})
