// What a benchmark answers: its runs, and whether they hold. This is what `--json` writes.

import type { Line } from './arena.ts'
import type { ModeName } from './modes.ts'
import type { BenchOptions } from './run.ts'

export const OUR_NAME = 'sekali'
export const DURABLE = 'fsynced by a majority'
export const NOT_DURABLE = 'fsync off'

export interface Run {
  readonly mode: ModeName
  /** 1 is the first. */
  readonly repeat: number
  readonly by: string
  /** What an acknowledgement means. */
  readonly promise: string
  readonly lines: readonly Line[]
  /** Events acknowledged, and different ones among them. */
  readonly acknowledged: number
  readonly distinct: number
  /** Each of those was looked for on every node; what was wrong stands in `faults`. */
  readonly proved: boolean
  /** How many it says it stores; null: it does not say. */
  readonly stored: number | null
  /** Beyond those that are part of the mode. */
  readonly leaderChanges: number
  /** By node, the 99th percentile and the longest over the last minute, as /stats has it; null: it does not tell. */
  readonly eventLoopDelayMs: Readonly<Record<string, { p99: number; max: number } | null>>
  readonly faults: readonly string[]
}

export interface Report {
  readonly startedAt: string
  readonly machine: {
    readonly processors: string
    readonly memoryBytes: number
    readonly system: string
    readonly node: string
  }
  readonly options: Omit<BenchOptions, 'directory' | 'opponent'>
  /** The name of the opponent. */
  readonly against: string | null
  readonly runs: readonly Run[]
  readonly ok: boolean
}
