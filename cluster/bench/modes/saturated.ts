// As much as goes in, for ten minutes, through all nodes: does the cluster stay punctual? A change of leader is a fault.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Arena, measured, type RunResult } from '../arena.ts'
import { ClosedLoop } from '../closed-loop.ts'
import { PublishWork } from '../publish-work.ts'

const IN_FLIGHT = 48
const EVENTS_PER_REQUEST = 100
const LOOK_MS = 2_000

export async function saturated(arena: Arena): Promise<RunResult> {
  const { acknowledged, cluster } = arena
  const load = new ClosedLoop(new PublishWork(acknowledged, EVENTS_PER_REQUEST, IN_FLIGHT), {
    targets: cluster.urls,
    inFlight: IN_FLIGHT,
  })
  const watch = new Watch(arena)
  const { line, faults } = await measured(arena, 'saturated', load)
  await watch.end()
  const { terms, delayMs, delayP99Ms, silent } = watch
  return {
    lines: [
      line,
      {
        label: 'saturated',
        values: {
          'event loop delay, 99th percentile': { value: delayP99Ms, unit: 'ms' },
          'event loop delay, longest': { value: delayMs, unit: 'ms' },
          '/stats without an answer within a second': { value: silent, unit: '' },
        },
      },
    ],
    faults: [
      ...faults,
      ...(terms.size > 1 ? [`the leader changed under load: terms ${[...terms].join(', ')}`] : []),
    ],
  }
}

/** Looks at /stats of every node all the while, and keeps the worst. */
class Watch {
  readonly terms = new Set<number>()
  delayMs = Number.NaN
  delayP99Ms = Number.NaN
  silent = 0
  readonly #loop: Promise<void>
  #ended = false

  constructor(arena: Arena) {
    this.#loop = this.#look(arena)
  }

  async end(): Promise<void> {
    this.#ended = true
    await this.#loop
  }

  async #look({ cluster }: Arena): Promise<void> {
    const worse = (before: number, now: number): number =>
      Number.isNaN(before) ? now : Math.max(before, now)
    while (!this.#ended) {
      for (const stats of (await cluster.stats()).values()) {
        if (stats === null) {
          this.silent += 1
          continue
        }
        this.terms.add(stats.term)
        const delay = stats.node.event_loop_delay_ms
        if (delay === undefined) continue
        this.delayMs = worse(this.delayMs, delay.max)
        this.delayP99Ms = worse(this.delayP99Ms, delay.p99)
      }
      await sleep(LOOK_MS)
    }
  }
}
