// Zoo: votes, terms, leadership that does not end.

import { core, type Plant } from './plant.ts'

export const ELECTIONS: readonly Plant[] = [
  core(
    'roles.ts',
    'a candidate counts its own vote at once',
    "this.#candidacy = new Candidacy('candidate', this.#config.members, force)",
    "this.#candidacy = new Candidacy('candidate', this.#config.members, force)\n    this.#candidacy.count(this.#config.id, true)",
  ),
  core(
    'roles.ts',
    'two votes in one term',
    'const free = vote === message.from || (vote === null && this.leaderId === null)',
    'const free = vote === message.from || vote === null || this.#electionElapsed > 3',
  ),
  core(
    'log.ts',
    'every log is up to date enough to be voted for',
    'return a.term - b.term || a.index - b.index',
    'return 0 * (a.term - b.term)',
  ),
  {
    ...core(
      'log.ts',
      'the longer log wins over the later term',
      'return a.term - b.term || a.index - b.index',
      'return a.index - b.index || a.term - b.term',
    ),
    scenario: 'tails',
  },
  core(
    'roles.ts',
    'no pre-vote',
    "this.#outbox.note('preCandidate', { why })",
    "this.#outbox.note('preCandidate', { why })\n    return this.#becomeCandidate(false)",
  ),
  core(
    'roles.ts',
    'no check-quorum: a leader alone stays leader',
    'if (!leader.replication.hearsMajority()) {',
    'if (false) {',
  ),
  core(
    'quorum.ts',
    'a majority is half of the members',
    'return Math.floor(members / 2) + 1',
    'return Math.max(1, Math.floor(members / 2))',
  ),
  {
    ...core(
      'raft.ts',
      'a vote given in an earlier term is counted in this one',
      'if (message.term < this.#term) return this.#answerStale(message)',
      "if (message.term < this.#term && message.type !== 'VoteResp') return this.#answerStale(message)",
    ),
    scenario: 'late-vote',
  },
  {
    ...core(
      'leader.ts',
      'a leader that could not hand over refuses proposals for ever',
      'to: this.#transfer.to })\n    this.#transfer = null',
      'to: this.#transfer.to })',
    ),
    scenario: 'hand-over',
  },
  core(
    'roles.ts',
    'a candidate whose disk hangs raises its term again and again',
    'return this.#mayLead && this.#couldPromise',
    'return this.#mayLead || this.#couldPromise',
  ),
]
