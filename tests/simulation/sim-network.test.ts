// The simulated network passes the suite of the real one, so that what is proved here holds there.

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
