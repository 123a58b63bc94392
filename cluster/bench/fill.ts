// Events brought into a cluster before, or beside, what is measured: as fast as it goes, so many and no more.

import { CommandError } from '../args.ts'
import type { ClusterProcesses } from '../processes.ts'
import type { Arena } from './arena.ts'
import { ClosedLoop } from './closed-loop.ts'
import { PublishWork } from './publish-work.ts'

const EVENTS_PER_REQUEST = 500
const IN_FLIGHT = 8
const FILL_MS_MAX = 3_600_000

type Target = Pick<Arena, 'acknowledged' | 'cluster' | 'leader' | 'tell'>

/** Until that position is reached, or a little beyond; answers the bytes of the events sent for it. */
export async function fillUpTo(arena: Target, position: number): Promise<number> {
  const { acknowledged, cluster, leader } = arena
  const { distinctPerLap, lapEvents } = acknowledged.workload
  let bytes = 0
  for (;;) {
    const lacking = position - (await lastPosition(cluster, leader))
    if (lacking <= 0) return bytes
    bytes += await fill(arena, Math.ceil((lacking * lapEvents) / distinctPerLap))
  }
}

/**
 * Sends until `events` are acknowledged, re-sent ones among them; a few more may be. Answers their bytes. Rejects if a
 * request fails.
 */
export async function fill(arena: Target, events: number): Promise<number> {
  const { acknowledged, cluster, leader, tell } = arena
  const work = new PublishWork(acknowledged, EVENTS_PER_REQUEST, IN_FLIGHT)
  let done = 0
  const loop = new ClosedLoop(work, {
    inFlight: IN_FLIGHT,
    targets: [cluster.url(leader)],
    onSettled: (operations) => {
      done += operations
      if (done + (IN_FLIGHT - 1) * EVENTS_PER_REQUEST >= events) loop.end()
    },
  })
  const progress = setInterval(() => tell(`filling: ${done} of ${events} events`), 1_000)
  try {
    const { failed, firstFailure } = await loop.run(FILL_MS_MAX)
    if (failed > 0) throw new CommandError(`filling the store failed: ${firstFailure}`)
    return work.bytesSent
  } finally {
    clearInterval(progress)
    await loop.close()
  }
}

export async function lastPosition(cluster: ClusterProcesses, id: string): Promise<number> {
  const stats = (await cluster.stats()).get(id)
  if (stats == null) throw new CommandError(`${id} does not answer`)
  return stats.last_position
}
