// How an event is written for those who follow: one entry of a Server-Sent Events stream, under its position.
//
// Whatever is in the event is one line of `data:`. The store keeps JSON text without raw line breaks (they are made spaces
// at the edge), so nothing has to be split here; another rendering has to keep that too.

import type { EventWalk } from '../command/format.ts'
import { cloudEventJson } from '../store/cloud-event-json.ts'
import { eventJson } from '../store/event-json.ts'
import type { RenderEvent } from '../store/types.ts'

export interface EventFormat {
  /** Followers of one format and topic share what is rendered. */
  readonly name: string
  readonly render: RenderEvent
}

const DATA = '\ndata: '
const END = Buffer.from('\n\n')

/** `name`: of the rendering; two formats of one name must be the same. */
export function streamFormat(name: string, render: RenderEvent): EventFormat {
  return {
    name: `stream of ${name}`,
    render: (walk: EventWalk, position: number) =>
      Buffer.concat([Buffer.from(`id: ${position}${DATA}`), render(walk, position), END]),
  }
}

/** Events as GET /events shows them. */
export const EVENT_STREAM = streamFormat('events', eventJson)

/** The same as CloudEvents. */
export const CLOUD_EVENT_STREAM = streamFormat('cloudevents', cloudEventJson)

const NOTHING = new Uint8Array(0)

/** For who wants to know only that there is something. */
export const NOTICE: EventFormat = { name: 'notice', render: () => NOTHING }
