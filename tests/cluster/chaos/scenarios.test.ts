// Plans of faults: the same seed gives the same plan, and each scenario holds what its name says.

import { expect, test } from 'vitest'
import type { FaultType } from '../../../cluster/chaos/engine.ts'
import {
  faultsOf,
  SCENARIOS,
  type Scenario,
  type Step,
  schedule,
} from '../../../cluster/chaos/scenarios.ts'

function plan(
  scenario: Scenario,
  seed: number,
  count: number,
  lacking: ReadonlySet<FaultType> = new Set(),
): Step[] {
  const steps = schedule(scenario, seed, 3, lacking)
  return Array.from({ length: count }, () => steps.next().value)
}

test('the same seed plans the same faults, another seed others', () => {
  for (const scenario of SCENARIOS) {
    expect(plan(scenario, 7, 40)).toEqual(plan(scenario, 7, 40))
    expect(plan(scenario, 7, 40)).not.toEqual(plan(scenario, 8, 40))
  }
})

test('a plan holds no faults but those of its scenario', () => {
  for (const scenario of SCENARIOS) {
    const types = plan(scenario, 3, 100).flatMap(({ faults }) => faults.map(({ type }) => type))

    expect(new Set(types)).toEqual(new Set(faultsOf(scenario)))
  }
})

test('every step rests before its fault and holds it for a while', () => {
  for (const { restMs, holdMs, faults } of plan('mixed', 5, 200)) {
    expect(restMs).toBeGreaterThan(0)
    expect(holdMs).toBeGreaterThan(0)
    expect(faults.length).toBeGreaterThan(0)
  }
})

test('mixed leaves out what cannot be had, and lets a second fault meet the first now and then', () => {
  const steps = plan('mixed', 5, 200, new Set(['slow-disk']))

  const types = steps.flatMap(({ faults }) => faults.map(({ type }) => type))
  expect(types).not.toContain('slow-disk')
  expect(steps.some(({ faults }) => faults.length === 2)).toBe(true)
})

test('a rolling restart goes round the nodes in order', () => {
  const targets = plan('rolling-restart', 1, 6).map(({ faults }) => faults[0]!.target)

  expect(targets.map((target) => target.type === 'node' && target.place)).toEqual([
    0, 1, 2, 0, 1, 2,
  ])
})

test('flapping links are cut and open in turn for as long as the longest hold', () => {
  for (const { faults, holdMs } of plan('flap', 9, 50)) {
    const sum = faults[0]!.flapMs.reduce((total, length) => total + length, 0)

    expect(sum).toBeGreaterThanOrEqual(holdMs)
  }
})
