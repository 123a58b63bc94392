// Shows the progress of a publisher on standard error: redrawn in place on a terminal, else a line now and then.

import { performance } from 'node:perf_hooks'
import { progressLine, settledCount } from './progress.ts'
import type { Publisher } from './publisher.ts'

const TERMINAL_REFRESH_MS = 200
const LINE_EVERY_MS = 5_000

export class Display {
  readonly #publisher: Publisher
  readonly #share: () => number | null
  readonly #total: number | null
  readonly #onTerminal = process.stderr.isTTY === true
  readonly #startMs = performance.now()
  readonly #timer: NodeJS.Timeout
  #endMs: number | null = null

  constructor(publisher: Publisher, share: () => number | null, total: number | null) {
    this.#publisher = publisher
    this.#share = share
    this.#total = total
    const everyMs = this.#onTerminal ? TERMINAL_REFRESH_MS : LINE_EVERY_MS
    this.#timer = setInterval(() => this.#show(), everyMs)
  }

  elapsedMs(): number {
    return (this.#endMs ?? performance.now()) - this.#startMs
  }

  end(): void {
    clearInterval(this.#timer)
    this.#endMs = performance.now()
    if (this.#onTerminal) process.stderr.write('\r\x1b[K')
  }

  #show(): void {
    const { tally } = this.#publisher
    const total = this.#total
    const share = total === null ? this.#share() : settledCount(tally) / Math.max(1, total)
    const line = progressLine({ tally, elapsedMs: this.elapsedMs(), total, share })
    process.stderr.write(this.#onTerminal ? `\r${line}\x1b[K` : `${line}\n`)
  }
}
