// A follower that was away while half a million events were stored: how fast it catches up, once while nobody publishes and
// once while clients go on, and what it costs them.
//
// From its first answer to the one that shows it has all that the others had when it was started.

import { setTimeout as sleep } from 'node:timers/promises'
import { NodeClient } from '../../http.ts'
import type { Arena, RunResult } from '../arena.ts'
import { ClosedLoop } from '../closed-loop.ts'
import { fillUpTo, lastPosition } from '../fill.ts'
import { PublishWork } from '../publish-work.ts'

const BEHIND = 500_000
const IN_FLIGHT = 64
const POLL_MS = 10
const CATCH_UP_MS_MAX = 600_000

export async function catchUp(arena: Arena): Promise<RunResult> {
  const { cluster, leader, settings, milliseconds, warmUpMs, tell } = arena
  const behind = settings.events ?? BEHIND
  const follower = cluster.ids.find((id) => id !== leader)!

  const publishing = (): ClosedLoop =>
    new ClosedLoop(new PublishWork(arena.acknowledged, 1, IN_FLIGHT), {
      targets: [cluster.url(leader)],
      inFlight: IN_FLIGHT,
    })
  tell('publishing with all nodes there')
  const before = publishing()
  await before.run(warmUpMs)
  const usual = await before.run(milliseconds)
  await before.close()

  await leaveBehind(arena, follower, behind)
  const idle = await followed(arena, follower)
  await leaveBehind(arena, follower, behind)
  const beside = publishing()
  const running = beside.run(CATCH_UP_MS_MAX)
  const loaded = await followed(arena, follower)
  beside.end()
  const during = await running
  await beside.close()

  const usualRate = usual.operations / usual.seconds
  const duringRate = during.operations / during.seconds
  const failed = usual.failed + during.failed
  return {
    lines: [
      {
        label: `catch-up of ${behind} events`,
        values: {
          'while nobody publishes': { value: idle.perSecond, unit: 'events/s' },
          'from its start, while nobody publishes': { value: idle.seconds, unit: 's' },
          'while clients publish': { value: loaded.perSecond, unit: 'events/s' },
          'from its start, while clients publish': { value: loaded.seconds, unit: 's' },
          'publishes before': { value: usualRate, unit: 'events/s' },
          'publishes meanwhile': { value: duringRate, unit: 'events/s' },
          'publishes meanwhile, of before': { value: (100 * duringRate) / usualRate, unit: '%' },
        },
      },
    ],
    faults: failed === 0 ? [] : [`${failed} publishes failed: ${during.firstFailure}`],
  }
}

async function leaveBehind(arena: Arena, follower: string, events: number): Promise<void> {
  const { cluster, leader } = arena
  await cluster.waitForAll()
  await cluster.kill(follower)
  await fillUpTo(arena, (await lastPosition(cluster, leader)) + events)
}

async function followed(
  { cluster, leader, tell }: Arena,
  follower: string,
): Promise<{ readonly perSecond: number; readonly seconds: number }> {
  const target = await lastPosition(cluster, leader)
  const client = new NodeClient(cluster.url(follower), { connections: 1 })
  const startMs = performance.now()
  cluster.start(follower)
  let first: { readonly position: number; readonly atMs: number } | null = null
  try {
    while (performance.now() < startMs + CATCH_UP_MS_MAX) {
      const stats = await client.stats().catch(() => null)
      const atMs = performance.now()
      if (stats !== null) {
        first ??= { position: stats.last_position, atMs }
        tell(`${follower} is at ${stats.last_position} of ${target}`)
        if (stats.last_position >= target) {
          return {
            perSecond: (1_000 * (target - first.position)) / (atMs - first.atMs),
            seconds: (atMs - startMs) / 1_000,
          }
        }
      }
      await sleep(POLL_MS)
    }
    throw new Error(`${follower} had not caught up after ${CATCH_UP_MS_MAX / 1_000} s`)
  } finally {
    await client.close()
  }
}
