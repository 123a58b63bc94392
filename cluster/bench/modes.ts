// What can be measured, by name. Each mode runs on a fresh cluster and answers what it measured; that nothing was lost is
// judged afterwards by proof.ts, for all of them alike.

import type { Arena, RunResult } from './arena.ts'
import { batch, concurrent, sdk, single } from './modes/publish.ts'
import { read } from './modes/read.ts'

export interface Mode {
  readonly summary: string
  run(arena: Arena): Promise<RunResult>
}

export const MODES = {
  single: { summary: 'one client, one event a request', run: single },
  concurrent: {
    summary: '64 requests in flight, one event each: to the leader, and to all nodes',
    run: concurrent,
  },
  batch: { summary: '16 requests in flight, 100 events each', run: batch },
  sdk: { summary: "the SDK's publisher()", run: sdk },
  read: { summary: 'pages of 100 events, and /stats, 50 requests in flight', run: read },
} as const satisfies Record<string, Mode>

export type ModeName = keyof typeof MODES

export const MODE_NAMES = Object.keys(MODES) as ModeName[]
