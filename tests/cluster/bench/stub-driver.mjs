// A system that acknowledges everything at once and keeps it in memory: what `bench --against` needs of a driver, no more.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

export const driver = {
  name: 'stub',
  promise: 'in memory',
  batch: { inFlight: 2, eventsPerRequest: 10 },
  async start() {
    const stored = new Map()
    const nodes = Array.from({ length: 3 }, () => spawn('sleep', ['600']))
    await Promise.all(nodes.map((node) => once(node, 'spawn')))
    return {
      pids: nodes.map(({ pid }) => pid),
      leader: async () => 1,
      connect: async () => ({
        async publish(events) {
          await new Promise(setImmediate)
          for (const { key, json } of events) stored.set(key, JSON.parse(json))
        },
        close: async () => {},
      }),
      stored: async () => stored.size,
      async stop() {
        for (const node of nodes) node.kill('SIGKILL')
      },
    }
  },
}
