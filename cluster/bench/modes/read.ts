// Reading: pages of events from anywhere in a store of 100,000, and /stats, at the leader.

import { type Arena, measured, type RunResult } from '../arena.ts'
import { ClosedLoop } from '../closed-loop.ts'
import { fill } from '../fill.ts'
import { PagesWork, StatsWork } from '../read-work.ts'

const EVENTS_SENT = 150_000
const PAGE_EVENTS = 100
const IN_FLIGHT = 50

export async function read(arena: Arena): Promise<RunResult> {
  const { acknowledged, cluster, leader, seed, tell } = arena
  const target = cluster.url(leader)
  await fill(acknowledged, target, EVENTS_SENT, tell)
  const stored = (await cluster.stats()).get(leader)?.last_position ?? 0
  const options = { targets: [target], inFlight: IN_FLIGHT }
  const pages = new ClosedLoop(new PagesWork(PAGE_EVENTS, stored, seed), options)
  const runs = [
    await measured(arena, 'read: pages of 100', pages),
    await measured(arena, 'read: /stats', new ClosedLoop(new StatsWork(), options)),
  ]
  return { lines: runs.map(({ line }) => line), faults: runs.flatMap(({ faults }) => faults) }
}
