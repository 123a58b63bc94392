// Zoo: what stands in for the log: checkpoints, snapshots, and the redo from them.

import { core, type Plant, raft, store } from './plant.ts'

export const SNAPSHOTS: readonly Plant[] = [
  {
    ...store(
      'dedup-state-machine.ts',
      'what a snapshot left behind stays when the log goes on',
      'await dropAbove(this.#store, position)',
      'void position',
    ),
    scenario: 'half-a-snapshot',
  },
  raft(
    'redo.ts',
    'redo trusts the applied index of the store instead of the checkpoint',
    'return { checkpoint, entries, commit: shown.index, lostEnd, rebuilding: false }',
    'return { checkpoint, entries: entries.filter(({ index }) => index > shown.index), commit: shown.index, lostEnd, rebuilding: false }',
  ),
  raft(
    'redo.ts',
    'a log that lost its end is taken as it is',
    'const lostEnd = shown.index > lastIndex || (term !== null && term !== shown.term)',
    'const lostEnd = false',
  ),
  {
    ...raft(
      'redo.ts',
      'an older, longer tail that came back is not noticed',
      'const lostEnd = shown.index > lastIndex || (term !== null && term !== shown.term)',
      'const lostEnd = shown.index > lastIndex || term === -1',
    ),
    scenario: 'overwrite',
  },
  raft(
    'replica.ts',
    "a store redone from nothing takes a checkpoint below the log's own",
    'this.#rebuilding || this.#applied <= this.#checkpointFound) return',
    'this.#rebuilding) return',
  ),
  {
    ...core(
      'raft.ts',
      'a checkpoint of what was before a snapshot is recorded behind it',
      'if (message.checkpoint.index > this.#log.base.index)',
      'if (true)',
    ),
    scenario: 'checkpoint-in-between',
  },
  {
    ...core(
      'follower.ts',
      'the next snapshot begins while the record of the last one is on its way',
      'if (this.#restoring) return',
      '',
    ),
    scenario: 'next-snapshot',
  },
  {
    ...store(
      'snapshot-receiver.ts',
      'what a sender gives beyond its offer is taken too',
      'const values = this.#upToTarget(chunkValues(chunk))',
      'const values = chunkValues(chunk)',
    ),
    scenario: 'growing-snapshot',
  },
  store(
    'totals.ts',
    'a checkpoint does not hold the counters',
    'writeUint48(bytes, 7, totals.duplicates)',
    'writeUint48(bytes, 7, 0)',
  ),
  store(
    'dedup-state-machine.ts',
    'a checkpoint is told before the store is flushed',
    'await this.#storing\n    await this.#flush()',
    'await this.#storing',
  ),
  {
    ...store(
      'dedup-state-machine.ts',
      'a refilled store passes for durable',
      'const durable = !this.#refilling || checkpoint.index === 0',
      'const durable = true',
    ),
    scenario: 'refill',
  },
  store(
    'dedup-state-machine.ts',
    'counters go on from where they were, so that redo counts events again',
    'this.#frontier = new Frontier(this.#store, this.#filter, totals)\n    this.#index',
    'this.#frontier = new Frontier(this.#store, this.#filter, this.#frontier.totals.position > totals.position ? totals : { ...totals, duplicates: totals.duplicates + this.#lives })\n    this.#index',
  ),
  store(
    'dedup-state-machine.ts',
    'a store that does not hold the checkpoint is used all the same',
    'return gotThere &&',
    'return true ||',
  ),
  store(
    'snapshot-receiver.ts',
    'a snapshot comes into force unverified',
    '!this.#broken &&',
    'true ||',
  ),
  core(
    'follower.ts',
    'an old snapshot comes into force over a newer log',
    'index >= this.#log.applied : index > this.#log.commit',
    'index >= this.#log.applied : index > 0',
  ),
  {
    ...core(
      'log.ts',
      'a snapshot throws away the log that follows it',
      'const kept = connects ?',
      'const kept = connects && false ?',
    ),
    scenario: 'refill-behind-the-log',
  },
]
