// Hundreds of small random histories, a few milliseconds each. A failing one prints its seed and its last events;
// STORM=<seed> runs that one alone, STORMS=<number> runs more.

import { expect, test } from 'vitest'
import { runStorm } from './storm.ts'

const only = process.env.STORM
const many = Number(process.env.STORMS ?? 150)
const seeds = only === undefined ? Array.from({ length: many }, (_, i) => i) : [Number(only)]

test('I1–I9 hold in any storm, and the cluster converges after it', () => {
  let steps = 0
  for (const seed of seeds) steps += runStorm(seed, false).steps
  expect(steps).toBeGreaterThan(seeds.length * 500)
})

test('they hold as well when directories and stores are lost, one at a time', () => {
  let steps = 0
  for (const seed of seeds) steps += runStorm(seed, true).steps
  expect(steps).toBeGreaterThan(seeds.length * 500)
})

test('the same seed tells the same story', () => {
  const [first, second] = [runStorm(7, true), runStorm(7, true)]
  expect(second.story).toEqual(first.story)
})

test.each([1338, 1720])(
  'seed %i, which once left a cluster without a leader or a node uncleared',
  (seed) => {
    expect(runStorm(seed, true).steps).toBeGreaterThan(500)
  },
)
