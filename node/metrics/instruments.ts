// What is read off the machine at the moment of a scrape, as opposed to what was counted before it (meters.ts). It comes
// from outside, so that a test can say how late an event loop is.

import type { TransportNoteType } from '../../raft/transport/notes.ts'
import type { DiskUsage } from './disk-usage.ts'
import type { EventLoopDelayMs } from './event-loop-delay.ts'

export interface Instruments {
  readonly version: string
  /** Of the last half to whole minute. */
  eventLoopDelayMs(): EventLoopDelayMs
  diskUsage(): Promise<DiskUsage>
  /** What happened on the links to peers since the start, by type. */
  peerNotes(): { readonly [Type in TransportNoteType]?: number }
}
