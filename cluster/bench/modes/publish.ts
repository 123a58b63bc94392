// Publishing in a steady state: one client, many, batches, the SDK.

import { type Arena, type Line, measured, type RunResult } from '../arena.ts'
import { ClosedLoop } from '../closed-loop.ts'
import { PublishWork } from '../publish-work.ts'
import { SdkLoad } from '../sdk-load.ts'

export const CONCURRENT_REQUESTS = 64
const BATCH_REQUESTS = 16
const BATCH_EVENTS = 100

/**
 * Warmed up by many clients: one alone sends too little in a few seconds for the nodes to run compiled code, as any node
 * does that has run for a while.
 */
export function single(arena: Arena): Promise<RunResult> {
  const warmUpInFlight = CONCURRENT_REQUESTS
  return publishing(arena, [{ label: 'single', inFlight: 1, events: 1, warmUpInFlight }])
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
  /** The same. */
  readonly warmUpInFlight?: number
  /** The leader. */
  readonly targets?: readonly string[]
}

async function publishing(arena: Arena, loads: readonly Publishing[]): Promise<RunResult> {
  const lines: Line[] = []
  const faults: string[] = []
  for (const { label, inFlight, events, warmUpInFlight, targets } of loads) {
    const loop = (lanes: number): ClosedLoop =>
      new ClosedLoop(new PublishWork(arena.acknowledged, events, lanes), {
        inFlight: lanes,
        targets: targets ?? [arena.cluster.url(arena.leader)],
      })
    const warmUp = warmUpInFlight === undefined ? undefined : loop(warmUpInFlight)
    const run = await measured(arena, label, loop(inFlight), warmUp)
    lines.push(run.line)
    faults.push(...run.faults)
  }
  return { lines, faults }
}
