// The statistics: percentiles of a loop against a stub, what /proc says, and the figures of the table.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { deviceUsageIn, usageOf } from '../../../cluster/bench/accounting.ts'
import { type Load, latencyHistogram } from '../../../cluster/bench/closed-loop.ts'
import { type Measured, measure } from '../../../cluster/bench/measure.ts'
import { figure, reportLines, runLine } from '../../../cluster/bench/report.ts'
import { DURABLE, NOT_DURABLE, type Report, type Run } from '../../../cluster/bench/results.ts'

const DISKSTATS = `   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 150675 11470 6030498 1007131 748372 303605 101803680 460903 0 140500 1532962 168690 1616 70962312 39063 235997 25863
 254       1 old 1 2 3 4 5 6 7 8 9 10 11
`

describe('the disk', () => {
  test('is found by its numbers; sectors are 512 bytes', () => {
    expect(deviceUsageIn(DISKSTATS, 254, 0)).toEqual({
      writtenBytes: 101_803_680 * 512,
      flushes: 235_997,
    })
    expect(deviceUsageIn(DISKSTATS, 7, 0)).toEqual({ writtenBytes: 0, flushes: 0 })
  })

  test('is unknown where the system does not list it, and so are flushes of an older kernel', () => {
    expect(deviceUsageIn(DISKSTATS, 8, 0)).toBeNull()
    expect(deviceUsageIn(DISKSTATS, 254, 1)).toEqual({ writtenBytes: 3_584, flushes: Number.NaN })
  })
})

test('the usage of this process is more after work than before', () => {
  const before = usageOf(process.pid)
  const endMs = performance.now() + 100
  while (performance.now() < endMs);
  const after = usageOf(process.pid)

  expect(after.cpuSeconds).toBeGreaterThan(before.cpuSeconds)
  expect(after.rssBytes).toBeGreaterThan(10_000_000)
  expect(after.pssBytes).toBeLessThanOrEqual(after.rssBytes)
  expect(after.anonymousBytes).toBeLessThan(after.rssBytes)
  expect(after.rssPeakBytes).toBeGreaterThan(10_000_000)
})

test('a process that has gone has used nothing', () => {
  expect(usageOf(2 ** 22 + 1)).toEqual({
    ...{ cpuSeconds: 0, rssBytes: 0, rssPeakBytes: 0, pssBytes: 0, anonymousBytes: 0 },
  })
})

test('a measurement leaves the warm-up out, but for its failures', async () => {
  const runs: number[] = []
  const load: Load = {
    run: async (milliseconds) => {
      runs.push(milliseconds)
      const latency = latencyHistogram()
      for (let us = 1_000; us <= 100_000; us += 1_000) latency.record(us)
      await sleep(1)
      const warmUp = runs.length === 1
      return {
        ...{ seconds: 2, operations: warmUp ? 1_000_000 : 500, latency },
        ...{ failed: warmUp ? 1 : 2, firstFailure: warmUp ? 'early' : 'late' },
      }
    },
    close: async () => {},
  }

  const measured = await measure(load, {
    warmUpMs: 10,
    milliseconds: 20,
    pids: new Map([['n1', process.pid]]),
    directory: import.meta.dirname,
  })

  expect(runs).toEqual([10, 20])
  expect(measured).toMatchObject({ operations: 500, perSecond: 250, failed: 3 })
  expect(measured.firstFailure).toBe('early')
  expect(measured.p50Ms).toBeCloseTo(50, 0)
  expect(measured.p95Ms).toBeCloseTo(95, 0)
  expect(measured.p99Ms).toBeCloseTo(99, 0)
  expect(measured.maxMs).toBeCloseTo(100, 0)
})

