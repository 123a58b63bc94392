// Which node is asked next, and what a client keeps of what it is told about nodes.

import { describe, expect, test } from 'vitest'
import { Roster } from '../../../client/sdk/roster.ts'
import { A, B, C } from './world.ts'

const fresh = (...urls: string[]): Roster => new Roster(urls, () => 0)

describe('the next node', () => {
  test('is the one that failed longest ago', () => {
    const roster = fresh(A, B, C)

    const asked = Array.from({ length: 7 }, () => {
      const node = roster.pick(0)
      roster.failed(node, null, 0)
      return node.url
    })

    expect(asked).toEqual([A, B, C, A, B, C, A])
  })

  test('stays when it answers, and its failures are forgotten', () => {
    const roster = fresh(A, B, C)
    roster.failed(roster.pick(0), null, 0)
    roster.answered(roster.pick(0), 'b')

    expect(roster.pick(0).url).toBe(B)
  })

  test('is left only once when several calls fail at it together', () => {
    const roster = fresh(A, B, C)
    const node = roster.pick(0)

    for (let call = 0; call < 4; call += 1) roster.failed(node, null, 0)

    expect(roster.pick(0).url).toBe(B)
  })

  test('is the leader, among those learned that never failed', () => {
    const roster = fresh(A)
    roster.learn([
      { node_id: 'b', url: B },
      { node_id: 'c', url: C },
    ])
    roster.leads('c')
    roster.failed(roster.pick(0), null, 0)

    expect(roster.pick(0).url).toBe(C)
  })

  test('is one that the user named rather than one learned', () => {
    const roster = fresh(A, B)
    roster.learn([{ node_id: 'c', url: C }])
    roster.leads('c')
    roster.failed(roster.pick(0), null, 0)

    expect(roster.pick(0).url).toBe(B)
  })

  test('is a barred one only while all are, and then the first to be free', () => {
    const roster = fresh(A, B)
    roster.failed(roster.pick(0), 2_000, 0)
    expect([roster.pick(0).url, roster.barredMs(0)]).toEqual([B, null])
    roster.failed(roster.pick(0), 1_000, 0)

    expect([roster.pick(0).url, roster.barredMs(0)]).toEqual([B, 1_000])
    expect(roster.barredMs(1_000)).toBe(null)
  })
})

describe('what is known of nodes', () => {
  test('one node is kept once, whatever its addresses', () => {
    const roster = fresh('http://localhost:8001/', 'http://localhost:8002')
    roster.answered(roster.pick(0), 'n1')
    roster.learn([
      { node_id: 'n1', url: 'http://10.0.0.1:8001' },
      { node_id: 'n2', url: 'http://10.0.0.2:8001' },
      { node_id: 'n2', url: 'http://10.0.0.2:8001/' },
    ])
    expect(roster.nodes.map(({ url }) => url)).toEqual([
      'http://localhost:8001',
      'http://localhost:8002',
      'http://10.0.0.2:8001',
    ])
    roster.answered(roster.nodes[1]!, 'n2')

    expect(roster.nodes.map(({ url }) => url)).toEqual([
      'http://localhost:8001',
      'http://localhost:8002',
    ])
  })

  test('a learned node that moved is found at its new address', () => {
    const roster = fresh(A)
    roster.learn([{ node_id: 'b', url: B }])
    roster.learn([{ node_id: 'b', url: C }])

    expect(roster.nodes.map(({ url }) => url)).toEqual([A, C])
  })

  test('a cluster that claims thousands of members is not believed', () => {
    const roster = fresh(A)
    roster.learn(
      Array.from({ length: 5_000 }, (_, at) => ({ node_id: `n${at}`, url: `http://n${at}.test` })),
    )

    expect(roster.nodes.length).toBeLessThan(100)
  })

  test('a node can be named by id or URL; an id that is not known cannot', () => {
    const roster = fresh(A)
    roster.learn([{ node_id: 'b', url: B }])

    expect(roster.find('b').url).toBe(B)
    expect(roster.find(`${A}/`).url).toBe(A)
    expect(roster.find(C).url).toBe(C)
    expect(() => roster.find('z')).toThrow(RangeError)
  })

  test.each([[[]], [['']], [['localhost:8001']], [['ftp://a']]])('%j is refused', (urls) => {
    expect(() => fresh(...urls)).toThrow(TypeError)
  })
})
