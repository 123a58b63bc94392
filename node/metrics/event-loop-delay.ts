// How late the event loop was for a timer, over the last minute or so: the first sign of a node that has too much to do,
// and of whatever blocks it.
//
// Two watches run, one half a period ahead of the other; the older one is read, and begins anew when it has run for a
// whole period. So what is shown always covers the last half to whole period, up to this moment.

/** node:perf_hooks's histogram of delays, in nanoseconds, as much as is used of it. */
export interface DelayWatch {
  percentile(percentile: number): number
  readonly max: number
  readonly count: number
  reset(): void
}

export interface EventLoopDelayMs {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** The grain: a timer that is due so often is watched. */
export const DELAY_RESOLUTION_MS = 10
/** What is shown reaches back so far at most, and half of it at least. */
export const DELAY_PERIOD_MS = 60_000

export class EventLoopDelay {
  #older: DelayWatch
  #younger: DelayWatch
  #turnMs: number

  constructor(watch: (resolutionMs: number) => DelayWatch, nowMs: number) {
    this.#older = watch(DELAY_RESOLUTION_MS)
    this.#younger = watch(DELAY_RESOLUTION_MS)
    this.#turnMs = nowMs + DELAY_PERIOD_MS / 2
  }

  /** Called with each tick of the node. */
  tick(nowMs: number): void {
    if (nowMs < this.#turnMs) return
    this.#turnMs = nowMs + DELAY_PERIOD_MS / 2
    const worn = this.#older
    this.#older = this.#younger
    this.#younger = worn
    worn.reset()
  }

  read(): EventLoopDelayMs {
    const watch = this.#older
    if (watch.count === 0) return { p50: 0, p99: 0, max: 0 }
    return {
      p50: lateMs(watch.percentile(50)),
      p99: lateMs(watch.percentile(99)),
      max: lateMs(watch.max),
    }
  }
}

/** What is measured is from one call of the timer to the next, so the time in between is in it. To the microsecond. */
function lateMs(nanoseconds: number): number {
  return Math.round(Math.max(0, nanoseconds / 1e6 - DELAY_RESOLUTION_MS) * 1_000) / 1_000
}
