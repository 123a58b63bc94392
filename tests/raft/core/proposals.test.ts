// Both ends of a proposal: at its origin until its end is known, and in its leader's memory.

import { describe, expect, test } from 'vitest'
import { AdmittedProposals, OwnProposals } from '../../../raft/core/proposals.ts'
import type { Entry, ProposalId } from '../../../raft/core/types.ts'

const data = new Uint8Array([1])
const entry = (index: number, term: number, proposal: ProposalId | null = null): Entry => ({
  index,
  term,
  type: proposal === null ? 'noop' : 'normal',
  proposal,
  data,
})
const taken = (own: OwnProposals, term: number) => [...own.take(term)].map(({ id }) => id.count)

describe('own proposals', () => {
  const own = () => new OwnProposals('n1', 7, 3, 0)

  test('are handed out in the order of their making, once until it is time again', () => {
    const proposals = own()
    for (let i = 0; i < 3; i++) proposals.add(data)
    expect(taken(proposals, 1)).toEqual([0, 1, 2])
    expect(taken(proposals, 1)).toEqual([])
    for (let i = 0; i < 3; i++) proposals.tick()
    expect(taken(proposals, 1)).toEqual([0, 1, 2])
    proposals.resendAll()
    expect(taken(proposals, 1)).toEqual([0, 1, 2])
  })

  test('end when their entry is handed out', () => {
    const proposals = own()
    const id = proposals.add(data)
    taken(proposals, 1)
    proposals.handedOut(entry(1, 1, id))
    expect(proposals.size).toBe(0)
  })

  test('of another node or life are none of ours', () => {
    const proposals = own()
    const id = proposals.add(data)
    taken(proposals, 1)
    proposals.handedOut(entry(1, 1, { ...id, life: 8 }))
    proposals.handedOut(entry(2, 1, { ...id, node: 'n2' }))
    proposals.refused({ ...id, life: 8 }, true, 0)
    expect(proposals.size).toBe(1)
    expect(proposals.abandon(id)).toBe(false)
  })

  test('stay in the term they were sent in until an entry of a later one is handed out', () => {
    const proposals = own()
    proposals.add(data)
    taken(proposals, 3)
    proposals.resendAll()
    expect(taken(proposals, 4)).toEqual([])
    proposals.handedOut(entry(1, 3))
    proposals.resendAll()
    expect(taken(proposals, 4)).toEqual([])

    proposals.handedOut(entry(2, 4))

    expect(taken(proposals, 4)).toEqual([0])
  })

  test('an entry of the later term that is the proposal itself ends it', () => {
    const proposals = own()
    const id = proposals.add(data)
    taken(proposals, 4)
    proposals.handedOut(entry(2, 4, id))
    expect(proposals.size).toBe(0)
  })

  test('a refusal asks for patience; only a certain one makes abandoning certain', () => {
    const proposals = own()
    const id = proposals.add(data)
    taken(proposals, 1)
    proposals.refused(id, false, 1)
    expect(taken(proposals, 1)).toEqual([])
    proposals.tick()
    expect(taken(proposals, 1)).toEqual([0])
    proposals.refused(id, true, 0)
    expect(taken(proposals, 1)).toEqual([0])
    proposals.refused(id, true, 5)
    expect(proposals.abandon(id)).toBe(true)
    proposals.refused(id, true, 0)
    expect(proposals.size).toBe(0)
  })

  test('a snapshot ends those that were sent, and settles the terms it covers', () => {
    const proposals = own()
    const sent = proposals.add(data)
    taken(proposals, 1)
    proposals.add(data)
    expect(proposals.jumpedOver(2)).toEqual([sent])
    expect(proposals.size).toBe(1)
    expect(taken(proposals, 2)).toEqual([1])
  })

  test('the floor is the first open one, or the next one', () => {
    const proposals = own()
    const [a, b] = [proposals.add(data), proposals.add(data)]
    expect(proposals.floor).toBe(0)
    proposals.abandon(a)
    expect(proposals.floor).toBe(1)
    proposals.abandon(b)
    expect(proposals.floor).toBe(2)
  })
})

describe('admitted proposals', () => {
  const id = (count: number): ProposalId => ({ node: 'n1', life: 1, count })

  test('are new once', () => {
    const admitted = new AdmittedProposals()
    expect(admitted.isNew(id(0), 0)).toBe(true)
    expect(admitted.isNew(id(0), 0)).toBe(true) // asked is not admitted
    admitted.admit(id(0))
    expect(admitted.isNew(id(0), 0)).toBe(false)
    expect(admitted.isNew({ ...id(0), node: 'n2' }, 0)).toBe(true)
  })

  test('below the floor nothing is new, and nothing is remembered; a floor never falls', () => {
    const admitted = new AdmittedProposals()
    admitted.isNew(id(4), 4)
    admitted.admit(id(4))
    expect(admitted.isNew(id(3), 0)).toBe(false)
    expect(admitted.isNew(id(9), 9)).toBe(true)
    expect(admitted.isNew(id(4), 0)).toBe(false)
  })
})
