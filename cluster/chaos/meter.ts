// How much was acknowledged, second by second, and the longest time that nothing was: what the charts show.
//
// Pure but for what it is told; times are milliseconds of one clock, 0 at the start of the load.

export interface Second {
  /** Events acknowledged in it. */
  readonly events: number
  /** The longest time without an acknowledgement that reached into it, up to its end or the next acknowledgement. */
  readonly gapMs: number
}

const SECOND_MS = 1_000

export class Meter {
  readonly #events: number[] = []
  readonly #gapsMs: number[] = []
  readonly #waiting: { readonly sinceMs: number; readonly resolve: (atMs: number) => void }[] = []
  #lastMs = 0
  #longest = { gapMs: 0, endMs: 0 }
  #ended = false

  /** A publish that was called at `calledMs` has been acknowledged. */
  acknowledged(events: number, calledMs: number, nowMs: number): void {
    if (this.#ended) return
    const second = Math.floor(nowMs / SECOND_MS)
    this.#events[second] = (this.#events[second] ?? 0) + events
    this.#noteGap(this.#lastMs, nowMs)
    this.#lastMs = nowMs
    for (const waiter of this.#waiting.splice(0)) {
      if (waiter.sinceMs <= calledMs) waiter.resolve(nowMs)
      else this.#waiting.push(waiter)
    }
  }

  /** The load ends: what is answered from now on was not held up by the cluster. */
  end(): void {
    this.#ended = true
  }

  /** Resolves with the time of the first acknowledgement of a publish that was called at `sinceMs` or later. */
  firstAfter(sinceMs: number): Promise<number> {
    return new Promise((resolve) => this.#waiting.push({ sinceMs, resolve }))
  }

  /** The present silence included. */
  longestGap(nowMs: number): { readonly gapMs: number; readonly endMs: number } {
    const gapMs = nowMs - this.#lastMs
    return gapMs > this.#longest.gapMs ? { gapMs, endMs: nowMs } : this.#longest
  }

  /** One for each second begun, the present one included. */
  seconds(nowMs: number): Second[] {
    const current = Math.floor(nowMs / SECOND_MS)
    return Array.from({ length: current + 1 }, (_, second) => {
      const startMs = second * SECOND_MS
      const endMs = Math.min(nowMs, startMs + SECOND_MS)
      const silentMs = endMs - Math.max(0, this.#lastMs)
      const pendingMs = this.#lastMs < endMs ? silentMs : 0
      return {
        events: this.#events[second] ?? 0,
        gapMs: Math.max(this.#gapsMs[second] ?? 0, pendingMs),
      }
    })
  }

  /** Each second that the gap touches shows how long it had lasted by then. */
  #noteGap(fromMs: number, toMs: number): void {
    const gapMs = toMs - fromMs
    if (gapMs > this.#longest.gapMs) this.#longest = { gapMs, endMs: toMs }
    for (let second = Math.floor(fromMs / SECOND_MS); second * SECOND_MS < toMs; second += 1) {
      const lastedMs = Math.min(toMs, (second + 1) * SECOND_MS) - fromMs
      this.#gapsMs[second] = Math.max(this.#gapsMs[second] ?? 0, lastedMs)
    }
  }
}

export interface Spread {
  readonly count: number
  readonly min: number
  readonly median: number
  readonly max: number
}

/** Null of nothing. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { count: sorted.length, min: sorted[0]!, median, max: sorted.at(-1)! }
}
