// The bug zoo: bugs as they were made elsewhere, each planted in a copy of our code at the moment it is loaded.
//
// The production code stays clean: a plant is a piece of source text and what stands in its place (zoo-worker.ts swaps
// them in its own thread). A plant whose text is no longer found once fails loudly, so the zoo cannot rot in silence.
// Each has to be caught by some seed out of ZOO_SEEDS_MAX; if one is not, the simulator is too kind.

import { ABOVE } from './zoo/above.ts'
import { DECIDING } from './zoo/deciding.ts'
import { DURABILITY } from './zoo/durability.ts'
import { ELECTIONS } from './zoo/elections.ts'
import type { Plant } from './zoo/plant.ts'
import { PROPOSALS } from './zoo/proposals.ts'
import { READS } from './zoo/reads.ts'
import { REPLICATION } from './zoo/replication.ts'
import { SNAPSHOTS } from './zoo/snapshots.ts'
import { STORE_IDS } from './zoo/store-ids.ts'

export { editsOf, type Plant } from './zoo/plant.ts'

export const ZOO_SEEDS_MAX = 500

/**
 * Guards whose absence no seed has shown yet (40 to 240 were tried): either the swarm does not get there, or another guard
 * stands behind them. Hunted only when asked for by name; each is to be caught, or to be explained and replaced.
 */
export const NOT_CAUGHT_YET: ReadonlySet<string> = new Set([
  'what a snapshot left behind stays when the log goes on',
  'an older, longer tail that came back is not noticed',
  'a refilled store passes for durable',
  'a directory set back to an older copy is not noticed',
  'every store counts, pinned or not',
  'a node promises before it is told what others remember of it',
  'a cleared node votes again in the same term',
  'a store that was replaced is vouched for again',
  'a suspect is cleared by whom it meets',
])

export const ZOO: readonly Plant[] = [
  ...DURABILITY,
  ...ELECTIONS,
  ...REPLICATION,
  ...PROPOSALS,
  ...READS,
  ...SNAPSHOTS,
  ...DECIDING,
  ...STORE_IDS,
  ...ABOVE,
]
