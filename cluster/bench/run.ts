// The runs of a benchmark, one after the other, each on a fresh cluster.
//
// Repeats of a mode follow each other, and an opponent's run follows ours each time, so that what the machine does beside
// them meets both alike.

import os from 'node:os'
import path from 'node:path'
import type { NodeEnv } from '../processes.ts'
import { Acknowledged } from './acknowledged.ts'
import type { Settings } from './arena.ts'
import type { Opponent } from './driver.ts'
import { MODES, type ModeName } from './modes.ts'
import { runNodes } from './node-run.ts'
import { PEER_MODES, runPeer } from './peer-run.ts'
import { OUR_NAME, type Report, type Run } from './results.ts'
import { Workload } from './workload.ts'

export interface BenchOptions {
  readonly modes: readonly ModeName[]
  /** Null: as each mode has it. */
  readonly seconds: number | null
  readonly warmUpSeconds: number
  readonly repeats: number
  readonly settings: Settings
  readonly basePort: number
  /** Everything is kept in there while it runs. */
  readonly directory: string
  readonly env: NodeEnv
  /** The file that is run as a node; ours when it is left out. */
  readonly entry?: string
  /** Runs after us, each time. */
  readonly opponent?: Opponent
}

export interface Show {
  /** What is going on now; it does not stay. */
  tell(text: string): void
  /** A run has ended. */
  ended(run: Run): void
}

const SEED = 1
const SECONDS = 5

export async function runBench(options: BenchOptions, show: Show): Promise<Report> {
  const startedAt = new Date().toISOString()
  const runs: Run[] = []
  for (const mode of options.modes) {
    for (let repeat = 1; repeat <= options.repeats; repeat += 1) {
      for (const entrant of entrantsOf(mode, options)) {
        const tell = (text: string): void =>
          show.tell(`${mode} ${repeat}/${options.repeats}, ${entrant?.name ?? OUR_NAME}: ${text}`)
        const run = await runOnce(entrant, mode, repeat, options, tell)
        runs.push(run)
        show.ended(run)
      }
    }
  }
  const { directory: _, opponent, ...told } = options
  return {
    ...{ startedAt, machine: machine(), options: told, against: opponent?.name ?? null, runs },
    ok: runs.every(({ faults }) => faults.length === 0),
  }
}

/** Null: we ourselves. */
type Entrant = Opponent | null

function entrantsOf(mode: ModeName, { opponent }: BenchOptions): readonly Entrant[] {
  if (opponent === undefined) return [null]
  if (opponent.type === 'driver' && !PEER_MODES.includes(mode)) return [null]
  return [null, opponent]
}

async function runOnce(
  entrant: Entrant,
  mode: ModeName,
  repeat: number,
  options: BenchOptions,
  tell: (text: string) => void,
): Promise<Run> {
  const by = entrant?.name ?? OUR_NAME
  const seed = SEED + repeat
  const common = {
    ...{ mode, seed, tell, settings: options.settings },
    directory: path.join(options.directory, `${mode}-${repeat}-${by}`),
    acknowledged: new Acknowledged(new Workload({ seed })),
    warmUpMs: 1_000 * options.warmUpSeconds,
    milliseconds: 1_000 * (options.seconds ?? MODES[mode].seconds ?? SECONDS),
  }
  if (entrant?.type === 'driver') {
    return { mode, repeat, by, ...(await runPeer(entrant.driver, common)) }
  }
  const { basePort, env } = options
  const entry = entrant?.entry ?? options.entry
  return { mode, repeat, by, ...(await runNodes({ ...common, basePort, env, entry })) }
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
