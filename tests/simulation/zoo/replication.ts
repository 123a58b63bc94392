// Zoo: appends, acknowledgements, commit, windows.

import { core, type Edit, type Plant } from './plant.ts'

/** A leader sends no commit index beyond what the follower has matched; a follower believes none. Either suffices. */
const RAW_COMMIT: Edit = {
  file: 'raft/core/replication.ts',
  find: 'const commit = Math.min(log.commit, progress.match)',
  put: 'const commit = log.commit',
}

/**
 * The hint is so precise that the first append that matches also cuts off what conflicts behind it. One that names the
 * commit index would do as well, more slowly; then a conflicting tail outlives the first append that matches.
 */
const COARSE_HINT: Edit = {
  file: 'raft/core/follower.ts',
  find: 'let index = Math.min(prev.index, this.#log.last.index)',
  put: 'let index = this.#log.commit',
}

export const REPLICATION: readonly Plant[] = [
  core(
    'leader.ts',
    'an entry of an earlier term is committed by counting (figure 8)',
    'if (index <= log.commit || log.term(index) !== this.#core.term) return',
    'if (index <= log.commit) return',
  ),
  {
    ...core(
      'follower.ts',
      'commit follows the leader beyond what is verified',
      'this.#log.commitTo(Math.min(commit, this.#verified))',
      'this.#log.commitTo(Math.min(commit, this.#log.last.index))',
    ),
    also: RAW_COMMIT,
  },
  {
    ...core(
      'follower.ts',
      'what was verified with one leader counts for the next',
      'newTerm(): void {\n    this.#verified = this.#log.commit',
      'newTerm(): void {\n    this.#verified = Math.max(this.#verified, this.#log.commit)',
    ),
    also: RAW_COMMIT,
    scenario: 'lost-tail',
  },
  core(
    'follower.ts',
    'an append ignores what comes before it',
    'if (!this.#log.matches(prev)) {',
    'if (prev.index > this.#log.last.index) {',
  ),
  {
    ...core(
      'follower.ts',
      'a follower acknowledges its own last index',
      'const match = prev.index + entries.length',
      'const match = this.#log.last.index',
      COARSE_HINT,
    ),
    scenario: 'lost-tail',
  },
  {
    ...core(
      'replication.ts',
      'an acknowledgement from another life of the follower counts',
      'return progress?.session === session ? progress : null',
      'return progress ?? null',
    ),
    scenario: 'late-acknowledgement',
  },
  {
    ...core(
      'replication.ts',
      'sessions are counted from one in every term',
      'this.#sessions = core.term * SESSIONS_PER_TERM',
      'this.#sessions = 0 * SESSIONS_PER_TERM',
      // An ask of an earlier leadership is then answered from an offer of this one; but a receiver takes no more than it was
      // offered.
      {
        file: 'node/store/snapshot-receiver.ts',
        find: 'const values = this.#upToTarget(chunkValues(chunk))',
        put: 'const values = chunkValues(chunk)',
      },
    ),
    scenario: 'returning-leader',
  },
  core(
    'leader.ts',
    'a term begins without an entry of its own',
    "this.#append({ type: 'noop', proposal: null, data: new Uint8Array(0) })",
    '',
  ),
  core(
    'quorum.ts',
    'the matches are not sorted',
    '[...matches].sort((a, b) => b - a)',
    '[...matches]',
  ),
  core(
    'log.ts',
    'a late, shorter append cuts what follows it',
    'return cutBehind\n  }',
    'const end = entries.at(-1)?.index ?? this.#last.index\n    if (end < this.#last.index && end >= this.#commit) {\n      this.#cutFrom(end + 1)\n      return end\n    }\n    return cutBehind\n  }',
  ),
  core(
    'log.ts',
    'a conflicting suffix stays behind what overwrites it',
    'this.#stable = Math.min(this.#stable, index - 1)\n  }',
    '}',
  ),
  core(
    'progress.ts',
    'a late refusal moves next back below match',
    'this.next = Math.max(this.match + 1, Math.min(agreesUpTo + 1, refused.index))',
    'this.next = Math.min(agreesUpTo + 1, refused.index)',
    {
      file: 'raft/core/progress.ts',
      find: "if (this.state === 'snapshot' || refused.index <= this.match) return false",
      put: "if (this.state === 'snapshot') return false",
    },
  ),
  core(
    'progress.ts',
    'a late refusal takes back what was acknowledged',
    "if (this.state === 'snapshot' || refused.index <= this.match) return false",
    "if (this.state === 'snapshot') return false\n    if (refused.index <= this.match) this.match = Math.max(0, refused.index - 1)",
  ),
  core(
    'progress.ts',
    'a lost probe is never repeated',
    'resume(): void {\n    this.#probeSent = false',
    'resume(): void {',
  ),
  core(
    'progress.ts',
    'the in-flight window leaks',
    'this.#inFlightBytes -= this.#inFlight.shift()!.bytes',
    'this.#inFlight.shift()',
  ),
  core(
    'leader.ts',
    'the bound on uncommitted bytes is never given back',
    'this.#uncommittedBytes -= bytes',
    'void bytes',
  ),
  core(
    'log.ts',
    'entries leave memory before they are applied',
    'const upTo = Math.min(this.#done, this.#stable)',
    'const upTo = this.#stable',
  ),
  core(
    'raft.ts',
    'segments are deleted above the checkpoint',
    'Math.min(task.checkpoint.index + 1, keepsFrom)',
    'Math.min(this.#log.commit + 1, keepsFrom)',
  ),
]
