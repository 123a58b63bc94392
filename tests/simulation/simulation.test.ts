// The simulation in `npm test`: hundreds of storms on two threads, the same seed twice, and a sample of planted bugs that
// must be caught. The long runs are `npm run simulate -- --seeds N` and `npm run simulate -- --zoo`.

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { describe, expect, test } from 'vitest'
import { DRAWN_FAULT_KINDS } from './faults.ts'
import { addMarks, MARKS, type Mark } from './marks.ts'
import { runSeeds, type SeedResult, type SeedRun } from './run-seed.ts'
import { hunt } from './run-zoo.ts'
import { planOf } from './swarm.ts'
import { editsOf, ZOO } from './zoo.ts'

const SEEDS = 400
const SECONDS = 60
const TWICE_EVERY = 20
const WORKERS = Math.min(2, availableParallelism())

async function runAll(runs: readonly SeedRun[]): Promise<readonly SeedResult[]> {
  const results: SeedResult[] = []
  const failed = () => results.some(({ failure }) => failure !== null)
  await runSeeds(
    runs,
    WORKERS,
    (result) => results.push(result),
    () => !failed(),
  )
  return results
}

const failuresOf = (results: readonly SeedResult[]): readonly string[] =>
  results.flatMap(({ run, failure }) =>
    failure === null ? [] : [`npm run simulate -- --seed ${run.seed}: ${failure.message}`],
  )

describe('storms', () => {
  test(`${SEEDS} seeds of ${SECONDS} virtual seconds with all faults on`, async () => {
    const startMs = performance.now()
    const runs = Array.from({ length: SEEDS }, (_, i) => ({
      seed: i + 1,
      seconds: SECONDS,
      twice: (i + 1) % TWICE_EVERY === 0,
    }))

    const results = await runAll(runs)

    const events = results.reduce((sum, result) => sum + result.events, 0)
    const seconds = (performance.now() - startMs) / 1000
    console.log(
      `simulation: ${results.length} seeds, ${(events / 1e6).toFixed(1)} M events, ` +
        `${Math.round(events / seconds / 1000)} k events/s, ${seconds.toFixed(0)} s`,
    )
    expect(failuresOf(results)).toEqual([])
    expect(results).toHaveLength(SEEDS)
    const marks = new Map<Mark, number>()
    for (const result of results) addMarks(marks, result.marks)
    expect(MARKS.filter((mark) => (marks.get(mark) ?? 0) === 0)).toEqual([])
  }, 900_000)
})

test('no seed draws a fault that only scenarios name: it would give every seed another run', () => {
  const drawn = Array.from({ length: 500 }, (_, seed) => planOf(seed).faults).flat()

  expect(new Set(drawn)).toEqual(new Set(DRAWN_FAULT_KINDS))
})

describe('the zoo', () => {
  test('every plant fits the code once', () => {
    const counts = ZOO.flatMap((plant) =>
      editsOf(plant).map(({ file, find }) => {
        const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
        return { bug: plant.bug, times: source.split(find).length - 1 }
      }),
    )

    expect(counts.filter(({ times }) => times !== 1)).toEqual([])
    const bugs = new Set(ZOO.map(({ bug }) => bug))
    expect(bugs.size).toBe(ZOO.length)
    expect(bugs.size).toBeGreaterThanOrEqual(40)
  })

  // The canary, and others that are caught within a few seeds; the last in a scenario of its own.
  test.each([
    'promises leave before the write they rest on (the canary)',
    'a vote is not saved',
    'what is not durable in the own log is applied',
    'a candidate counts its own vote at once',
    'a late, shorter append cuts what follows it',
    'a repeated proposal is appended again',
    'an abandoned proposal is called "certainly not stored"',
    'a checkpoint is told before the store is flushed',
    'conflicts are not told',
    'a confirmed read looks before its index is applied',
    'a vote given in an earlier term is counted in this one',
  ])('is caught: %s', async (bug) => {
    const plant = ZOO.find((candidate) => candidate.bug === bug)!

    const { failure } = await hunt(plant, 40, SECONDS)

    expect(failure).not.toBeNull()
  })
})
