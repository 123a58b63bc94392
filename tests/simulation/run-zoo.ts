// How many seeds it takes until each planted bug is caught.

import { Worker } from 'node:worker_threads'
import { type Failure, runSeeds, type SeedRun } from './run-seed.ts'
import { overridesOf } from './swarm.ts'
import type { Plant } from './zoo.ts'

export interface Caught {
  readonly plant: Plant
  /** Seeds run until it was caught; null: it was not. */
  readonly seeds: number | null
  readonly failure: Failure | null
}

/** Rejects if the plant does not fit the code. */
export async function hunt(
  plant: Plant,
  seedsMax: number,
  seconds: number,
  fromSeed = 1,
): Promise<Caught> {
  let caught: { seed: number; failure: Failure } | null = null
  function* runs(): Generator<SeedRun> {
    const overrides = plant.scenario && overridesOf(plant.scenario)
    for (let seed = fromSeed; seed < fromSeed + seedsMax; seed++)
      yield { seed, seconds, ...(overrides && { overrides }) }
  }
  await runSeeds(
    runs(),
    1,
    ({ run, failure }) => {
      if (failure !== null) caught = { seed: run.seed, failure }
    },
    () => caught === null,
    () => new Worker(new URL('./zoo-worker.ts', import.meta.url), { workerData: plant }),
  )
  if (caught === null) return { plant, seeds: null, failure: null }
  const { seed, failure } = caught as { seed: number; failure: Failure }
  return { plant, seeds: seed - fromSeed + 1, failure }
}

export interface HuntAll {
  readonly seedsMax: number
  readonly seconds: number
  readonly fromSeed: number
  readonly workers: number
}

/** Each plant by itself, `workers` of them at a time; the answer is in the order of the list. */
export async function huntAll(
  plants: readonly Plant[],
  { seedsMax, seconds, fromSeed, workers }: HuntAll,
  onCaught: (caught: Caught) => void,
): Promise<readonly Caught[]> {
  const found: Caught[] = []
  const waiting = plants.entries()
  const hunter = async () => {
    for (const [i, plant] of waiting) {
      const caught = await hunt(plant, seedsMax, seconds, fromSeed)
      found[i] = caught
      onCaught(caught)
    }
  }
  await Promise.all(Array.from({ length: workers }, hunter))
  return found
}
