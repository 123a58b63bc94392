// A histogram as plain numbers: how many observations fell at or below each bound. Observing costs a short search and
// no allocation, so it may stand on a hot path; names and labels come only when somebody scrapes (family.ts).

export class Buckets {
  /** Ascending; what lies above the last one is counted, too. */
  readonly bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0
  #count = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.#counts = new Float64Array(bounds.length)
  }

  get count(): number {
    return this.#count
  }

  get sum(): number {
    return this.#sum
  }

  observe(value: number): void {
    const { bounds } = this
    let place = 0
    while (place < bounds.length && value > bounds[place]!) place += 1
    if (place < bounds.length) this.#counts[place]! += 1
    this.#count += 1
    this.#sum += value
  }

  /** For each bound, how many observations were not above it. */
  cumulative(): number[] {
    let below = 0
    return this.bounds.map((_, place) => {
      below += this.#counts[place]!
      return below
    })
  }
}

/** Seconds: from what memory answers to what a client gives up on. */
export const REQUEST_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const
/** Seconds: from a write into a cache of the disk to a disk that hangs (DISK_HANG_MS). */
export const DISK_SECONDS = [
  0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.25, 0.5, 1, 2, 5, 10,
] as const
/** Things that are joined to be done at once. */
export const BATCH_SIZES = [
  1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384,
] as const
