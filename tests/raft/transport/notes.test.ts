// Notes: told seldom, counted always.

import { describe, expect, test } from 'vitest'

import { checkLimits, DEFAULT_LIMITS } from '../../../raft/transport/limits.ts'
import { type NoteDraft, Notes, type TransportNote } from '../../../raft/transport/notes.ts'

const draft: NoteDraft = { type: 'badFrame', direction: 'in', peer: 'n2', reason: 'checksum' }

const noting = (sweepsPerPeriod: number) => {
  const told: TransportNote[] = []
  return { told, notes: new Notes((note) => told.push(note), sweepsPerPeriod) }
}

describe('notes', () => {
  test('a cause is told at once, then once a period with its count, then is forgotten', () => {
    const { told, notes } = noting(2)

    for (let n = 0; n < 5; n++) notes.add(draft)
    const atOnce = told.map((note) => note.count)
    notes.sweep()
    const inMidPeriod = told.length
    notes.sweep()
    const afterPeriod = told.map((note) => note.count)
    notes.sweep()
    notes.sweep()
    notes.add(draft)

    expect(atOnce).toEqual([1])
    expect(inMidPeriod).toBe(1)
    expect(afterPeriod).toEqual([1, 4])
    expect(told.map((note) => note.count)).toEqual([1, 4, 1])
    expect(notes.counts()).toEqual({ badFrame: 6 })
  })

  test('another cause is told for itself', () => {
    const { told, notes } = noting(2)

    notes.add(draft)
    notes.add({ ...draft, reason: 'length' })
    notes.add({ ...draft, peer: 'n3' })

    expect(told.length).toBe(3)
  })

  test('thousands of causes, as of a peer that invents names, are told together', () => {
    const { told, notes } = noting(2)

    for (let n = 0; n < 5_000; n++) notes.add({ ...draft, peer: `invented ${n}` })
    notes.sweep()
    notes.sweep()

    expect(told.length).toBeLessThan(300)
    expect(told.reduce((sum, note) => sum + note.count, 0)).toBe(5_000)
  })

  test('with no period each note is told', () => {
    const { told, notes } = noting(0)

    for (let n = 0; n < 3; n++) notes.add(draft)

    expect(told.length).toBe(3)
  })
})

describe('limits', () => {
  test('the defaults hold together', () => {
    expect(checkLimits(DEFAULT_LIMITS)).toBe(DEFAULT_LIMITS)
  })

  test.each([
    ['frameBytesMax', { frameBytesMax: 1_000 }],
    ['queueBytesMax', { queueBytesMax: DEFAULT_LIMITS.frameBytesMax }],
    ['identityHoldMs', { identityHoldMs: 0 }],
    ['linkSilenceMs', { linkSilenceMs: 500 }],
    ['redialMaxMs', { redialMaxMs: 1 }],
    ['pendingMax', { pendingMax: 0 }],
    ['keepaliveMs', { keepaliveMs: Number.NaN }],
  ])('a %s that contradicts the others is named', (name, change) => {
    expect(() => checkLimits({ ...DEFAULT_LIMITS, ...change })).toThrow(name)
  })
})
