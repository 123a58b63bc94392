// I12 to the last byte: what stands in a store is a function of the log, so stores that have applied the same log hold
// the same keys and values, whatever snapshots, redos and refills lie behind them. Digests and counters would not show
// what nobody has asked for yet: a key that a damaged snapshot left behind, a topic's count that was added twice.

import { broken } from './broken.ts'
import type { SimNode } from './sim-node.ts'

/** Marks of the store itself are each node's own. */
const MARK = 'm'

/** Nodes that have converged. */
export function equalStores(nodes: readonly SimNode[]): void {
  const [first, ...others] = nodes.map((node) => ({ id: node.id, content: contentOf(node) }))
  for (const other of others) {
    for (const [key, value] of first!.content) {
      const there = other.content.get(key)
      if (there === undefined || Buffer.compare(there, value) !== 0)
        broken(
          'I12',
          `under ${shown(key)} ${other.id} holds ${there ? 'another value' : 'nothing'} than ${first!.id}`,
        )
    }
    for (const key of other.content.keys())
      if (!first!.content.has(key))
        broken('I12', `under ${shown(key)} ${other.id} holds something, ${first!.id} nothing`)
  }
}

function contentOf({ storeDisk }: SimNode): ReadonlyMap<string, Uint8Array> {
  return new Map([...storeDisk.content.entries()].filter(([key]) => !key.startsWith(MARK)))
}

/** Keys are bytes, one a character. */
const shown = (key: string): string => JSON.stringify(key)
