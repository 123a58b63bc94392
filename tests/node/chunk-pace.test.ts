// When chunks of a snapshot may leave.

import { expect, test } from 'vitest'
import { CHUNK_PAUSE_MS, ChunkPace } from '../../node/chunk-pace.ts'

function world() {
  const slept: number[] = []
  const at = { nowMs: 1_000, busy: true }
  const pace = new ChunkPace({
    isBusy: () => at.busy,
    monotonicMs: () => at.nowMs,
    sleep: async (ms) => slept.push(ms),
  })
  return { at, pace, slept }
}

test('while entries are on their way, chunks leave one pause apart, whoever asks', async () => {
  const { at, pace, slept } = world()
  await pace.turn()
  await pace.turn()
  at.nowMs += 5
  await pace.turn()

  expect(slept).toEqual([CHUNK_PAUSE_MS, 2 * CHUNK_PAUSE_MS - 5])
})

test('who asks later than the pause does not wait', async () => {
  const { at, pace, slept } = world()
  for (let chunk = 0; chunk < 3; chunk++) {
    await pace.turn()
    at.nowMs += CHUNK_PAUSE_MS
  }

  expect(slept).toEqual([])
})

test('when nobody publishes, nobody waits, and no debt is left for later', async () => {
  const { at, pace, slept } = world()
  at.busy = false
  for (let chunk = 0; chunk < 100; chunk++) await pace.turn()
  at.busy = true
  await pace.turn()

  expect(slept).toEqual([CHUNK_PAUSE_MS])
})
