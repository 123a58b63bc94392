// How late the event loop was, as it is shown: never older than a minute, and never about nothing.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import {
  DELAY_PERIOD_MS,
  DELAY_RESOLUTION_MS,
  type DelayWatch,
  EventLoopDelay,
} from '../../../node/metrics/event-loop-delay.ts'

/** A watch that takes what it is told: delays in ms. */
class ToldWatch implements DelayWatch {
  #delaysMs: number[] = []

  tell(delayMs: number): void {
    this.#delaysMs.push(delayMs)
  }

  get count(): number {
    return this.#delaysMs.length
  }

  get max(): number {
    return this.percentile(100)
  }

  percentile(percentile: number): number {
    const sorted = [...this.#delaysMs].sort((a, b) => a - b)
    const place = Math.max(0, Math.ceil((sorted.length * percentile) / 100) - 1)
    return ((sorted[place] ?? 0) + DELAY_RESOLUTION_MS) * 1e6
  }

  reset(): void {
    this.#delaysMs = []
  }
}

function world() {
  const watches: ToldWatch[] = []
  const delay = new EventLoopDelay((resolutionMs) => {
    expect(resolutionMs).toBe(DELAY_RESOLUTION_MS)
    watches.push(new ToldWatch())
    return watches.at(-1)!
  }, 0)
  const late = (delayMs: number) => {
    for (const watch of watches) watch.tell(delayMs)
  }
  return { delay, late }
}

test('what is shown is how late, not how far apart', () => {
  const { delay, late } = world()
  for (let count = 0; count < 98; count += 1) late(0.25)
  late(3)
  late(200)

  expect(delay.read()).toEqual({ p50: 0.25, p99: 3, max: 200 })
})

test('a stall is shown for half a period at least, and a whole one at most', () => {
  const { delay, late } = world()
  let nowMs = 0
  const until = (ms: number) => {
    for (; nowMs <= ms; nowMs += 1_000) {
      late(1)
      delay.tick(nowMs)
    }
  }
  until(40_000)
  late(500)

  until(40_000 + DELAY_PERIOD_MS / 2)
  expect(delay.read().max).toBe(500)
  until(40_000 + DELAY_PERIOD_MS)
  expect(delay.read().max).toBe(1)
})

test('before anything is measured it is 0', () => {
  expect(world().delay.read()).toEqual({ p50: 0, p99: 0, max: 0 })
})

test('a timer that was early is not late', () => {
  const { delay, late } = world()
  late(-1)

  expect(delay.read()).toEqual({ p50: 0, p99: 0, max: 0 })
})

test("Node's own watch has this form, and sees a loop that is blocked", async () => {
  const watches: ReturnType<typeof monitorEventLoopDelay>[] = []
  const delay = new EventLoopDelay((resolution) => {
    const watch = monitorEventLoopDelay({ resolution })
    watch.enable()
    watches.push(watch)
    return watch
  }, 0)
  const turns = async (more: number) => {
    const wanted = watches[0]!.count + more
    while (watches[0]!.count < wanted) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await turns(3)

  const end = performance.now() + 60
  while (performance.now() < end);
  await turns(1)

  expect(delay.read().max).toBeGreaterThan(40)
  for (const watch of watches) watch.disable()
})
