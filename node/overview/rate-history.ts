// Events a second that this node has applied, over the last two minutes: what a chart is drawn from, so that whoever opens
// a page sees at once what went before.
//
// A node that did not run (a stopped process, a sleeping machine) has measured nothing then: such intervals are null.

export const RATE_INTERVAL_MS = 1_000
/** Two minutes. */
export const RATE_INTERVALS_MAX = 120

interface Counts {
  readonly unique: number
  readonly duplicates: number
}

export class RateHistory {
  readonly accepted: (number | null)[] = []
  readonly duplicates: (number | null)[] = []
  #before: Counts | null = null
  /** When the last interval ended. */
  #endedMs = 0

  /** With each tick; `counts` is only asked for when an interval has ended. */
  tick(nowMs: number, counts: () => Counts): void {
    const before = this.#before
    if (before === null) {
      this.#before = counts()
      this.#endedMs = nowMs
      return
    }
    const ended = Math.floor((nowMs - this.#endedMs) / RATE_INTERVAL_MS)
    if (ended === 0) return
    const now = counts()
    for (let missed = 1; missed < ended; missed++) this.#push(null, null)
    const accepted = now.unique - before.unique
    const duplicates = now.duplicates - before.duplicates
    // Counters go back where a store is emptied to be filled anew: no rate of anything.
    if (accepted < 0 || duplicates < 0) this.#push(null, null)
    else this.#push(perSecond(accepted), perSecond(duplicates))
    this.#before = now
    this.#endedMs += ended * RATE_INTERVAL_MS
  }

  ageMs(nowMs: number): number {
    return nowMs - this.#endedMs
  }

  #push(accepted: number | null, duplicates: number | null): void {
    this.accepted.push(accepted)
    this.duplicates.push(duplicates)
    if (this.accepted.length <= RATE_INTERVALS_MAX) return
    this.accepted.shift()
    this.duplicates.shift()
  }
}

const perSecond = (count: number): number => (count * 1_000) / RATE_INTERVAL_MS
