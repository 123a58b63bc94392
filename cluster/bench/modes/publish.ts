// Publishing in a steady state: one client, many, batches, the SDK.

import { type Arena, measured, type RunResult } from '../arena.ts'
import { ClosedLoop } from '../closed-loop.ts'
import { PublishWork } from '../publish-work.ts'
import { SdkLoad } from '../sdk-load.ts'

export const CONCURRENT_REQUESTS = 64
const BATCH_REQUESTS = 16
const BATCH_EVENTS = 100

export function single(arena: Arena): Promise<RunResult> {
  return publishing(arena, [{ label: 'single', inFlight: 1, events: 1 }])
}

export function concurrent(arena: Arena): Promise<RunResult> {
  const load = { inFlight: CONCURRENT_REQUESTS, events: 1 }
  return publishing(arena, [
    { label: 'concurrent', ...load },
    { label: 'concurrent, all nodes', ...load, targets: arena.cluster.urls },
  ])
}

export function batch(arena: Arena): Promise<RunResult> {
  return publishing(arena, [{ label: 'batch', inFlight: BATCH_REQUESTS, events: BATCH_EVENTS }])
}

export async function sdk(arena: Arena): Promise<RunResult> {
  const load = new SdkLoad(arena.acknowledged, arena.cluster.urls)
  const { line, faults } = await measured(arena, 'sdk', load)
  return { lines: [line], faults }
}

interface Publishing {
  readonly label: string
  readonly inFlight: number
  /** In each request. */
  readonly events: number
  /** The leader. */
  readonly targets?: readonly string[]
}

async function publishing(arena: Arena, loads: readonly Publishing[]): Promise<RunResult> {
  const lines = []
  const faults = []
  for (const { label, inFlight, events, targets } of loads) {
    const work = new PublishWork(arena.acknowledged, events, inFlight)
    const load = new ClosedLoop(work, {
      inFlight,
      targets: targets ?? [arena.cluster.url(arena.leader)],
    })
    const run = await measured(arena, label, load)
    lines.push(run.line)
    faults.push(...run.faults)
  }
  return { lines, faults }
}
