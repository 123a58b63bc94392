// ReadIndex: which round confirms which read.

import { describe, expect, test } from 'vitest'
import { LeaderReads, OwnReads } from '../../../raft/core/reads.ts'

const all = () => true

describe('the leader’s reads', () => {
  test('are released when a majority has answered a round begun after them', () => {
    const reads = new LeaderReads(3)
    reads.add('n1', 1, 10)
    expect(reads.roundDue).toBe(true)
    expect(reads.takeConfirmed(all, 'n1')).toEqual([])
    reads.roundDue = false // the round has begun
    expect(reads.takeConfirmed(all, 'n1')).toEqual([])

    reads.acknowledged('n2', reads.sequence)

    expect(reads.takeConfirmed(all, 'n1')).toMatchObject([{ ticket: 1, index: 10, from: 'n1' }])
    expect(reads.takeConfirmed(all, 'n1')).toEqual([])
  })

  test('that come while a round is under way wait for the next', () => {
    const reads = new LeaderReads(3)
    reads.add('n1', 1, 10)
    reads.roundDue = false
    const first = reads.sequence
    reads.add('n1', 2, 11)
    reads.roundDue = false
    reads.acknowledged('n2', first)
    expect(reads.takeConfirmed(all, 'n1').map((read) => read.ticket)).toEqual([1])
    reads.acknowledged('n2', first) // again, and an older one changes nothing
    expect(reads.takeConfirmed(all, 'n1')).toEqual([])
    reads.acknowledged('n3', reads.sequence)
    expect(reads.takeConfirmed(all, 'n1').map((read) => read.ticket)).toEqual([2])
  })

  test('count nobody twice, and nobody that does not count', () => {
    const reads = new LeaderReads(5)
    reads.add('n1', 1, 10)
    reads.roundDue = false
    for (const node of ['n2', 'n2', 'n3']) reads.acknowledged(node, reads.sequence)
    expect(reads.takeConfirmed((node) => node !== 'n3', 'n1')).toEqual([])
    expect(reads.takeConfirmed((node) => node !== 'n1', 'n1')).toEqual([])
    expect(reads.takeConfirmed(all, 'n1')).toHaveLength(1)
  })

  test('wait until the commit index is known', () => {
    const reads = new LeaderReads(1)
    reads.add('n1', 1, null)
    reads.add('n2', 2, null)
    expect(reads.roundDue).toBe(false)
    reads.releaseDeferred(7)
    expect(reads.roundDue).toBe(true)
    reads.roundDue = false
    expect(reads.takeConfirmed(all, 'n1').map(({ index }) => index)).toEqual([7, 7])
  })

  test('one that is asked again is not kept twice', () => {
    const reads = new LeaderReads(3)
    for (let i = 0; i < 5; i++) reads.add('n2', 1, null)
    reads.releaseDeferred(7)
    for (let i = 0; i < 5; i++) reads.add('n2', 1, 8)
    reads.roundDue = false
    reads.acknowledged('n2', reads.sequence)
    expect(reads.takeConfirmed(all, 'n1')).toHaveLength(1)
  })
})

describe('a node’s own reads', () => {
  test('are asked once, again after some ticks, and again at once when told', () => {
    const reads = new OwnReads(1, 3)
    const ticket = reads.add()
    expect([...reads.take()]).toEqual([ticket])
    expect([...reads.take()]).toEqual([])
    reads.tick()
    reads.tick()
    expect([...reads.take()]).toEqual([])
    reads.tick()
    expect([...reads.take()]).toEqual([ticket])
    reads.askAgain()
    expect([...reads.take()]).toEqual([ticket])
  })

  test('end with one answer; null is none', () => {
    const reads = new OwnReads(1, 3)
    const ticket = reads.add()
    expect(reads.answered(ticket, null)).toBe(false)
    expect(reads.answered(ticket, 5)).toBe(true)
    expect(reads.answered(ticket, 5)).toBe(false)
    reads.askAgain()
    expect([...reads.take()]).toEqual([])
  })

  test('that nobody waits for are asked no more', () => {
    const reads = new OwnReads(1, 3)
    const ticket = reads.add()
    reads.cancel(ticket)
    expect([...reads.take()]).toEqual([])
    expect(reads.answered(ticket, 5)).toBe(false)
  })

  test('two lives never share a ticket, and tickets are safe integers', () => {
    const lives = [0, 1, 2 ** 20 - 1].map((life) => new OwnReads(life, 3).add())
    expect(new Set(lives).size).toBe(3)
    expect(lives.every(Number.isSafeInteger)).toBe(true)
  })
})
