// Opening a store of a million events: one node after a clean stop and after kill -9, and all of them at once.
//
// Serving is: /readyz says 200. For all at once, that a publish is acknowledged.

import { setTimeout as sleep } from 'node:timers/promises'
import { NodeClient } from '../../http.ts'
import type { Arena, RunResult, Value } from '../arena.ts'
import { ClosedLoop } from '../closed-loop.ts'
import { fillUpTo } from '../fill.ts'
import { PublishWork } from '../publish-work.ts'

const STORED = 1_000_000
const POLL_MS = 5
const SERVING_MS_MAX = 120_000

export async function restart(arena: Arena): Promise<RunResult> {
  const { cluster, leader, settings, tell } = arena
  const stored = settings.events ?? STORED
  await fillUpTo(arena, stored)
  const follower = cluster.ids.find((id) => id !== leader)!

  const values: Record<string, Value> = {}
  const time = async (name: string, act: () => Promise<void>): Promise<void> => {
    tell(name)
    const startMs = performance.now()
    await act()
    values[name] = { value: (performance.now() - startMs) / 1_000, unit: 's' }
    await cluster.waitForAll()
  }
  const startOne = async (): Promise<void> => {
    cluster.start(follower)
    await untilServing(cluster.url(follower))
  }
  await cluster.stop(follower)
  await time('one node, stopped before', startOne)
  await cluster.kill(follower)
  await time('one node, killed before', startOne)
  await Promise.all(cluster.ids.map((id) => cluster.kill(id)))
  await time('all nodes, killed before, until a publish is acknowledged', async () => {
    cluster.startAll()
    await untilAcknowledged(arena)
  })
  return { lines: [{ label: `restart with ${stored} events`, values }], faults: [] }
}

async function untilServing(url: string): Promise<void> {
  const client = new NodeClient(url, { connections: 1 })
  const deadlineMs = performance.now() + SERVING_MS_MAX
  try {
    while (performance.now() < deadlineMs) {
      const answer = await client.request('GET', '/readyz').catch(() => null)
      if (answer?.status === 200) return
      await sleep(POLL_MS)
    }
    throw new Error(`${url} did not serve within ${SERVING_MS_MAX / 1_000} s`)
  } finally {
    await client.close()
  }
}

async function untilAcknowledged({ acknowledged, cluster }: Arena): Promise<void> {
  const work = new PublishWork(acknowledged, 1, cluster.ids.length)
  const loop = new ClosedLoop(work, {
    ...{ targets: cluster.urls, inFlight: cluster.ids.length },
    onSettled: () => loop.end(),
  })
  const { operations } = await loop.run(SERVING_MS_MAX)
  await loop.close()
  if (operations === 0) {
    throw new Error(`no publish was acknowledged within ${SERVING_MS_MAX / 1_000} s`)
  }
}
