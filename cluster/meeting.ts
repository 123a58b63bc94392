// Seeing all nodes at one applied index: the only place where what they say can be compared.
//
// Looks at all of them again and again; under load no two may ever be seen at one index by chance, so every look is
// kept and any index at which looks meet will do.

import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { failureText, type NodeClient } from './http.ts'
import { commonIndex, furthest, type Meeting, type NodeHistory } from './verdict.ts'

const POLL_MS = 50

export interface WatchedNode {
  readonly history: NodeHistory
  readonly client: NodeClient
}

/** Looks until all were seen at one applied index, or the time is up. */
export async function meet(
  nodes: readonly WatchedNode[],
  deadlineMs: number,
  allowMissing: boolean,
): Promise<Meeting> {
  let target: number | null = null
  for (;;) {
    await Promise.all(nodes.map(look))
    const answering = nodes.flatMap(({ history }) => (history.latest === null ? [] : [history]))
    target ??= furthest(answering)
    const enough = answering.length === nodes.length || (allowMissing && answering.length > 1)
    const index = enough ? commonIndex(answering) : null
    if (index !== null || performance.now() >= deadlineMs) return { index, target: target ?? 0 }
    await sleep(POLL_MS)
  }
}

async function look({ history, client }: WatchedNode): Promise<void> {
  try {
    history.add(await client.stats())
  } catch (error) {
    history.fail(failureText(error))
  }
}
