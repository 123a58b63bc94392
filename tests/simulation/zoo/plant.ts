// What a plant is: a piece of source text, and what stands in its place. The plants themselves are in the files beside.

import type { Scenario } from '../faults.ts'

export interface Plant extends Edit {
  readonly bug: string
  /** A second guard against the same bug, taken away too: with it in place nothing would go wrong. */
  readonly also?: Edit
  /** The faults it is hunted with, where the swarm with all of them gets there too seldom. */
  readonly scenario?: Scenario
}

export interface Edit {
  /** Relative to the repository. */
  readonly file: string
  readonly find: string
  readonly put: string
}

export const editsOf = (plant: Plant): readonly Edit[] =>
  plant.also === undefined ? [plant] : [plant, plant.also]

export const core = (file: string, bug: string, find: string, put: string, also?: Edit): Plant => ({
  bug,
  file: `raft/core/${file}`,
  find,
  put,
  ...(also && { also }),
})

export const store = (file: string, bug: string, find: string, put: string): Plant => ({
  bug,
  file: `node/store/${file}`,
  find,
  put,
})

export const raft = (file: string, bug: string, find: string, put: string): Plant => ({
  bug,
  file: `raft/${file}`,
  find,
  put,
})
