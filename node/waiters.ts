// Everybody who waits for something until a deadline, looked through once a tick: no timer a request.
//
// Deadlines are on the clock of whoever calls expire(); nothing here reads a clock.

interface Waiter {
  readonly deadlineMs: number
  readonly isDue: (() => boolean) | null
  settle(reached: boolean): void
}

export class Waiters {
  readonly #waiting = new Set<Waiter>()

  get size(): number {
    return this.#waiting.size
  }

  /** True as soon as `isDue` says so at a check(); false at the deadline, or when all are given up. */
  until(deadlineMs: number, isDue: () => boolean): Promise<boolean> {
    if (isDue()) return Promise.resolve(true)
    return new Promise((resolve) => {
      this.#waiting.add({ deadlineMs, isDue, settle: resolve })
    })
  }

  /** Calls `onDeadline` then, unless the answer was called before. */
  at(deadlineMs: number, onDeadline: () => void): () => void {
    const waiter = { deadlineMs, isDue: null, settle: onDeadline }
    this.#waiting.add(waiter)
    return () => this.#waiting.delete(waiter)
  }

  /** Something moved: who has what he waits for? */
  check(): void {
    for (const waiter of this.#waiting) if (waiter.isDue?.()) this.#end(waiter, true)
  }

  expire(nowMs: number): void {
    for (const waiter of this.#waiting) if (nowMs >= waiter.deadlineMs) this.#end(waiter, false)
  }

  giveUp(): void {
    for (const waiter of this.#waiting) this.#end(waiter, false)
  }

  #end(waiter: Waiter, reached: boolean): void {
    this.#waiting.delete(waiter)
    waiter.settle(reached)
  }
}
