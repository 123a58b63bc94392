// What a chaos run measures: gaps, first acknowledgements, and which errors have an excuse.

import { describe, expect, test } from 'vitest'
import { Afflictions } from '../../../cluster/chaos/afflictions.ts'
import { Meter, spreadOf } from '../../../cluster/chaos/meter.ts'

describe('meter', () => {
  test('counts events by the second in which they were acknowledged', () => {
    const meter = new Meter()
    meter.acknowledged(3, 0, 100)
    meter.acknowledged(2, 0, 900)
    meter.acknowledged(4, 0, 2_100)

    expect(meter.seconds(2_500).map(({ events }) => events)).toEqual([5, 0, 4])
  })

  test('shows a gap in each second it lasts through, as long as it had lasted by then', () => {
    const meter = new Meter()
    meter.acknowledged(1, 0, 500)
    meter.acknowledged(1, 0, 2_200)

    expect(meter.seconds(2_300).map(({ gapMs }) => gapMs)).toEqual([500, 1_500, 1_700])
    expect(meter.longestGap(2_300)).toEqual({ gapMs: 1_700, endMs: 2_200 })
  })

  test('takes the present silence for a gap', () => {
    const meter = new Meter()
    meter.acknowledged(1, 0, 100)

    expect(meter.longestGap(900)).toEqual({ gapMs: 800, endMs: 900 })
    expect(meter.seconds(900).map(({ gapMs }) => gapMs)).toEqual([800])
  })

  test('measures nothing after the end of the load', () => {
    const meter = new Meter()
    meter.acknowledged(1, 0, 100)
    meter.end()
    meter.acknowledged(1, 0, 5_000)

    expect(meter.longestGap(200)).toEqual({ gapMs: 100, endMs: 100 })
  })

  test('the first acknowledgement after a fault is one of a publish that was sent after it', async () => {
    const meter = new Meter()
    const first = meter.firstAfter(1_000)

    meter.acknowledged(1, 990, 1_010)
    meter.acknowledged(1, 1_020, 1_200)
    meter.acknowledged(1, 1_100, 1_300)

    expect(await first).toBe(1_200)
  })

  test('the median of an even number of values lies between the two in the middle', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ count: 4, min: 1, median: 2.5, max: 4 })
    expect(spreadOf([])).toBe(null)
  })
})

describe('surviving nodes', () => {
  const ids = ['n1', 'n2', 'n3']

  test('are those that no fault touched since the call began', () => {
    const afflictions = new Afflictions(ids)
    const before = afflictions.now()
    afflictions.begin(['n1'])
    const during = afflictions.now()

    expect(afflictions.survivedSince('n1', during)).toBe(false)
    expect(afflictions.survivedSince('n2', during)).toBe(true)
    afflictions.end(['n1'])
    expect(afflictions.survivedSince('n1', before)).toBe(false)
    expect(afflictions.survivedSince('n1', during)).toBe(false)
    expect(afflictions.survivedSince('n1', afflictions.now())).toBe(true)
  })

  test('need a majority of their kind', () => {
    const afflictions = new Afflictions(ids)
    afflictions.begin(['n1'])
    afflictions.begin(['n2'])

    expect(afflictions.survivedSince('n3', afflictions.now())).toBe(false)
  })

  test('two faults on one node both have to end', () => {
    const afflictions = new Afflictions(ids)
    afflictions.begin(['n1'])
    afflictions.begin(['n1'])
    afflictions.end(['n1'])

    expect(afflictions.survivedSince('n1', afflictions.now())).toBe(false)
  })
})
