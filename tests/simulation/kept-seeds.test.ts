// The seeds that once found something, in this very thread, so that coverage sees what they reach.

import { expect, test } from 'vitest'
import { KEPT_SEEDS } from './kept-seeds.ts'
import { runSeed } from './run-seed.ts'

const SECONDS = 60

test.each(KEPT_SEEDS)('seed $seed: $story', async ({ seed }) => {
  const { failure } = await runSeed({ seed, seconds: SECONDS })

  expect(failure?.message).toBeUndefined()
})
