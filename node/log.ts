// Structured logs: one JSON line an event on standard output. What is told repeatedly is told a few times and then
// counted; a reader that does not keep up costs lines, never memory, and the loss is told too.
//
// Input of others belongs into fields through showInput, never into the message.

import pino, { type DestinationStream, type Logger } from 'pino'
import type { LogLevel } from './config/config.ts'

/** Bytes that wait for a slow reader of standard output before lines are dropped. */
export const LOG_BUFFER_BYTES_MAX = 1024 * 1024
/** Lines of one cause within one window. */
export const LOG_LINES_PER_CAUSE = 10
export const LOG_WINDOW_MS = 10_000

type Facts = Readonly<Record<string, string | number | boolean | null | undefined>>

export interface Log {
  debug(cause: string, facts?: Facts): void
  info(cause: string, facts?: Facts): void
  warn(cause: string, facts?: Facts): void
  error(cause: string, facts?: Facts): void
  /** Everything told so far is written: for the last lines of a process. */
  flush(): void
}

export interface LogOptions {
  readonly level: LogLevel
  readonly nodeId: string
  /** Milliseconds, never going back. */
  readonly monotonicMs: () => number
  readonly destination?: DestinationStream
}

/** A cause is a sentence of our own without any input in it: there are as many as there are calls in the code. */
export function createLog(options: LogOptions): Log {
  const destination = options.destination ?? standardOutput()
  const logger = pino(
    {
      level: options.level,
      base: { node: options.nodeId },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  )
  const admit = limitByCause(options.monotonicMs)
  const tell =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (cause: string, facts: Facts = {}): void => {
      if (!logger.isLevelEnabled(level)) return
      const left = admit(cause)
      if (left === null) return
      logger[level](left === 0 ? facts : { ...facts, left_out: left }, cause)
    }
  return {
    debug: tell('debug'),
    info: tell('info'),
    warn: tell('warn'),
    error: tell('error'),
    flush: () => flush(destination, logger),
  }
}

/** Null: leave this line out. Else: how many lines of this cause were left out before it. */
function limitByCause(monotonicMs: () => number): (cause: string) => number | null {
  const windows = new Map<string, { startMs: number; lines: number; leftOut: number }>()
  return (cause) => {
    const nowMs = monotonicMs()
    const window = windows.get(cause)
    if (window === undefined || nowMs - window.startMs >= LOG_WINDOW_MS) {
      windows.set(cause, { startMs: nowMs, lines: 1, leftOut: 0 })
      return window?.leftOut ?? 0
    }
    if (window.lines < LOG_LINES_PER_CAUSE) {
      window.lines += 1
      return 0
    }
    window.leftOut += 1
    return null
  }
}

function standardOutput(): DestinationStream {
  const output = pino.destination({ dest: 1, sync: false, maxLength: LOG_BUFFER_BYTES_MAX })
  let dropped = 0
  output.on('drop', () => {
    dropped += 1
  })
  output.on('drain', () => {
    if (dropped === 0) return
    output.write(`{"level":40,"dropped":${dropped},"msg":"log lines were dropped"}\n`)
    dropped = 0
  })
  // A closed pipe must not end the node: logs are for people, promises are not made in them.
  output.on('error', () => {})
  return output
}

function flush(destination: DestinationStream, logger: Logger): void {
  if ('flushSync' in destination && typeof destination.flushSync === 'function') {
    try {
      destination.flushSync()
      return
    } catch {
      // Not open yet: the asynchronous way is all there is.
    }
  }
  logger.flush()
}
