// Zoo: who has forgotten its promises, and who notices.

import { core, type Plant } from './plant.ts'

export const STORE_IDS: readonly Plant[] = [
  core(
    'identity.ts',
    'a wiped node votes as if nothing had happened',
    'get member(): boolean {\n    return this.#identity.member',
    'get member(): boolean {\n    return true',
  ),
  core(
    'roles.ts',
    'a node that may not vote is asked, and votes',
    "onVote(message: PeerMessage & { type: 'Vote' }): void {\n    if (!this.#identities.member) return",
    "onVote(message: PeerMessage & { type: 'Vote' }): void {",
  ),
  {
    ...core(
      'identity.ts',
      'every store counts, pinned or not',
      'return met !== undefined && (',
      'return met !== undefined || (',
    ),
    scenario: 'forgotten-vote',
  },
  {
    ...core(
      'identity.ts',
      'a directory set back to an older copy is not noticed',
      'this.#lacks(said.seen, term)\n    ) {',
      'this.#lacks(said.seen, term) === null\n    ) {',
    ),
    scenario: 'cut-off-witness',
  },
  {
    ...core(
      'raft.ts',
      'a node promises before it is told what others remember of it',
      'if (!this.#identities.mayPromise(message.from))',
      "if (!this.#identities.mayPromise(message.from) && message.type === 'Propose')",
    ),
    scenario: 'only-a-witness',
  },
  // No harm comes of it while pins come by the log: no rival in that term holds the entry that clears, and the vote goes to
  // none whose log is older. A snapshot may bring the pins without the entry. So the vote on the disk is what is judged.
  core(
    'introductions.ts',
    'a cleared node votes again in the same term',
    'if (this.#persistence.vote === null) this.#persistence.voteFor(leaderId ?? this.#self)',
    'void leaderId',
    {
      file: 'raft/core/roles.ts',
      find: 'if (!this.#identities.member && this.#persistence.vote === null)',
      put: 'if (this.#identities.standing === null && this.#persistence.vote === null)',
    },
  ),
  {
    ...core(
      'leader.ts',
      'a new leader vouches for a store that it has not heard of in its term',
      "this.#append({ type: 'noop', proposal: null, data: new Uint8Array(0) })",
      "this.#append({ type: 'noop', proposal: null, data: new Uint8Array(0) })\n" +
        '    for (const peer of core.members) this.heard(peer)',
    ),
    scenario: 'replaced-store',
  },
  {
    ...core(
      'identity.ts',
      'a suspect is cleared by whom it meets',
      'if (this.#identity.member || this.#lost) return false',
      'if (this.#identity.member) return false',
    ),
    scenario: 'forgotten-vote',
  },
]
