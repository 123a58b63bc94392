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