describe('the report', () => {
  const load = (perSecond: number): Measured => ({
    ...{ seconds: 5, operations: 5 * perSecond, perSecond },
    ...{ p50Ms: 1.234, p95Ms: 2, p99Ms: 30.06, maxMs: 40 },
    cpu: { nodes: { n1: 10, n2: 30, n3: 20 }, client: 5 },
    rssBytes: { n1: 2 ** 20, n2: 3 * 2 ** 20, n3: 2 ** 20 },
    rssPeakBytes: { n1: 2 ** 20, n2: 2 ** 20, n3: 2 ** 20 },
    pssBytes: { n1: 2 ** 20, n2: 2 ** 20, n3: 2 * 2 ** 20 },
    anonymousBytes: { n1: 2 ** 20, n2: 2 * 2 ** 20, n3: 2 ** 20 },
    ...{ writtenBytes: 1_500, flushesPerSecond: null, failed: 0, firstFailure: null },
  })
  const run = (repeat: number, perSecond: number, extra: Partial<Run> = {}): Run => ({
    ...{ mode: 'single', repeat, by: 'sekali', promise: DURABLE, proved: true },
    lines: [{ label: 'single', load: load(perSecond) }],
    ...{
      acknowledged: 1_000,
      distinct: 700,
      stored: 700,
      leaderChanges: 0,
      eventLoopDelayMs: {},
      faults: [],
    },
    ...extra,
  })
  const report = (...runs: Run[]): Report => ({
    startedAt: '2026-01-01T00:00:00.000Z',
    machine: { processors: '2 × x', memoryBytes: 1, system: 'Linux', node: 'v24' },
    options: {
      ...{ modes: ['single'], seconds: 5, warmUpSeconds: 2, repeats: 3, basePort: 1, env: {} },
      settings: { signal: 'SIGKILL', kills: 10, events: null },
    },
    against: 'etcd',
    runs,
    ok: runs.every(({ faults }) => faults.length === 0),
  })

  test('shows min, median and max, and the busiest node first', () => {
    const [, row, ...rest] = reportLines(
      report(run(1, 900), run(2, 1_100), run(3, 1_000)),
    )[0]!.split('\n')

    expect(rest).toEqual([])
    expect(row!.split(/ {2,}/)).toEqual([
      ...['single', '900', '1,000', '1,100', '1.23', '2.00', '30.1'],
      ...['65.0', '30.0 + 20.0 + 10.0', '5.00', '3', '2', '4', '1,500', '–'],
    ])
  })

  test('ends with what was checked', () => {
    expect(reportLines(report(run(1, 900), run(2, 900))).at(-1)).toBe(
      '1,400 acknowledged events: each is stored once on every node, as it was sent.',
    )
  })

  test('says of each line when nothing is durable, and names others', () => {
    const lines = reportLines(
      report(run(1, 900, { promise: NOT_DURABLE }), run(1, 900, { by: 'etcd' })),
    ).join('\n')

    expect(lines).toContain('single (fsync off)')
    expect(lines).toContain('single (etcd)')
    expect(runLine(run(1, 900, { promise: NOT_DURABLE }))).toContain('single 1 (fsync off): ')
  })

  test('compares medians with the opponent, and counts nothing of its as proved', () => {
    const theirs = { by: 'etcd', proved: false, promise: 'whenever' }
    const runs = [run(1, 900), run(1, 250, theirs), run(2, 1_000), run(2, 500, theirs)]

    const lines = reportLines(report(...runs))

    expect(lines).toContain('single: 2.53 × etcd (950/s to 375/s)')
    expect(lines.join('\n')).toContain('single (etcd)')
    expect(lines).toContain('What etcd has acknowledged is whenever.')
    expect(lines.at(-1)).toMatch(/^1,400 acknowledged events/)
    expect(runLine(run(1, 250, { ...theirs, stored: 699 }))).toMatch(
      /; 700 events acknowledged, it says it stores 699$/,
    )
  })

  test('names faults and leader changes', () => {
    const lines = reportLines(
      report(run(1, 900, { faults: ['n2 lacks orders/x'], leaderChanges: 2 })),
    )

    expect(lines).toContain('FAULT single 1: n2 lacks orders/x')
    expect(lines).toContain('note: the term rose by 2 during single 1')
    expect(lines.at(-1)).toBe('1 FAULTS')
  })

  test('shows single values by name', () => {
    const values = (value: number) => ({
      lines: [{ label: 'restart', values: { 'time to serving': { value, unit: 's' } } }],
    })

    const text = reportLines(report(run(1, 0, values(1.5)), run(2, 0, values(2.5)))).join('\n')

    expect(text).toMatch(/^restart: time to serving +1\.50 +2\.00 +2\.50 +s$/m)
  })

  test.each([
    [0.1234, '0.123'],
    [1.234, '1.23'],
    [12.34, '12.3'],
    [12_345.6, '12,346'],
    [0, '0'],
    [Number.NaN, '–'],
  ])('writes %d as %s', (value, text) => {
    expect(figure(value)).toBe(text)
  })
})
