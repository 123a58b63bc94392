// Retry policy, without a clock.

import { describe, expect, test } from 'vitest'
import { isRetryable, parseRetryAfter, pauseMs } from '../../cluster/retry.ts'

const POLICY = { baseMs: 100, capMs: 1_000 }

describe('what is tried again', () => {
  test.each([408, 429, 502, 503, 504])('%i may pass by itself', (status) => {
    expect(isRetryable(status)).toBe(true)
  })

  test.each([200, 400, 404, 405, 413, 415, 422, 500])('%i will not', (status) => {
    expect(isRetryable(status)).toBe(false)
  })
})

describe('the pause before the next try', () => {
  test('lies anywhere below a bound that doubles up to its cap', () => {
    const longest = () => 1

    const bounds = [0, 1, 2, 3, 4, 500].map((attempt) => pauseMs(attempt, null, longest, POLICY))

    expect(bounds).toEqual([100, 200, 400, 800, 1_000, 1_000])
    expect(pauseMs(3, null, () => 0, POLICY)).toBe(0)
    expect(pauseMs(3, null, () => 0.25, POLICY)).toBe(200)
  })

  test('is never shorter than the server asked for, and differs between clients even then', () => {
    expect(pauseMs(0, 1_500, () => 0, POLICY)).toBe(1_500)
    expect(pauseMs(0, 1_500, () => 0.5, POLICY)).toBe(1_550)
  })
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
