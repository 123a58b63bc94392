// Histograms as plain numbers.

import { expect, test } from 'vitest'
import {
  BATCH_SIZES,
  Buckets,
  DISK_SECONDS,
  REQUEST_SECONDS,
} from '../../../node/metrics/buckets.ts'
import { RequestMeter } from '../../../node/metrics/request-meter.ts'

test('an observation counts for its own bound and all above it; beyond the last, only in all', () => {
  const buckets = new Buckets([1, 2, 5])
  for (const value of [0, 1, 1.5, 2, 5, 5.1, 100]) buckets.observe(value)

  expect(buckets.cumulative()).toEqual([2, 4, 5])
  expect(buckets.count).toBe(7)
  expect(buckets.sum).toBeCloseTo(114.6)
})

test.each([
  ['requests', REQUEST_SECONDS],
  ['the disk', DISK_SECONDS],
  ['batches', BATCH_SIZES],
])('the bounds for %s ascend, and print without an exponent', (_, bounds) => {
  expect([...bounds].sort((a, b) => a - b)).toEqual(bounds)
  expect(new Set(bounds).size).toBe(bounds.length)
  for (const bound of bounds) expect(String(bound)).toMatch(/^[\d.]+$/)
})

test('a route shows the classes of status that it answered', () => {
  const meter = new RequestMeter()
  const stats = meter.route('/stats', 'GET')
  stats.observe(200, 3)
  stats.observe(204, 4)
  stats.observe(503, 5_000)

  const shown = meter.durations().map(({ seconds, ...labels }) => ({ ...labels, sum: seconds.sum }))

  expect(shown).toEqual([
    { route: '/stats', method: 'GET', status: '2xx', sum: 0.007 },
    { route: '/stats', method: 'GET', status: '5xx', sum: 5 },
  ])
})
