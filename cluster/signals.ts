// Ctrl-C and its kin: the first asks for a clean end, a second one for an immediate end.

import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Under npm, Ctrl-C arrives twice, from the terminal and from npm: that is one wish, not two. */
const SAME_WISH_MS = 500

export interface StopWish {
  /** Resolves at the first signal. */
  readonly asked: Promise<void>
  readonly isAsked: () => boolean
  /** Shorter where the wish comes in between. */
  readonly sleep: (ms: number) => Promise<void>
  /** Signals mean again what they mean by default. */
  readonly release: () => void
}

/** `atOnce` is called for a second wish. */
export function listenForStop(atOnce: () => void): StopWish {
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  const controller = new AbortController()
  let firstAtMs: number | null = null
  const onSignal = (): void => {
    const nowMs = performance.now()
    if (firstAtMs === null) {
      firstAtMs = nowMs
      controller.abort()
      resolve()
    } else if (nowMs - firstAtMs > SAME_WISH_MS) {
      atOnce()
    }
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return {
    asked,
    isAsked: () => firstAtMs !== null,
    // Not a race against `asked`: that promise would keep a trace of every sleep for as long as it lives.
    sleep: (ms) => wait(ms, undefined, { signal: controller.signal }).catch(() => {}),
    release: () => {
      for (const signal of SIGNALS) process.removeListener(signal, onSignal)
    },
  }
}
