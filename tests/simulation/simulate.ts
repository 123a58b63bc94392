// `npm run simulate`: runs seeds of the simulation and prints what a person wants to see.
//
//   npm run simulate -- --seed 42 [--seconds 60] [--scenario partition] [--trace]      one seed, with its timeline
//   npm run simulate -- --seeds 1000 [--from 1] [--workers 2] [--seconds 60]           many; stops at the first failure
//   npm run simulate -- --seeds 20000 --keep-going                                     all of them, whatever fails
//   npm run simulate -- --zoo [--bug "a vote"] [--seeds 500]                           planted bugs, until each is caught
//
// A failure is printed with its seed and the last steps before it, then shrunk: the same seed with fewer faults and less
// time, as long as it breaks the same invariant. --faults and --calm replay what shrinking found. With --keep-going a
// failure is one line when it comes, and all are listed at the end; nothing is shrunk.

import { parseArgs } from 'node:util'
import { FAULT_KINDS, type FaultKind, SCENARIOS, type Scenario } from './faults.ts'
import { addMarks, MARKS, type Mark } from './marks.ts'
import { runSeed, runSeeds, type SeedResult, type SeedRun, traceSeed } from './run-seed.ts'
import { huntAll } from './run-zoo.ts'
import { shrink } from './shrink.ts'
import { CALMS, type Calm, type Overrides, overridesOf, planOf } from './swarm.ts'
import { statusLines, timelineLine } from './timeline.ts'
import { ZOO, ZOO_SEEDS_MAX } from './zoo.ts'
import { huntLine, zooSummary, zooTable } from './zoo-table.ts'

const LAST_STEPS = 200
/** Each mark is due so often in so many seeds; from there on a missing one is a failure. */
const MARK_TIMES_DUE = 20
const MARKS_DUE_SEEDS = 2_000

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
    workers: { type: 'string', default: '2' },
    scenario: { type: 'string' },
    faults: { type: 'string' },
    calm: { type: 'string' },
    trace: { type: 'boolean', default: false },
    marks: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    zoo: { type: 'boolean', default: false },
    bug: { type: 'string', multiple: true },
    'no-shrink': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const USAGE = `npm run simulate -- --seed N [--seconds S] [--scenario NAME] [--faults "a,b"] [--calm "a,b"] [--trace]
npm run simulate -- --seeds N [--from M] [--workers 2] [--seconds S] [--scenario NAME] [--marks] [--keep-going]
npm run simulate -- --zoo [--bug "part of its name"] [--seeds ${ZOO_SEEDS_MAX}] [--from M] [--workers 2] [--seconds S]

Many seeds stop at the first failure; with --keep-going all are run, and those that failed are listed at the end (exit 1).

scenarios: ${Object.keys(SCENARIOS).join(', ')}
faults:    ${FAULT_KINDS.join(', ')}
calm:      ${CALMS.join(', ')}`

function fail(sentence: string): never {
  console.error(`${sentence}\n\n${USAGE}`)
  process.exit(2)
}

function count(name: 'seed' | 'seeds' | 'from' | 'seconds' | 'workers', min = 1): number {
  const text = options[name]
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < min) fail(`--${name} ${text} is no whole number`)
  return value
}

function listOf<T extends string>(name: 'faults' | 'calm', known: readonly T[]): T[] {
  const given = (options[name] ?? '').split(',').map((item) => item.trim())
  return given
    .filter((item) => item !== '')
    .map((item) => known.find((one) => one === item) ?? fail(`--${name}: there is no "${item}"`))
}

function overrides(): Overrides {
  const calm = listOf<Calm>('calm', CALMS)
  const faults = options.faults !== undefined && {
    faults: listOf<FaultKind>('faults', FAULT_KINDS),
  }
  if (options.scenario === undefined) return { ...faults, calm }
  const scenario = (Object.keys(SCENARIOS) as Scenario[]).find((name) => name === options.scenario)
  if (scenario === undefined) fail(`there is no scenario "${options.scenario}"`)
  return { ...overridesOf(scenario), ...faults, calm }
}

async function one(): Promise<void> {
  const run = { seed: count('seed', 0), seconds: count('seconds'), overrides: overrides() }
  const { members, faults, workload, network } = planOf(run.seed, run.seconds, run.overrides)
  console.log(`seed ${run.seed}: ${members.length} nodes, ${workload.clients} clients`)
  console.log(`faults: ${faults.join(', ') || 'none'}; loss ${network.loss.toFixed(3)}`)
  const { result, lines, simulation } = await traceSeed(run)
  const shown = options.trace ? lines : result.failure === null ? [] : lines.slice(-LAST_STEPS)
  for (const line of shown) console.log(timelineLine(line))
  for (const line of statusLines(simulation.cluster.nodes)) console.log(line)
  report(result)
  if (result.failure !== null) await shrunk(run, result)
}

