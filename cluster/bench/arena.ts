// A fresh cluster with a workload and an account of it, for one run of one mode; and what a run comes to.

import type { ClusterProcesses } from '../processes.ts'
import type { Acknowledged } from './acknowledged.ts'
import type { Load } from './closed-loop.ts'
import { type Measured, measure } from './measure.ts'

export interface Value {
  readonly value: number
  readonly unit: string
}

/** What a run measured under one label: a stretch of load, or single values by name. */
export interface Line {
  readonly label: string
  readonly load?: Measured
  readonly values?: Readonly<Record<string, Value>>
}

export interface RunResult {
  readonly lines: readonly Line[]
  /** What must not have happened. */
  readonly faults: readonly string[]
}

/** What some modes are told. */
export interface Settings {
  readonly signal: 'SIGKILL' | 'SIGSTOP'
  readonly kills: number
  /** How many the store, or the gap, is to have; null: as the mode has it. */
  readonly events: number | null
}

export interface Arena {
  readonly cluster: ClusterProcesses
  readonly leader: string
  readonly acknowledged: Acknowledged
  readonly warmUpMs: number
  readonly milliseconds: number
  /** Different for each repeat. */
  readonly seed: number
  readonly settings: Settings
  /** Shows what is going on; it does not stay. */
  tell(text: string): void
}

/** Warm-up and measurement of one load, both closed afterwards. A failed request is a fault. */
export async function measured(
  arena: Arena,
  label: string,
  load: Load & { readonly operations: number },
  warmUp?: Load,
): Promise<{ readonly line: Line; readonly faults: readonly string[] }> {
  const { cluster, warmUpMs, milliseconds, tell } = arena
  const pids = new Map(cluster.running.map((id) => [id, cluster.pid(id)!]))
  const startMs = performance.now()
  const progress = setInterval(() => {
    const seconds = Math.round((performance.now() - startMs) / 1_000)
    tell(`${label}: ${seconds} s, ${load.operations} so far`)
  }, 1_000)
  try {
    const figures = await measure(load, {
      ...{ warmUpMs, milliseconds, pids },
      directory: cluster.dataDir.path,
      ...(warmUp === undefined ? {} : { warmUp }),
    })
    const faults =
      figures.failed === 0
        ? []
        : [`${label}: ${figures.failed} requests failed, the first: ${figures.firstFailure}`]
    return { line: { label, load: figures }, faults }
  } finally {
    clearInterval(progress)
    await Promise.all([load.close(), warmUp?.close()])
  }
}
