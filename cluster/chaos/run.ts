// One chaos run put together: clients and faults against an engine until it is time, then everything read back, and the
// report. What it shows on the way is told to `show`; nothing is printed here.

import { setTimeout as wait } from 'node:timers/promises'
import { CommandError } from '../args.ts'
import { NodeClient } from '../http.ts'
import type { LedgerFile } from '../ledger-file.ts'
import { readBack } from '../read-back.ts'
import type { StopWish } from '../signals.ts'
import { Afflictions } from './afflictions.ts'
import { Clients, type SdkPublisher } from './clients.ts'
import { type Engine, FAULTS, type FaultType } from './engine.ts'
import { Injector } from './injector.ts'
import { type ErrorCounts, Recorder } from './recorder.ts'
import { type ErrorReport, type PhaseSpan, REPORT_VERSION, type Report, total } from './report.ts'
import { faultsOf, type Scenario, type Step, schedule } from './scenarios.ts'
import type { Moment } from './view.ts'
import { Watcher } from './watcher.ts'
import { Workload } from './workload.ts'

export interface RunOptions {
  /** Null: no faults of ours. */
  readonly scenario: Scenario | null
  readonly seed: number
  /** Null: until the cycles are done. */
  readonly durationMs: number | null
  readonly cycles: number | null
  readonly rate: number
  readonly duplicateShare: number
  readonly sdks: readonly SdkPublisher[]
  readonly ledgerFile: LedgerFile | null
  /** Nobody else publishes to this store, and it was empty. */
  readonly exclusive: boolean
}

export interface RunPorts {
  readonly engine: Engine
  readonly stop: StopWish
  /** Answers how long to wait before it is asked again. */
  show(moment: Moment): number
}

const PUBLISHERS_PER_NODE = 3
const READS_PER_NODE = 12
const CONFLICT_SHARE = 0.03
const CONNECTIONS_PER_NODE = 32
/** Load before the first fault and after the last, so that both ends of the charts show a healthy cluster. */
const CALM_MS = 1_000
const READ_BACK_MS_MAX = 30_000

/** The cluster is up. */
export async function runChaos(ports: RunPorts, options: RunOptions): Promise<Report> {
  const { engine, stop } = ports
  const startedAt = new Date().toISOString()
  const zeroMs = performance.now()
  const now = () => performance.now() - zeroMs
  const sleep = (ms: number): Promise<void> => wait(ms)

  const afflictions = new Afflictions(engine.ids)
  const recorder = new Recorder(engine, afflictions, now, {
    exclusive: options.exclusive,
    file: options.ledgerFile,
  })
  const nodes = clientsOf(engine, CONNECTIONS_PER_NODE)
  // On connections of its own: what is shown must not wait behind what is tested.
  const eyes = clientsOf(engine, 1)
  const watcher = new Watcher({ engine, nodes: eyes, now, sleep })
  const injector = new Injector({
    engine,
    watcher,
    afflictions,
    meter: recorder.meter,
    now,
    sleep: stop.sleep,
  })
  const workload = new Workload({
    seed: options.seed,
    duplicateShare: options.duplicateShare,
    conflictShare: CONFLICT_SHARE,
  })
  const clients = new Clients(
    { nodes, ids: engine.ids, sdks: options.sdks, recorder, workload, now, sleep },
    {
      rate: options.rate,
      publishersPerNode: PUBLISHERS_PER_NODE,
      readsPerNode: READS_PER_NODE,
      localReads: engine.ids.every((id) => engine.life(id) !== null),
    },
  )

  const moment = (): Moment => ({
    scenario: options.scenario ?? 'no faults of ours',
    seed: options.seed,
    nowMs: now(),
    goal: goalOf(options, injector.steps),
    look: watcher.latest,
    inForce: injector.inForce,
    faults: injector.notes,
    seconds: recorder.meter.seconds(now()),
    longestGapMs: recorder.meter.longestGap(now()).gapMs,
    counts: recorder.counts,
    errors: {
      sdk: sum(recorder.errors('sdk').all),
      http: sum(recorder.errors('http').all),
      surviving: sum(recorder.errors('http').surviving),
    },
    violations: recorder.ledger.violations.length,
  })
  const display = showUntilDone(() => ports.show(moment()))

  watcher.start()
  clients.start()
  const lacking = lackingOf(engine, options.scenario)
  let durationMs = 0
  try {
    await stop.sleep(CALM_MS)
    if (options.scenario === null) await stop.sleep((options.durationMs ?? 0) - CALM_MS)
    else {
      const lacks = new Set(lacking.keys())
      const steps = schedule(options.scenario, options.seed, engine.ids.length, lacks)
      await injector.run(possible(steps, lacks), (done) => goesOn(options, now(), done, stop))
    }
    await stop.sleep(CALM_MS)
  } finally {
    // What is answered later is judged, but not measured.
    durationMs = now()
    recorder.meter.end()
    await clients.stop()
    display.end()
    await watcher.stop()
  }
  const seconds = recorder.meter.seconds(durationMs)
  const longestGap = recorder.meter.longestGap(durationMs)

  const complaints = [...injector.complaints]
  let verdict: Report['verdict'] = null
  try {
    await readBack(recorder.ledger, nodes, READ_BACK_MS_MAX)
    verdict = recorder.ledger.verdict()
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    complaints.push(error.message)
  }
  await Promise.all([...nodes, ...eyes].map((client) => client.close()))

  const { scenario, sdks, ledgerFile, ...shown } = options
  return {
    version: REPORT_VERSION,
    scenario: scenario ?? 'none',
    seed: options.seed,
    engine: engine.name,
    startedAt,
    durationMs,
    options: { ...shown, durationMs: options.durationMs ?? 0, cycles: options.cycles ?? 0 },
    steps: injector.steps,
    faults: injector.notes,
    lacking: [...lacking].map(([type, why]) => `${type}: ${why}`),
    timelines: engine.ids.map((id) => ({ node: id, spans: spansOf(watcher, id, durationMs) })),
    seconds,
    longestGap,
    counts: recorder.counts,
    errors: {
      sdk: plainCounts(recorder.errors('sdk')),
      http: plainCounts(recorder.errors('http')),
      read: plainCounts(recorder.errors('read')),
    },
    crashes: await engine.crashes(),
    complaints,
    verdict,
  }
}

