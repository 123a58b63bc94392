// Time for tests: it stands still until it is advanced, and then everybody who waits for a moment is told.

export class ManualClock {
  #nowMs = 0
  readonly #listeners = new Set<() => void>()
  readonly #startMs = Date.UTC(2026, 0, 1)

  readonly monotonicMs = (): number => this.#nowMs
  readonly wallMs = (): number => this.#startMs + this.#nowMs

  advance(ms: number): void {
    this.#nowMs += ms
    for (const listener of this.#listeners) listener()
  }

  onAdvance(listener: () => void): void {
    this.#listeners.add(listener)
  }
}
