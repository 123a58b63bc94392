// Correct histories pass: a checker that cries wolf proves nothing.

import { expect, test } from 'vitest'
import { judge } from '../../../client/ledger/ledger.ts'
import { checkLinearizable } from '../../../client/ledger/linearizability.ts'
import { checkPerKey } from '../../../client/ledger/per-key.ts'
import { settleUnknowns, singles } from '../../../client/ledger/single.ts'
import { correctRun } from './tiny-cluster.ts'

const RUNS = 2_000

test(`${RUNS} correct random histories pass the ledger, with and without the knowledge that nobody else publishes`, () => {
  const told = { accepted: 0, duplicate: 0, refused: 0, unknown: 0 }
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const { history, contents } = correctRun(seed, { operations: 60, events: 12, everything: true })

    const verdict = judge(history, contents)
    const among = judge(history, contents, { exclusive: false })

    expect({ seed, violations: verdict.violations }).toEqual({ seed, violations: [] })
    expect({ seed, violations: among.violations }).toEqual({ seed, violations: [] })
    expect(verdict).toMatchObject({
      clean: true,
      lost: 0,
      storedTwice: 0,
      phantoms: 0,
      positionsDense: true,
      digestsEqualAt: contents[0]!.counters.applied,
      countersEqual: true,
    })
    for (const type of ['accepted', 'duplicate', 'refused', 'unknown'] as const) {
      told[type] += verdict.publishes[type]
    }
  }
  // The histories are worth something only if they hold all of it, and often.
  expect(Math.min(...Object.values(told))).toBeGreaterThan(RUNS)
})

test('the same histories pass the per-event intervals and the linearizability checker', () => {
  for (let seed = 1; seed <= 1_000; seed += 1) {
    const { history, contents } = correctRun(seed, { operations: 40, events: 12, everything: true })
    const operations = singles(history)
    const settled = settleUnknowns(operations, contents[0]!.events)

    const found = [operations, settled].flatMap((some) => [
      ...checkPerKey(some),
      ...checkLinearizable(some),
    ])

    expect({ seed, found }).toEqual({ seed, found: [] })
  }
})

test('the same seed gives the same history', () => {
  const workload = { operations: 60, events: 12, everything: true }

  expect(correctRun(7, workload)).toEqual(correctRun(7, workload))
  expect(correctRun(7, workload)).not.toEqual(correctRun(8, workload))
})
