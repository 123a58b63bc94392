// Zoo: a proposal that enters the log twice, or an outcome that is not true.

import { core, type Plant, raft } from './plant.ts'

export const PROPOSALS: readonly Plant[] = [
  core(
    'proposals.ts',
    'a repeated proposal is appended again',
    'return id.count >= origin.floor && !origin.counts.has(id.count)',
    'return true',
  ),
  core(
    'proposals.ts',
    'a proposal goes to the next leader before its fate is settled',
    'if (pending.resendIn > 0 || (pending.term !== null && pending.term !== term)) continue',
    'if (pending.resendIn > 0) continue',
  ),
  core(
    'proposals.ts',
    'a refusal by some leader is taken for "in no log"',
    'if (certainly) pending.term = null',
    'pending.term = null',
  ),
  core(
    'proposals.ts',
    'a dead proposal is never proposed again, and waits for ever',
    'pending.term = null // dead: proposed again, under the same id',
    'continue',
  ),
  core(
    'proposals.ts',
    'a dead proposal goes on under a new id',
    'pending.term = null // dead: proposed again, under the same id\n        pending.resendIn = 0',
    'this.#pending.delete(pending.id.count)\n        this.add(pending.data)',
  ),
  core(
    'raft.ts',
    'a forwarded proposal is taken in a later term than it names',
    'if (message.term < this.#term) return this.#answerStale(message)',
    "if (message.term < this.#term && message.type !== 'Propose') return this.#answerStale(message)",
  ),
  raft(
    'replica.ts',
    'an entry of an earlier life answers a request of this one',
    'if (id === null || id.node !== config.id || id.life !== config.life) return',
    'if (id === null || id.node !== config.id) return',
  ),
  core(
    'proposals.ts',
    'an abandoned proposal is called "certainly not stored"',
    'return pending !== undefined && pending.term === null',
    'return pending !== undefined',
  ),
]
