// Latencies in buckets that grow by 2 %: percentiles to within that, in constant memory however long the run.

const GROWTH = Math.log(1.02)
const UNIT_MS = 0.01

export class LatencyHistogram {
  readonly #buckets = new Map<number, number>()
  #count = 0
  #maxMs = 0

  add(ms: number): void {
    const bucket = Math.max(0, Math.ceil(Math.log(ms / UNIT_MS) / GROWTH))
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1)
    this.#count += 1
    this.#maxMs = Math.max(this.#maxMs, ms)
  }

  get count(): number {
    return this.#count
  }

  get maxMs(): number {
    return this.#maxMs
  }

  /** The value that `share` (0 to 1) of the samples do not exceed; 0 before the first. */
  percentileMs(share: number): number {
    const wanted = Math.ceil(share * this.#count)
    let seen = 0
    for (const bucket of [...this.#buckets.keys()].sort((a, b) => a - b)) {
      seen += this.#buckets.get(bucket)!
      if (seen >= wanted) return Math.min(this.#maxMs, UNIT_MS * Math.exp(bucket * GROWTH))
    }
    return 0
  }
}
