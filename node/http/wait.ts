// How fresh a read is: local at once, linearizable after asking the leader, or not before a position the client names.

import { freshnessQuerySchema } from '../../client/contract/read.ts'
import { SekaliError } from '../../client/errors.ts'
import type { Api } from './api.ts'
import { namesIn, type Query } from './query.ts'

/** Parameters that every read of data takes. */
export const FRESHNESS = namesIn(freshnessQuerySchema)

/** What a node holds that builds its store again is no state that ever was. */
export function isRebuilding({ backend }: Api): boolean {
  return backend.unready().includes('rebuilding')
}

/** Returns when this node may answer; throws rebuilding at once, no_leader or behind at the deadline. */
export async function waitUntilFresh(api: Api, query: Query, position = 0): Promise<void> {
  if (isRebuilding(api)) {
    throw new SekaliError('rebuilding', 'this node is building its store again; ask another')
  }
  const linearizable = query.consistency() === 'linearizable'
  const wanted = query.decimal('min_position', 0, Number.MAX_SAFE_INTEGER) ?? 0
  const deadlineMs = api.monotonicMs() + api.publishDeadlineMs
  if (linearizable && !(await api.backend.linearize(deadlineMs))) {
    throw new SekaliError('no_leader', 'no leader confirmed in time that this node is up to date')
  }
  await waitForPosition(api, Math.max(wanted, position), deadlineMs)
}

async function waitForPosition(api: Api, position: number, deadlineMs: number): Promise<void> {
  if (api.backend.standing().lastPosition >= position) return
  if (await api.backend.waitForPosition(position, deadlineMs)) return
  const { lastPosition } = api.backend.standing()
  throw new SekaliError('behind', `this node has applied up to position ${lastPosition}`)
}
