// How fast this node gives of its store to one that is behind, while entries are on their way to a majority.
//
// Who catches up as fast as it can takes from those who publish half of what they had, where nodes share cores or a disk. So
// between two chunks there is a pause then, and none when nobody publishes. A snapshot still comes to its end, however
// much is published: its offer stands, and the log behind it is not held back.

/** With chunks of CHUNK_BYTES_MAX, 9.6 MB/s. */
export const CHUNK_PAUSE_MS = 20

export interface PaceOptions {
  readonly isBusy: () => boolean
  readonly monotonicMs: () => number
  readonly sleep: (ms: number) => Promise<unknown>
}

export class ChunkPace {
  readonly #options: PaceOptions
  /** When the next chunk may leave. */
  #nextMs = 0

  constructor(options: PaceOptions) {
    this.#options = options
  }

  /** Resolves when a chunk may be read; each caller has its own turn. */
  async turn(): Promise<void> {
    const { isBusy, monotonicMs, sleep } = this.#options
    const nowMs = monotonicMs()
    const turnMs = isBusy() ? Math.max(this.#nextMs, nowMs) : nowMs
    this.#nextMs = turnMs + CHUNK_PAUSE_MS
    if (turnMs > nowMs) await sleep(turnMs - nowMs)
  }
}
