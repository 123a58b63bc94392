// Who may promise: pins, evidence of a loss, and the way back to membership.

import { describe, expect, test } from 'vitest'
import { decodePins, encodePins, Identities } from '../../../raft/core/identity.ts'
import { RaftLog } from '../../../raft/core/log.ts'
import { type Identity, ORIGIN } from '../../../raft/core/types.ts'
import { entriesOf, storeOf } from './network.ts'

const MEMBERS = ['n1', 'n2', 'n3']
const pins = (...nodes: string[]) => nodes.map((node) => ({ node, store: storeOf(node) }))

function identities(have: Partial<Identity> = {}, lostEnd = false, vote: string | null = null) {
  const entries = entriesOf([1, 1, 2])
  const log = new RaftLog({ base: ORIGIN, terms: [entries[0]!, entries[2]!], entries, applied: 0 })
  const identity = {
    store: 'own',
    members: MEMBERS,
    pins: pins('n2', 'n3'),
    member: true,
    configIndex: 0,
    ...have,
  }
  const hardState = { term: 2, vote }
  return new Identities({ self: 'n1', identity, hardState, log, spareStore: 'spare', lostEnd })
}

const said = (pinned: string | null, seen: Parameters<Identities['told']>[1]['seen'] = null) => ({
  pinned,
  seen,
  commit: 0,
})

describe('whom it counts', () => {
  test('itself as a member; a peer under the pinned store, once met', () => {
    const known = identities()
    expect(known.counts('n1')).toBe(true)
    expect(known.counts('n2')).toBe(false)
    known.meet('n2', storeOf('n2'))
    expect(known.counts('n2')).toBe(true)
    known.meet('n2', 'another')
    expect(known.counts('n2')).toBe(false)
    expect(known.unpinned('n2')).toBe('another')
    expect(identities({ member: false }).counts('n1')).toBe(false)
  })

  test('the store shown last is the unpinned one, until a pin names it or it shows the pinned one', () => {
    const known = identities()
    expect(known.unpinned('n2')).toBeNull()
    known.meet('n2', 'new')
    expect(known.unpinned('n2')).toBe('new')
    known.adopt([{ node: 'n2', store: 'new' }], 5)
    expect(known.unpinned('n2')).toBeNull()
    known.meet('n2', storeOf('n2'))
    expect(known.unpinned('n2')).toBe(storeOf('n2'))
    known.meet('n2', 'new')
    expect(known.unpinned('n2')).toBeNull()
  })

  test('a vote under a store that the own log does not know proves nothing', () => {
    const known = identities()
    known.voted('n2')
    known.meet('n2', 'another')
    known.voted('n2')
    expect(known.counts('n2')).toBe(false)
  })

  test('the first store met is pinned, and saved once', () => {
    const known = identities({ pins: [] })
    known.meet('n2', 'x')
    expect(known.takeChanged()).toBe(true)
    expect(known.takeChanged()).toBe(false)
    known.meet('n2', 'y')
    expect(known.current.pins).toEqual([{ node: 'n2', store: 'x' }])
  })
})

