// What happened, for people: one line a step, and where every node stood at the end.

import type { SimNode } from './sim-node.ts'
import type { TraceLine } from './trace.ts'

export function timelineLine({ atUs, who, what }: TraceLine): string {
  return `${(atUs / 1e6).toFixed(6).padStart(11)}  ${who.padEnd(7)}${what}`
}

export function statusLines(nodes: readonly SimNode[]): string[] {
  return nodes.map((node) => {
    const status = node.status()
    if (status === null) return `${node.id}  ${node.down}`
    const { role, term, vote, leader, standing, last, firstIndex, commit, applied } = status
    const stats = node.stats()
    return (
      `${node.id}  ${role} of term ${term}, vote ${vote}, leader ${leader}, ${standing}; ` +
      `log ${firstIndex}…${last.index}@${last.term}, commit ${commit}, applied ${applied}; ` +
      `position ${stats?.lastPosition}, digest ${stats?.digest.slice(0, 8)}` +
      (node.isPaused ? ', paused' : '')
    )
  })
}
