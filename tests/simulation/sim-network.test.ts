// The simulated network passes the suite of the real one, so that what is proved here holds there.

import { expect, test } from 'vitest'
import type { NodeId } from '../../raft/core/types.ts'
import { type TransportWorld, transportContract } from '../raft/transport-contract.ts'
import { SimNetwork, type SimTransport } from './sim-network.ts'
import { SECOND, World } from './world.ts'

transportContract('SimNetwork', async (nodeCount): Promise<TransportWorld> => {
  const world = new World(1)
  const ids = Array.from({ length: nodeCount }, (_, i) => `n${i + 1}`)
  const network = new SimNetwork(world, ids)
  const stores = new Map(ids.map((id, i) => [id, String(i).repeat(32)]))
  const present = new Map<NodeId, SimTransport>()
  const attach = (id: NodeId) =>
    present.set(
      id,
      network.attach(id, stores.get(id)!, (run) => run()),
    )
  for (const id of ids) attach(id)
  return {
    ids,
    transport: (id) => present.get(id)!,
    storeOf: (id) => stores.get(id)!,
    linked: (from, to) => network.linked(from, to),
    until: async (condition) => {
      while (!condition()) await world.run(SECOND / 1000)
    },
    restart: async (id, store) => {
      present.get(id)!.kill(false)
      stores.set(id, store)
      attach(id)
    },
    cut: (from, to) => network.cut(from, to),
    heal: (from, to) => network.heal(from, to),
    close: async () => {},
  }
})

test('a process that wakes hears of a link in the order of events, and nothing of a store that is gone', async () => {
  const world = new World(1)
  const network = new SimNetwork(world, ['n1', 'n2'])
  const heard: string[] = []
  const held: (() => void)[] = []
  let asleep = false
  const sleeper = network.attach('n1', '1'.repeat(32), (run) => {
    if (asleep) held.push(run)
    else run()
  })
  await sleeper.start({
    message: ({ type }) => heard.push(type),
    met: (_, store) => heard.push(`met ${store[0]}`),
    lost: () => heard.push('lost'),
  })
  const another = async (store: string) => {
    const transport = network.attach('n2', store.repeat(32), (run) => run())
    await transport.start({ message: () => {}, met: () => {}, lost: () => {} })
    await world.run(SECOND)
    return transport
  }
  const first = await another('2')
  asleep = true
  first.send({ type: 'Introduce', from: 'n2', to: 'n1', term: 0 })
  await world.run(SECOND)
  first.kill(false)
  await another('3')

  for (const run of held.reverse()) run()

  expect(held).toHaveLength(3)
  expect(heard).toEqual(['met 2', 'lost', 'met 3'])
})
