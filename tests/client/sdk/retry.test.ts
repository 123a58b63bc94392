// Retry policy, without a clock.

import { describe, expect, test } from 'vitest'
import { backoffMs, parseRetryAfter, shouldRetry, tryTimeMs } from '../../../client/sdk/retry.ts'

const POLICY = { baseMs: 100, capMs: 1_000 }

describe('what is tried again', () => {
  test.each([408, 429, 502, 503, 504])('%i may pass by itself', (status) => {
    expect(shouldRetry(status)).toBe(true)
  })

  test.each([200, 400, 404, 405, 413, 415, 422, 500])('%i will not', (status) => {
    expect(shouldRetry(status)).toBe(false)
  })
})

describe('the pause before the next try', () => {
  test('lies anywhere below a bound that doubles up to its cap', () => {
    const longest = () => 1

    const bounds = [0, 1, 2, 3, 4, 500].map((attempt) => backoffMs(attempt, null, longest, POLICY))

    expect(bounds).toEqual([100, 200, 400, 800, 1_000, 1_000])
    expect(backoffMs(3, null, () => 0, POLICY)).toBe(0)
    expect(backoffMs(3, null, () => 0.25, POLICY)).toBe(200)
  })

  test('is never shorter than the server asked for, and differs between clients even then', () => {
    expect(backoffMs(0, 1_500, () => 0, POLICY)).toBe(1_500)
    expect(backoffMs(0, 1_500, () => 0.5, POLICY)).toBe(1_550)
  })
})

test('a try has twice the time after each that ran out of it', () => {
  expect([0, 1, 2, 3].map((timeouts) => tryTimeMs(3_000, timeouts))).toEqual([
    3_000, 6_000, 12_000, 24_000,
  ])
})

describe('Retry-After', () => {
  const nowMs = Date.UTC(2026, 0, 1, 12, 0, 0)

  test.each([
    ['2', 2_000],
    ['0', 0],
    ['Thu, 01 Jan 2026 12:00:05 GMT', 5_000],
    ['Thu, 01 Jan 2026 11:59:00 GMT', 0],
    ['soon', null],
    ['-1', null],
    ['', null],
    [null, null],
  ])('%j means %j ms', (header, expected) => {
    expect(parseRetryAfter(header, nowMs)).toBe(expected)
  })
})
