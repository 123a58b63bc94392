// What a leader knows of one follower, move by move.

import { describe, expect, test } from 'vitest'
import { Progress } from '../../../raft/core/progress.ts'
import { Random } from '../../../raft/core/random.ts'

const WINDOW = { messagesMax: 3, bytesMax: 100 }
const probing = () => new Progress(1, 11, WINDOW)
const streaming = () => {
  const progress = probing()
  progress.acknowledged(10)
  return progress
}
const at = (index: number) => ({ index, term: 1 })
const checkpoint = (index: number) => ({ index, term: 1, state: new Uint8Array(0) })

describe('a probed follower', () => {
  test('gets one message at a time; a heartbeat’s answer allows another', () => {
    const progress = probing()
    expect(progress.ready).toBe(true)
    progress.sent(15, 50)
    expect(progress.ready).toBe(false)
    expect(progress.next).toBe(11)
    progress.resume()
    expect(progress.ready).toBe(true)
  })

  test('is streamed to as soon as it acknowledges anything, also what was known', () => {
    const progress = probing()
    expect(progress.acknowledged(10)).toBe(true)
    expect(progress).toMatchObject({ state: 'replicate', match: 10, next: 11 })
    const again = streaming()
    again.becomeProbe()
    expect(again.acknowledged(10)).toBe(false)
    expect(again.state).toBe('replicate')
  })

  test('a refusal of what was not asked of late is old news', () => {
    const progress = probing()
    expect(progress.refused(at(5), 2)).toBe(false)
    expect(progress.refused(at(10), 4)).toBe(true)
    expect(progress.next).toBe(5)
  })
})

describe('a streamed follower', () => {
  test('has a window in messages', () => {
    const progress = streaming()
    for (const last of [11, 12, 13]) {
      expect(progress.ready).toBe(true)
      progress.sent(last, 1)
    }
    expect(progress.ready).toBe(false)
    progress.acknowledged(12)
    expect(progress).toMatchObject({ ready: true, inFlightMessages: 1, next: 14 })
  })

  test('has a window in bytes', () => {
    const progress = streaming()
    progress.sent(11, 99)
    expect(progress.ready).toBe(true)
    progress.sent(12, 99)
    expect(progress.ready).toBe(false)
    progress.acknowledged(11)
    expect(progress.ready).toBe(true)
  })

  test('is probed again after a refusal, never below what it holds', () => {
    const progress = streaming()
    progress.sent(15, 1)
    expect(progress.refused(at(9), 3)).toBe(false)
    expect(progress.refused(at(12), 3)).toBe(true)
    expect(progress).toMatchObject({ state: 'probe', match: 10, next: 11, inFlightMessages: 0 })
  })

  test('an old acknowledgement moves nothing back', () => {
    const progress = streaming()
    expect(progress.acknowledged(5)).toBe(false)
    expect(progress).toMatchObject({ match: 10, next: 11 })
  })
})

describe('a follower that takes a snapshot', () => {
  test('gets no entries, and is streamed to when it holds the offer', () => {
    const progress = streaming()
    progress.becomeSnapshot()
    expect(progress.ready).toBe(false)
    expect(progress.refused(at(15), 3)).toBe(false)
    progress.acknowledged(20)
    expect(progress.state).toBe('snapshot')
    progress.offer = checkpoint(30)
    progress.acknowledged(29)
    expect(progress.state).toBe('snapshot')
    progress.acknowledged(30)
    expect(progress).toMatchObject({ state: 'replicate', next: 31, offer: null })
  })

  test('sending entries to it breaks an invariant', () => {
    const progress = streaming()
    progress.becomeSnapshot()
    expect(() => progress.sent(11, 1)).toThrow('taking a snapshot')
  })
})

test('a follower whose link has closed is not heard, until it speaks', () => {
  const progress = streaming()
  progress.heard()
  progress.unheard()
  progress.tick()
  expect(progress.ticksSinceHeard).toBeGreaterThan(1e9)
  progress.heard()
  expect(progress.ticksSinceHeard).toBe(0)
})

test('ticks since it advanced start anew with news only', () => {
  const progress = streaming()
  progress.tick()
  progress.acknowledged(10)
  expect(progress.ticksSinceAdvance).toBe(1)
  progress.acknowledged(11)
  expect(progress.ticksSinceAdvance).toBe(0)
})

test('nothing is read and sent at the same time', () => {
  const progress = streaming()
  progress.reading = true
  expect(progress.ready).toBe(false)
})

test('whatever happens: match < next, match never falls, an empty window has room', () => {
  const random = new Random(3)
  for (let round = 0; round < 300; round++) {
    const progress = new Progress(1, 1 + random.below(20), WINDOW)
    let match = 0
    for (let step = 0; step < 60; step++) {
      const choice = random.below(7)
      if (choice === 0 && progress.ready) progress.sent(progress.next + random.below(3), 40)
      if (choice === 1) progress.acknowledged(random.below(progress.next))
      if (choice === 2) progress.refused(at(random.below(25)), random.below(25))
      if (choice === 3) progress.resume()
      if (choice === 4) progress.becomeProbe()
      if (choice === 5) progress.becomeSnapshot()
      if (choice === 6 && progress.state === 'snapshot') progress.offer = checkpoint(progress.next)
      expect(progress.match).toBeGreaterThanOrEqual(match)
      expect(progress.next).toBeGreaterThan(progress.match)
      if (progress.state === 'replicate' && progress.inFlightMessages === 0)
        expect(progress.ready).toBe(true)
      match = progress.match
    }
  }
})
