// One run of one mode on nodes of ours: a fresh cluster, the mode, the proof, the cluster away again.

import { rmSync } from 'node:fs'
import type { Stats } from '../../client/contract/state.ts'
import { DataDir } from '../data-dir.ts'
import { ClusterProcesses, exitText, type NodeEnv } from '../processes.ts'
import type { Acknowledged } from './acknowledged.ts'
import type { Arena } from './arena.ts'
import { MODES, type ModeName } from './modes.ts'
import { prove } from './proof.ts'
import { DURABLE, NOT_DURABLE, type Run } from './results.ts'

export const NODES = 3

export interface NodeRunOptions extends Omit<Arena, 'cluster' | 'leader'> {
  readonly mode: ModeName
  readonly directory: string
  readonly basePort: number
  readonly env: NodeEnv
  readonly entry: string | undefined
}

export async function runNodes(
  options: NodeRunOptions,
): Promise<Omit<Run, 'mode' | 'repeat' | 'by'>> {
  const { mode, directory, basePort, env, entry, acknowledged, tell } = options
  const cluster = new ClusterProcesses({
    ...{ dataDir: DataDir.open(directory), count: NODES, basePort, env },
    ...(entry === undefined ? {} : { entry }),
  })
  const crashes: string[] = []
  cluster.on('exited', (exit) => {
    if (!exit.wanted) crashes.push(exitText(exit))
  })
  let faultless = false
  try {
    tell('starting the nodes')
    cluster.startAll()
    const leader = await cluster.waitForAll()
    const before = await cluster.stats()
    const { lines, faults } = await MODES[mode].run({ ...options, cluster, leader })
    const after = await cluster.stats()
    tell('checking what is stored')
    const proof = await prove(acknowledged, cluster.urls, isSettled(acknowledged))
    const found = [...faults, ...crashes, ...proof.faults]
    faultless = found.length === 0
    const isDurable = [...before.values()].every((view) => view?.fsync === true)
    return {
      ...{ lines, faults: found, proved: true, promise: isDurable ? DURABLE : NOT_DURABLE },
      ...{ acknowledged: proof.acknowledged, distinct: proof.distinct, stored: proof.distinct },
      // A node that does not answer in between tells of no change.
      leaderChanges: MODES[mode].disturbs ? 0 : Math.max(0, termOf(after) - termOf(before)),
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

/** No publish was left without an outcome. */
function isSettled({ acknowledged, sent }: Acknowledged): boolean {
  return acknowledged === sent
}

function termOf(stats: ReadonlyMap<string, Stats | null>): number {
  return Math.max(...[...stats.values()].map((view) => view?.term ?? 0))
}