function clientsOf(engine: Engine, connections: number): NodeClient[] {
  return engine.ids.map((id) => new NodeClient(engine.url(id), { connections }))
}

function goesOn(options: RunOptions, nowMs: number, done: number, stop: StopWish): boolean {
  const { durationMs, cycles } = options
  return (
    !stop.isAsked() &&
    (cycles === null || done < cycles) &&
    (durationMs === null || nowMs < durationMs - CALM_MS)
  )
}

function goalOf({ durationMs, cycles }: RunOptions, done: number): string {
  if (cycles !== null) return `· ${done} of ${cycles} cycles`
  return `of ${Math.round((durationMs ?? 0) / 1_000)} s`
}

/** Faults of the scenario that this engine cannot bring about, and why. */
function lackingOf(engine: Engine, scenario: Scenario | null): Map<FaultType, string> {
  const wanted = scenario === null ? [] : faultsOf(scenario)
  return new Map(
    FAULTS.filter((fault) => wanted.includes(fault)).flatMap((fault) => {
      const why = engine.lacks(fault)
      return why === null ? [] : [[fault, why] as const]
    }),
  )
}

/** A scenario that is nothing but a fault that cannot be had is no run at all. */
function* possible(steps: Iterable<Step>, lacks: ReadonlySet<FaultType>): Generator<Step> {
  for (const step of steps) {
    if (step.faults.some(({ type }) => lacks.has(type))) return
    yield step
  }
}

function showUntilDone(show: () => number): { end(): void } {
  let timer: NodeJS.Timeout
  const turn = (): void => {
    timer = setTimeout(turn, show())
  }
  turn()
  return { end: () => clearTimeout(timer) }
}

function spansOf(watcher: Watcher, id: string, endMs: number): PhaseSpan[] {
  const segments = watcher.segments(id)
  return segments.map((segment, place) => ({
    ...segment,
    toMs: segments[place + 1]?.fromMs ?? endMs,
  }))
}

function plainCounts({ all, surviving }: ErrorCounts): ErrorReport {
  return { all: Object.fromEntries(all), surviving: Object.fromEntries(surviving) }
}

function sum(counts: ReadonlyMap<string, number>): number {
  return total(Object.fromEntries(counts))
}
