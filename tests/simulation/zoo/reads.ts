// Zoo: linearizable reads that are none.

import { core, type Plant } from './plant.ts'

export const READS: readonly Plant[] = [
  core(
    'reads.ts',
    'a leader reads without asking a majority',
    'const confirmed = answered[majority(this.#members) - 1] ?? 0',
    'const confirmed = this.sequence',
  ),
  core(
    'leader.ts',
    'a new leader reads before it has committed in its term',
    'return this.#core.log.commit >= this.#firstIndex',
    'return true',
  ),
  core(
    'reads.ts',
    'a read is confirmed by a round that began before it',
    'if (!this.roundDue) {\n      this.roundDue = true',
    'if (this.#waiting.length === 0) {\n      this.roundDue = true',
  ),
  {
    ...core(
      'reads.ts',
      'an answer to a read of an earlier life confirms one of this life',
      'this.#nextTicket = (life % 2 ** 20) * 2 ** 32',
      'this.#nextTicket = 0 * life',
    ),
    scenario: 'late-answer',
  },
  {
    bug: 'a confirmed read looks before its index is applied',
    file: 'node/aggregator.ts',
    find: 'await this.#replica.whenApplied(index, controller.signal)',
    put: 'void index',
  },
]
