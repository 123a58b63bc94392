// The time of one call: a deadline for all its tries together, and the signals that may end it sooner.
//
// Nothing that was begun for a call outlives it: timers and listeners are taken back when their wait is over.

import type { Clock } from './ports.ts'

export class Span {
  readonly #clock: Clock
  readonly #endMs: number
  readonly #signals: readonly AbortSignal[]

  constructor(clock: Clock, deadlineMs: number, signals: readonly (AbortSignal | undefined)[]) {
    this.#clock = clock
    this.#endMs = clock.monotonicMs() + deadlineMs
    this.#signals = signals.filter((signal) => signal !== undefined)
  }

  /** Until the deadline; not above 0 when it has passed. */
  leftMs(): number {
    return this.#endMs - this.#clock.monotonicMs()
  }

  /** Throws the reason, when one of the signals was given. */
  throwIfAborted(): void {
    for (const signal of this.#signals) signal.throwIfAborted()
  }

  /** Rejects with the reason of a signal. */
  async sleep(ms: number): Promise<void> {
    await this.#guarded((signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const cancel = this.#clock.after(ms, resolve)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      return promise.finally(cancel)
    })
  }

  /** Runs the work with a signal that is given after `ms`, with a TimeoutError, or by a signal of the call. */
  within<Result>(ms: number, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    return this.#guarded((signal, abort) => {
      const timeout = () => abort(new DOMException('no answer in time', 'TimeoutError'))
      return work(signal).finally(this.#clock.after(ms, timeout))
    })
  }

  async #guarded<Result>(
    work: (signal: AbortSignal, abort: (reason: unknown) => void) => Promise<Result>,
  ): Promise<Result> {
    this.throwIfAborted()
    const controller = new AbortController()
    const listening = this.#signals.map((signal) => {
      const listener = (): void => controller.abort(signal.reason)
      signal.addEventListener('abort', listener)
      return () => signal.removeEventListener('abort', listener)
    })
    try {
      return await work(controller.signal, (reason) => controller.abort(reason))
    } finally {
      for (const stop of listening) stop()
    }
  }
}
