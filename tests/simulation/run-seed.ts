// One seed from start to verdict, as a plain value that can cross threads, and many of them on several threads.

import { Worker } from 'node:worker_threads'
import { BrokenInvariant } from './broken.ts'
import type { Mark } from './marks.ts'
import { Simulation } from './simulation.ts'
import { type Overrides, planOf } from './swarm.ts'
import { Trace, type TraceLine } from './trace.ts'

export interface SeedRun {
  readonly seed: number
  readonly seconds: number
  readonly overrides?: Overrides
  /** Run it a second time, and compare. */
  readonly twice?: boolean
}

export interface Failure {
  /** The invariant's number, or the name of the error. */
  readonly what: string
  readonly message: string
  readonly stack: string
}

export interface SeedResult {
  readonly run: SeedRun
  readonly failure: Failure | null
  readonly traceHash: string
  readonly events: number
  readonly virtualSeconds: number
  readonly acknowledged: number
  readonly marks: readonly (readonly [Mark, number])[]
}

export async function runSeed(run: SeedRun): Promise<SeedResult> {
  const result = await once(run, new Trace())
  if (run.twice !== true || result.failure !== null) return result
  const again = await once(run, new Trace())
  if (again.traceHash === result.traceHash) return result
  const message = `two runs differ: trace ${result.traceHash}, then ${again.traceHash}`
  return { ...result, failure: { what: 'I22', message: `I22: ${message}`, stack: message } }
}

/** The same run with its timeline. */
export async function traceSeed(
  run: SeedRun,
): Promise<{ result: SeedResult; lines: readonly TraceLine[]; simulation: Simulation }> {
  const trace = new Trace(true)
  const simulation = new Simulation(planOf(run.seed, run.seconds, run.overrides), trace)
  const result = await resultOf(run, simulation)
  return { result, lines: trace.lines!, simulation }
}

function once(run: SeedRun, trace: Trace): Promise<SeedResult> {
  return resultOf(run, new Simulation(planOf(run.seed, run.seconds, run.overrides), trace))
}

async function resultOf(run: SeedRun, simulation: Simulation): Promise<SeedResult> {
  const { cluster, ledger } = simulation
  let failure: Failure | null = null
  try {
    await simulation.run()
  } catch (error) {
    failure = failureOf(error)
  }
  const { accepted, duplicate } = ledger.publishes
  return {
    run,
    failure,
    traceHash: cluster.world.trace.hash,
    events: cluster.world.steps,
    virtualSeconds: cluster.world.nowMs / 1000,
    acknowledged: accepted + duplicate,
    marks: [...cluster.marks.counts],
  }
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { what: 'thrown', message: String(error), stack: '' }
  const what = error instanceof BrokenInvariant ? error.invariant : error.name
  return { what, message: error.message, stack: error.stack ?? '' }
}

/** Runs all of them on `workers` threads; answers come in any order. Stops handing out when `goOn` says so. */
export async function runSeeds(
  runs: Iterable<SeedRun>,
  workers: number,
  onResult: (result: SeedResult) => void,
  goOn: () => boolean = () => true,
  newWorker: () => Worker = () => new Worker(new URL('./seed-worker.ts', import.meta.url)),
): Promise<void> {
  const iterator = runs[Symbol.iterator]()
  await Promise.all(
    Array.from({ length: workers }, async () => {
      const worker = newWorker()
      try {
        for (let next = iterator.next(); !next.done && goOn(); next = iterator.next())
          onResult(await ask(worker, next.value))
      } finally {
        await worker.terminate()
      }
    }),
  )
}

function ask(worker: Worker, run: SeedRun): Promise<SeedResult> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (result: SeedResult) => {
      worker.off('error', reject)
      resolve(result)
    })
    worker.postMessage(run)
  })
}