async function many(): Promise<void> {
  const seeds = count('seeds')
  const from = count('from', 0)
  const seconds = count('seconds')
  const given = overrides()
  const sum = { seeds: 0, events: 0, virtualSeconds: 0, acknowledged: 0 }
  const marks = new Map<Mark, number>()
  const startMs = performance.now()
  const failures: SeedResult[] = []
  let shownMs = startMs

  function* runs(): Generator<SeedRun> {
    for (let seed = from; seed < from + seeds; seed++)
      yield { seed, seconds, overrides: given, twice: seed % 20 === 0 }
  }
  await runSeeds(
    runs(),
    count('workers'),
    (result) => {
      sum.seeds++
      sum.events += result.events
      sum.virtualSeconds += result.virtualSeconds
      sum.acknowledged += result.acknowledged
      addMarks(marks, result.marks)
      if (result.failure !== null) failures.push(result)
      if (result.failure !== null && options['keep-going']) console.log(failureLine(result))
      if (performance.now() - shownMs > 2_000) {
        shownMs = performance.now()
        console.log(progress(sum, startMs))
      }
    },
    () => options['keep-going'] || failures.length === 0,
  )
  console.log(progress(sum, startMs))
  if (options.marks || seeds >= MARKS_DUE_SEEDS) printMarks(marks, seeds)
  failures.sort((a, b) => a.run.seed - b.run.seed)
  const [failed] = failures
  if (options['keep-going']) return listed(failures)
  if (failed === undefined) return
  const { run } = failed
  const { result, lines, simulation } = await traceSeed(run)
  for (const line of lines.slice(-LAST_STEPS)) console.log(timelineLine(line))
  for (const line of statusLines(simulation.cluster.nodes)) console.log(line)
  report(result)
  await shrunk(run, result.failure === null ? failed : result)
}

function listed(failures: readonly SeedResult[]): void {
  if (failures.length === 0) return console.log('no seed failed')
  process.exitCode = 1
  console.log(`\n${failures.length} failed:`)
  for (const failed of failures) console.log(failureLine(failed))
}

const failureLine = ({ run, failure }: SeedResult): string =>
  `seed ${run.seed} FAILED  ${failure?.message}`

function progress(
  sum: { seeds: number; events: number; virtualSeconds: number; acknowledged: number },
  startMs: number,
): string {
  const seconds = (performance.now() - startMs) / 1000
  const rate = Math.round(sum.events / seconds / 1000)
  return (
    `${sum.seeds} seeds, ${(sum.virtualSeconds / 3600).toFixed(2)} virtual hours, ` +
    `${(sum.events / 1e6).toFixed(1)} M events, ${rate} k events/s, ` +
    `${sum.acknowledged} publishes answered, ${seconds.toFixed(0)} s`
  )
}

/** Rarest first. What a long run hardly ever reaches, it proves little about, and it says so. */
function printMarks(marks: ReadonlyMap<Mark, number>, seeds: number): void {
  const times = (mark: Mark) => marks.get(mark) ?? 0
  const byCount = [...MARKS].sort((a, b) => times(a) - times(b))
  for (const mark of byCount) console.log(`${String(times(mark)).padStart(9)}  ${mark}`)
  const due = Math.ceil((MARK_TIMES_DUE * seeds) / MARKS_DUE_SEEDS)
  const missing = byCount.filter((mark) => times(mark) < due)
  if (missing.length === 0) console.log(`${MARKS.length} marks, each reached at least ${due} times`)
  else console.log(`MISSING, not reached ${due} times: ${missing.join('; ')}`)
  if (missing.length > 0 && seeds >= MARKS_DUE_SEEDS) process.exitCode = 1
}

function report({ run, failure, traceHash, events, virtualSeconds, acknowledged }: SeedResult) {
  if (failure !== null) {
    process.exitCode = 1
    console.log(`\nseed ${run.seed} FAILED\n${failure.message}`)
    console.log(failure.stack.split('\n').slice(1, 6).join('\n'))
    return
  }
  console.log(
    `seed ${run.seed}: all well; ${virtualSeconds.toFixed(1)} virtual seconds, ${events} events, ` +
      `${acknowledged} publishes answered, trace ${traceHash}`,
  )
}

async function shrunk(run: SeedRun, { failure }: SeedResult): Promise<void> {
  process.exitCode = 1
  if (options['no-shrink'] || failure === null) return
  console.log('\nshrinking …')
  const smaller = await shrink(run, failure, runSeed)
  const { faults, calm = [] } = smaller.overrides ?? {}
  const quoted = (list: readonly string[]) => `"${list.join(',')}"`
  const scenario = options.scenario === undefined ? '' : ` --scenario ${options.scenario}`
  console.log(
    `npm run simulate -- --seed ${smaller.seed} --seconds ${smaller.seconds}${scenario}` +
      ` --faults ${quoted(faults ?? planOf(run.seed, run.seconds).faults)} --calm ${quoted(calm)}`,
  )
}

/** Each planted bug is hunted until some seed catches it; exit code 1 if none does. */
async function zoo(): Promise<void> {
  const asked = options.bug ?? ['']
  for (const part of asked)
    if (!ZOO.some(({ bug }) => bug.includes(part))) fail(`no planted bug is called "${part}"`)
  const plants = ZOO.filter(({ bug }) => asked.some((part) => bug.includes(part)))
  const seedsMax = options.seeds === undefined ? ZOO_SEEDS_MAX : count('seeds')
  const startMs = performance.now()
  let done = 0
  const all = await huntAll(
    plants,
    { seedsMax, seconds: count('seconds'), fromSeed: count('from', 0), workers: count('workers') },
    (caught) => console.log(huntLine(caught, ++done, plants.length, performance.now() - startMs)),
  )
  for (const line of ['', ...zooTable(all), '', zooSummary(all)]) console.log(line)
  if (all.some(({ seeds }) => seeds === null)) process.exitCode = 1
}

if (options.help) console.log(USAGE)
else if (options.zoo) await zoo()
else if (options.seeds !== undefined) await many()
else if (options.seed !== undefined) await one()
else fail('one of --seed, --seeds and --zoo')
