// Following: what GET /subscribe takes, and how its stream of Server-Sent Events is told apart from other answers. Each `data:`
// is a stored event as GET /events shows it, each `id:` its position.

import { z } from 'zod'

export const STREAM_MEDIA_TYPE = 'text/event-stream'

/**
 * The name (`event:`) of what comes first on a stream that was asked for without a position; its `id:` is the position
 * from which it begins.
 */
export const START_EVENT = 'start'

export const subscribeQuerySchema = z.object({
  topic: z.string().optional().meta({
    description:
      'A topic, or a pattern: * is one level, ** none or more at the end, > one or more. Absent: all.',
  }),
  after: z.int().nonnegative().optional().meta({
    description:
      'A position: the stream begins with what stands behind it; 0: with the first event. Absent: with what is accepted from now on.',
  }),
})

export const subscribeHeadersSchema = z.object({
  'last-event-id': z.int().nonnegative().optional().meta({
    description:
      'As after, and before it: an EventSource sends it by itself when it reconnects, to whichever node.',
  }),
})