describe('what it is told', () => {
  test('a peer that has not pinned it proves nothing and is promised nothing', () => {
    const known = identities()
    expect(known.told('n2', said(null), 2)).toBe('nothing')
    expect(known.mayPromise('n2')).toBe(false)
    expect(known.told('n2', said('own'), 2)).toBe('nothing')
    expect(known.mayPromise('n2')).toBe(true)
  })

  test('a forming node becomes a member when all have pinned it, and its log shows what they knew', () => {
    const known = identities({ member: false })
    expect(known.told('n2', { ...said('own'), commit: 1 }, 2)).toBe('nothing')
    expect(known.standing).toBe('forming')
    expect(known.told('n3', said('own'), 2)).toBe('nothing')
    expect(known.becomesMember()).toBe(false)
    const caughtUp = identities({ member: false })
    caughtUp.told('n2', said('own'), 2)
    expect(caughtUp.told('n3', said('own'), 2)).toBe('became member')
    expect(caughtUp.standing).toBe('member')
  })

  test('a node that somebody knows under another store is a suspect, and no agreement makes it a member', () => {
    const known = identities({ member: false })
    known.told('n2', said('former'), 2)
    known.told('n3', said('own'), 2)
    known.told('n2', said('own'), 2)
    expect(known.standing).toBe('suspect')
  })

  test.each([
    ['a later term', { term: 3, match: ORIGIN }],
    ['a longer log of its term', { term: 2, match: { index: 4, term: 2 } }],
    ['another entry of its term', { term: 2, match: { index: 2, term: 2 } }],
  ])('a member that was seen to promise %s has lost it', (_, seen) => {
    const known = identities()
    expect(known.told('n2', said('own', seen), 2)).toBe('lost')
    expect(known.current).toMatchObject({ store: 'spare', member: false })
    expect(known.standing).toBe('suspect')
  })

  test.each([
    ['less', { term: 2, match: { index: 3, term: 2 } }],
    ['a longer log of an earlier term', { term: 1, match: { index: 9, term: 1 } }],
  ])('a member that was seen to promise %s has lost nothing', (_, seen) => {
    expect(identities().told('n2', said('own', seen), 2)).toBe('nothing')
  })

  test('a member known under another store by a peer that is not behind has lost its place', () => {
    expect(identities().told('n2', { ...said('new'), commit: 1 }, 2)).toBe('lost')
    const ahead = identities({ configIndex: 5 })
    expect(ahead.told('n2', said('former'), 2)).toBe('nothing')
    expect(ahead.mayPromise('n2')).toBe(true)
  })

  test('a peer that was emptied, and pinned whom it met first, takes nobody his place', () => {
    const known = identities()
    expect(known.told('n2', said('met in between'), 2)).toBe('nothing')
    expect(known.member).toBe(true)
    expect(known.mayPromise('n2')).toBe(true)
  })
})

describe('what it remembers of others', () => {
  test('the most they have promised under the pinned store', () => {
    const known = identities()
    const match = { index: 2, term: 1 }
    known.observe('n2', { term: 1, match })
    expect(known.remembered('n2').seen).toBeNull()
    known.meet('n2', storeOf('n2'))
    known.observe('n2', { term: 1, match })
    known.observe('n2', { term: 1, match: ORIGIN })
    expect(known.remembered('n2')).toEqual({
      pinned: storeOf('n2'),
      seen: { term: 1, match },
      commit: 0,
    })
    known.observe('n2', { term: 2, match: ORIGIN })
    expect(known.remembered('n2').seen).toEqual({ term: 2, match: ORIGIN })
    known.meet('n2', 'another')
    expect(known.remembered('n2').seen).toBeNull()
    expect(known.statusOf('n2')).toMatchObject({ state: 'unknown', match: 0, counts: false })
  })
})

describe('what it remembers of others at its start', () => {
  test('whom its disk has voted for was in that term, whatever else is forgotten', () => {
    const seen = { term: 2, match: ORIGIN }
    expect(identities({}, false, 'n2').remembered('n2').seen).toEqual(seen)
    expect(identities({}, false, 'n2').remembered('n3').seen).toBeNull()
    expect(identities({}, false, 'n1').remembered('n2').seen).toBeNull()
  })

  test('nothing of a store that a later pin has replaced, or that is not the one shown', () => {
    const known = identities({}, false, 'n2')
    known.adopt([{ node: 'n2', store: 'new' }], 5)
    expect(known.remembered('n2')).toMatchObject({ pinned: 'new', seen: null })
    const meets = identities({}, false, 'n2')
    meets.meet('n2', 'another')
    expect(meets.remembered('n2').seen).toBeNull()
  })
})

describe('pins from the log', () => {
  test('are taken over once, in order, and only of members', () => {
    const known = identities()
    expect(known.adopt([...pins('n2', 'n9'), { node: 'n3', store: 'new' }], 5)).toBe(false)
    expect(known.current.pins).toEqual([...pins('n2'), { node: 'n3', store: 'new' }])
    expect(known.adopt(pins('n3'), 4)).toBe(false)
    expect(known.pinned('n3')).toBe('new')
    expect(known.remembered('n3').commit).toBe(5)
  })

  test('clear the node that they name under its present store', () => {
    const known = identities({ member: false }, true)
    expect(known.adopt([{ node: 'n1', store: 'own' }], 5)).toBe(false)
    expect(known.adopt([{ node: 'n1', store: 'spare' }], 6)).toBe(true)
    expect(known.standing).toBe('member')
  })

  test('travel as text', () => {
    const all = pins('n1', 'n2', 'n3')
    expect(decodePins(encodePins(all))).toEqual(all)
    expect(decodePins(encodePins([]))).toEqual([])
    expect(decodePins(new TextEncoder().encode('n1 a n2'))).toEqual([{ node: 'n1', store: 'a' }])
  })
})
