// Reading: pages of events from anywhere in a store of 105,000, and /stats, at the leader.

import { type Arena, measured, type RunResult } from '../arena.ts'
import { ClosedLoop } from '../closed-loop.ts'
import { fill, lastPosition } from '../fill.ts'
import { PagesWork, StatsWork } from '../read-work.ts'

const EVENTS_SENT = 150_000
const PAGE_EVENTS = 100
const IN_FLIGHT = 50

export async function read(arena: Arena): Promise<RunResult> {
  const { cluster, leader, seed } = arena
  await fill(arena, EVENTS_SENT)
  const stored = await lastPosition(cluster, leader)
  const options = { targets: [cluster.url(leader)], inFlight: IN_FLIGHT }
  const pages = new ClosedLoop(new PagesWork(PAGE_EVENTS, stored, seed), options)
  const runs = [
    await measured(arena, 'read: pages of 100', pages),
    await measured(arena, 'read: /stats', new ClosedLoop(new StatsWork(), options)),
  ]
  return { lines: runs.map(({ line }) => line), faults: runs.flatMap(({ faults }) => faults) }
}
