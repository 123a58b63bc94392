// What can be measured, by name. Each mode runs on a fresh cluster and answers what it measured; that nothing was lost is
// judged afterwards by proof.ts, for all of them alike.

import type { Arena, RunResult } from './arena.ts'
import { catchUp } from './modes/catch-up.ts'
import { failover } from './modes/failover.ts'
import { batch, concurrent, sdk, single } from './modes/publish.ts'
import { read } from './modes/read.ts'
import { restart } from './modes/restart.ts'
import { saturated } from './modes/saturated.ts'
import { size } from './modes/size.ts'
import { subscribers } from './modes/subscribers.ts'

export interface Mode {
  readonly summary: string
  /** Of each measurement, when nothing is said; 5. */
  readonly seconds?: number
  /** Leaders are meant to change. */
  readonly disturbs?: boolean
  run(arena: Arena): Promise<RunResult>
}

const MODES_BY_NAME = {
  single: { summary: 'one client, one event a request', run: single },
  concurrent: {
    summary: '64 requests in flight, one event each: to the leader, and to all nodes',
    run: concurrent,
  },
  batch: { summary: '16 requests in flight, 100 events each', run: batch },
  sdk: { summary: "the SDK's publisher()", run: sdk },
  read: { summary: 'pages of 100 events, and /stats, 50 requests in flight', run: read },
  failover: {
    summary: 'the leader killed, or paused (--signal), 10 times (--kills) under load',
    disturbs: true,
    run: failover,
  },
  restart: { summary: 'a store of 1,000,000 events opened', disturbs: true, run: restart },
  'catch-up': { summary: 'a follower 500,000 events behind', run: catchUp },
  size: { summary: 'memory and disk at 1, 2 and 5 million ids', run: size },
  subscribers: {
    summary: '1,000 readers of /subscribe at one node, 1,000 events a second published',
    run: subscribers,
  },
  saturated: {
    summary: 'all that goes in, for ten minutes: no leader may change',
    seconds: 600,
    run: saturated,
  },
} as const satisfies Record<string, Mode>

export type ModeName = keyof typeof MODES_BY_NAME

export const MODES: Readonly<Record<ModeName, Mode>> = MODES_BY_NAME

export const MODE_NAMES = Object.keys(MODES) as ModeName[]
