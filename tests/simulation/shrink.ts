// A failing seed with as little around it as possible: fewer kinds of faults, calmer weather, less time.
//
// Leaving something out shifts what chance does to the rest, so each attempt is another run; it counts when the same
// invariant breaks. Greedy, and bounded by a number of attempts.

import type { Failure, SeedResult, SeedRun } from './run-seed.ts'
import { CALMS, type Overrides, planOf } from './swarm.ts'

const ATTEMPTS_MAX = 200

export async function shrink(
  run: SeedRun,
  failure: Failure,
  runSeed: (run: SeedRun) => Promise<SeedResult>,
): Promise<SeedRun> {
  let best: SeedRun = { ...run, twice: failure.what === 'I22' }
  let attempts = 0

  async function accepts(candidate: SeedRun): Promise<boolean> {
    if (attempts++ >= ATTEMPTS_MAX) return false
    const result = await runSeed(candidate)
    if (result.failure?.what !== failure.what) return false
    best = candidate
    return true
  }
  const changed = (overrides: Overrides): SeedRun => ({
    ...best,
    overrides: { ...best.overrides, ...overrides },
  })
  const faults = () => best.overrides?.faults ?? planOf(run.seed, run.seconds).faults

  for (let smaller = true; smaller; ) {
    smaller = false
    for (const kind of faults()) {
      const rest = faults().filter((other) => other !== kind)
      if (await accepts(changed({ faults: rest }))) smaller = true
    }
    for (const calm of CALMS) {
      const calms = best.overrides?.calm ?? []
      if (!calms.includes(calm) && (await accepts(changed({ calm: [...calms, calm] }))))
        smaller = true
    }
    for (const part of [0.25, 0.5, 0.75, 0.9]) {
      const seconds = Math.max(1, Math.round(best.seconds * part))
      if (seconds < best.seconds && (await accepts({ ...best, seconds }))) smaller = true
    }
  }
  return best
}
