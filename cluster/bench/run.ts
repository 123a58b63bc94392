// The runs of a benchmark, one after the other: a fresh cluster each, the mode, the proof, the cluster away again.
//
// Repeats of a mode follow each other, and a peer's run follows ours each time, so that what the machine does beside them
// meets both alike.

import { rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Stats } from '../../client/contract/state.ts'
import { DataDir } from '../data-dir.ts'
import { ClusterProcesses, type NodeEnv } from '../processes.ts'
import { Acknowledged } from './acknowledged.ts'
import type { Line } from './arena.ts'
import { MODES, type ModeName } from './modes.ts'
import { prove } from './proof.ts'
import { Workload } from './workload.ts'

export interface BenchOptions {
  readonly modes: readonly ModeName[]
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly repeats: number
  readonly basePort: number
  /** Everything is kept in there while it runs. */
  readonly directory: string
  readonly env: NodeEnv
  /** The file that is run as a node; ours when it is left out. */
  readonly entry?: string
}

export interface Run {
  readonly mode: ModeName
  /** 1 is the first. */
  readonly repeat: number
  readonly by: string
  readonly fsync: boolean
  readonly lines: readonly Line[]
  /** Events acknowledged, and different ones among them; all were looked up on every node. */
  readonly acknowledged: number
  readonly distinct: number
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
  readonly options: Omit<BenchOptions, 'directory'>
  readonly runs: readonly Run[]
  readonly ok: boolean
}

export interface Show {
  /** Stays. */
  print(text: string): void
  /** What is going on now. */
  tell(text: string): void
  /** A run has ended. */
  ended(run: Run): void
}

const NODES = 3
const SEED = 1

export async function runBench(options: BenchOptions, show: Show): Promise<Report> {
  const startedAt = new Date().toISOString()
  const runs: Run[] = []
  for (const mode of options.modes) {
    for (let repeat = 1; repeat <= options.repeats; repeat += 1) {
      const run = await runOnce(mode, repeat, options, (text) =>
        show.tell(`${mode} ${repeat}/${options.repeats}: ${text}`),
      )
      runs.push(run)
      show.ended(run)
    }
  }
  const { directory: _, ...told } = options
  return {
    ...{ startedAt, machine: machine(), options: told, runs },
    ok: runs.every(({ faults }) => faults.length === 0),
  }
}

async function runOnce(
  mode: ModeName,
  repeat: number,
  options: BenchOptions,
  tell: (text: string) => void,
): Promise<Run> {
  const directory = path.join(options.directory, `${mode}-${repeat}`)
  const cluster = new ClusterProcesses({
    dataDir: DataDir.open(directory),
    count: NODES,
    basePort: options.basePort,
    env: options.env,
    ...(options.entry === undefined ? {} : { entry: options.entry }),
  })
  const crashes: string[] = []
  cluster.on('exited', (exit) => {
    if (!exit.wanted) crashes.push(`${exit.id} ended by itself: ${exit.lastWords.join('; ')}`)
  })
  const seed = SEED + repeat
  const acknowledged = new Acknowledged(new Workload({ seed }))
  let faultless = false
  try {
    tell('starting the nodes')
    cluster.startAll()
    const leader = await cluster.waitForAll()
    const before = await cluster.stats()
    const { lines, faults } = await MODES[mode].run({
      ...{ cluster, leader, acknowledged, seed, tell },
      warmUpMs: 1_000 * options.warmUpSeconds,
      milliseconds: 1_000 * options.seconds,
    })
    const after = await cluster.stats()
    tell('checking what is stored')
    const settled = acknowledged.acknowledged === acknowledged.sent
    const proof = await prove(acknowledged, cluster.urls, settled)
    const found = [...faults, ...crashes, ...proof.faults]
    faultless = found.length === 0
    return {
      ...{ mode, repeat, by: 'sekali', lines, faults: found },
      ...{ acknowledged: proof.acknowledged, distinct: proof.distinct },
      fsync: after.get(leader)?.fsync ?? false,
      leaderChanges: termOf(after) - termOf(before),
      eventLoopDelayMs: Object.fromEntries(
        [...after].map(([id, stats]) => [id, stats?.node.event_loop_delay_ms ?? null]),
      ),
    }
  } finally {
    tell('stopping the nodes')
    await cluster.stopAll()
    if (faultless) rmSync(directory, { recursive: true, force: true })
  }
}

function termOf(stats: ReadonlyMap<string, Stats | null>): number {
  return Math.max(...[...stats.values()].map((view) => view?.term ?? 0))
}

function machine(): Report['machine'] {
  const processors = os.cpus()
  return {
    processors: `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}`,
    memoryBytes: os.totalmem(),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
  }
}
