// The bug zoo: bugs as they were made elsewhere, each planted in a copy of our code at the moment it is loaded.
//
// The production code stays clean: a plant is a piece of source text and what stands in its place (zoo-worker.ts swaps
// them in its own thread). A plant whose text is no longer found once fails loudly, so the zoo cannot rot in silence.
// Each has to be caught by some seed out of ZOO_SEEDS_MAX; if one is not, the simulator is too kind.

import type { Scenario } from './faults.ts'

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

export const ZOO_SEEDS_MAX = 500

/**
 * Guards whose absence no seed has shown yet (40 to 240 were tried): either the swarm does not get there, or another guard
 * stands behind them. Hunted only when asked for by name; each is to be caught, or to be explained and replaced.
 */
export const NOT_CAUGHT_YET: ReadonlySet<string> = new Set([
  'what was verified with one leader counts for the next',
  'a vote given in an earlier term is counted in this one',
  'a follower acknowledges its own last index',
  'an acknowledgement from another life of the follower counts',
  'sessions are counted from one in every term',
  'an answer to a read of an earlier life confirms one of this life',
  'what a snapshot left behind stays when the log goes on',
  'an older, longer tail that came back is not noticed',
  'the next snapshot begins while the record of the last one is on its way',
  'a checkpoint takes the place of a snapshot that is on its way to the disk',
  'what a sender gives beyond its offer is taken too',
  'a snapshot throws away the log that follows it',
  'a refilled store passes for durable',
  'a directory set back to an older copy is not noticed',
  'every store counts, pinned or not',
  'a node promises before it is told what others remember of it',
  'a cleared node votes again in the same term',
  'a store that was replaced is vouched for again',
  'a suspect is cleared by whom it meets',
])

const core = (file: string, bug: string, find: string, put: string, also?: Edit): Plant => ({
  bug,
  file: `raft/core/${file}`,
  find,
  put,
  ...(also && { also }),
})
const store = (file: string, bug: string, find: string, put: string): Plant => ({
  bug,
  file: `node/store/${file}`,
  find,
  put,
})
const raft = (file: string, bug: string, find: string, put: string): Plant => ({
  bug,
  file: `raft/${file}`,
  find,
  put,
})

/** A leader sends no commit index beyond what the follower has matched; a follower believes none. Either suffices. */
const RAW_COMMIT: Edit = {
  file: 'raft/core/replication.ts',
  find: 'const commit = Math.min(log.commit, progress.match)',
  put: 'const commit = log.commit',
}

export const ZOO: readonly Plant[] = [
  // ---- Durability: promises before the disk ----
  raft(
    'replica.ts',
    'promises leave before the write they rest on (the canary)',
    'await this.#options.log.append(task)\n    this.#appendTicks = null',
    'const written = this.#options.log.append(task)\n    for (const message of task.thenSend) this.#options.transport.send(message)\n    await written\n    this.#appendTicks = null',
  ),
  core(
    'leader.ts',
    'the leader counts itself before its write is durable',
    '(node === self ? log.stable :',
    '(node === self ? log.last.index :',
  ),
  raft(
    'replica.ts',
    'a node goes on after its disk has refused a write',
    'await this.#options.log.append(task)\n    this.#appendTicks = null',
    'await this.#options.log.append(task).catch(() => undefined)\n    this.#appendTicks = null',
  ),
  raft(
    'replica.ts',
    'one apply overtakes another',
    'this.#applyChain = this.#applyChain.then(() => (this.#stopped ? undefined : work()))',
    'this.#applyChain = work()',
  ),
  core(
    'outbox.ts',
    'promises are ordinary messages',
    'this.#promises.push(',
    'this.#messages.push(',
  ),
  core(
    'persistence.ts',
    'a vote is not saved',
    'this.#hardState = { term: this.term, vote: node }',
    'void node',
  ),
  core(
    'persistence.ts',
    'the completion of an overwritten write makes its successor durable (ABA)',
    'this.#unfinished.stableAfter = Math.min(this.#unfinished.stableAfter, index)',
    'void index',
  ),
  core(
    'log.ts',
    'what is not durable in the own log is applied',
    'const to = Math.min(this.#commit, this.#stable)',
    'const to = this.#commit',
  ),

  core(
    'raft.ts',
    'term and vote are forgotten at a restart',
    'new Persistence(start.hardState)',
    'new Persistence({ term: start.entries.at(-1)?.term ?? 0, vote: null })',
  ),
  core(
    'raft.ts',
    'a restart keeps the term and forgets the vote',
    'new Persistence(start.hardState)',
    'new Persistence({ ...start.hardState, vote: null })',
  ),

  // ---- Elections ----
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
  core(
    'log.ts',
    'the longer log wins over the later term',
    'return a.term - b.term || a.index - b.index',
    'return a.index - b.index || a.term - b.term',
  ),
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
  core(
    'roles.ts',
    'stale votes are counted for a later candidacy',
    "if (this.#candidacy?.role === 'candidate' && this.#identities.counts(from))",
    'if (this.#candidacy !== null)',
  ),
  core(
    'raft.ts',
    'a vote given in an earlier term is counted in this one',
    'if (message.term < this.#term) return this.#answerStale(message)',
    "if (message.term < this.#term && message.type !== 'VoteResp') return this.#answerStale(message)",
  ),
  core(
    'leader.ts',
    'a leader that could not hand over refuses proposals for ever',
    'to: this.#transfer.to })\n    this.#transfer = null',
    'to: this.#transfer.to })',
  ),
  core(
    'roles.ts',
    'a candidate whose disk hangs raises its term again and again',
    'return this.#mayLead && this.#couldPromise',
    'return this.#mayLead || this.#couldPromise',
  ),

  // ---- Replication and commit ----
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
  },
  core(
    'follower.ts',
    'an append ignores what comes before it',
    'if (!this.#log.matches(prev)) {',
    'if (prev.index > this.#log.last.index) {',
  ),
  core(
    'follower.ts',
    'a follower acknowledges its own last index',
    'const match = prev.index + entries.length',
    'const match = this.#log.last.index',
  ),
  core(
    'replication.ts',
    'an acknowledgement from another life of the follower counts',
    'return progress?.session === session ? progress : null',
    'return progress ?? null',
  ),
  core(
    'replication.ts',
    'sessions are counted from one in every term',
    'this.#sessions = core.term * SESSIONS_PER_TERM',
    'this.#sessions = 0 * SESSIONS_PER_TERM',
  ),
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

  // ---- Proposals ----
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

  // ---- Reads ----
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
  core(
    'reads.ts',
    'an answer to a read of an earlier life confirms one of this life',
    'this.#nextTicket = (life % 2 ** 20) * 2 ** 32',
    'this.#nextTicket = 0 * life',
  ),
  {
    bug: 'a confirmed read looks before its index is applied',
    file: 'node/aggregator.ts',
    find: 'await this.#replica.whenApplied(index, controller.signal)',
    put: 'void index',
  },

  // ---- Snapshots, checkpoints, redo ----
  store(
    'dedup-state-machine.ts',
    'what a snapshot left behind stays when the log goes on',
    'await dropAbove(this.#store, position)',
    'void position',
  ),
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
  raft(
    'redo.ts',
    'an older, longer tail that came back is not noticed',
    'const lostEnd = shown.index > lastIndex || (term !== null && term !== shown.term)',
    'const lostEnd = shown.index > lastIndex || term === -1',
  ),
  raft(
    'replica.ts',
    "a store redone from nothing takes a checkpoint below the log's own",
    'this.#rebuilding || this.#applied <= this.#checkpointFound) return',
    'this.#rebuilding) return',
  ),
  core(
    'persistence.ts',
    'a checkpoint takes the place of a snapshot that is on its way to the disk',
    'if (this.#checkpoint?.base && !base) return',
    '',
  ),
  core(
    'follower.ts',
    'the next snapshot begins while the record of the last one is on its way',
    'if (this.#restoring) return',
    '',
  ),
  store(
    'snapshot-receiver.ts',
    'what a sender gives beyond its offer is taken too',
    'const values = this.#upToTarget(chunkValues(chunk))',
    'const values = chunkValues(chunk)',
  ),
  store(
    'totals.ts',
    'a checkpoint does not hold the counters',
    'writeUint48(bytes, 7, totals.duplicates)',
    'writeUint48(bytes, 7, 0)',
  ),
  store(
    'dedup-state-machine.ts',
    'a checkpoint is told before the store is flushed',
    'const checkpoint = this.offer()\n    await this.#flush()',
    'const checkpoint = this.offer()',
  ),
  store(
    'dedup-state-machine.ts',
    'a refilled store passes for durable',
    'const durable = !this.#refilling || checkpoint.index === 0',
    'const durable = true',
  ),
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
  core(
    'log.ts',
    'a snapshot throws away the log that follows it',
    'const kept = connects ?',
    'const kept = connects && false ?',
  ),

  // ---- Deciding ----
  store(
    'frontier.ts',
    'what was accepted does not reach the filter before the store',
    'for (const key of decision.dedupKeys) this.#filter.add(key)',
    '',
  ),
  store(
    'key-filter.ts',
    'the filter rules out what it has not read yet',
    'if (!this.#complete || ',
    'if (',
  ),
  store(
    'decide.ts',
    'a duplicate of an event that is in flight in the same entry is accepted',
    'this.#known[dedup] = value',
    'void value',
  ),
  store(
    'decide.ts',
    'in redo an event is a duplicate of itself',
    'if (position < next) {',
    'if (known !== undefined && position <= next) {',
  ),
  store(
    'decide.ts',
    'conflicts are not told',
    'flags[place] = differs ? CONFLICT : DUPLICATE',
    'flags[place] = DUPLICATE',
  ),
  store(
    'decide.ts',
    'what was stored is remembered for the last fifty events only',
    'const known = this.#known[dedup]',
    'const stands = this.#known[dedup]\n      const known = stands !== undefined && positionIn(stands) < next - 50 ? undefined : stands',
  ),
  store(
    'decide.ts',
    'time is read when an entry is applied, not when it was made',
    'writeCommandHead(part, versionOf(command), receivedAtMsOf(command),',
    'writeCommandHead(part, versionOf(command), Math.floor(performance.now() * 1000),',
  ),
  store(
    'frontier.ts',
    'the position moves before the batch is in',
    'await batch.write()',
    'void batch.write()',
  ),

  // ---- Store ids: who may promise ----
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
  core(
    'identity.ts',
    'every store counts, pinned or not',
    'return met !== undefined && (',
    'return met !== undefined || (',
  ),
  core(
    'identity.ts',
    'a directory set back to an older copy is not noticed',
    'this.#lacks(said.seen, term)\n    ) {',
    'this.#lacks(said.seen, term) === null\n    ) {',
  ),
  core(
    'raft.ts',
    'a node promises before it is told what others remember of it',
    'if (!this.#identities.mayPromise(message.from))',
    "if (!this.#identities.mayPromise(message.from) && message.type === 'Propose')",
  ),
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
  core(
    'identity.ts',
    'a store that was replaced is vouched for again',
    'return this.pinned(node) !== store && !this.#replaced.has(store)',
    'return this.pinned(node) !== store',
  ),
  core(
    'identity.ts',
    'a suspect is cleared by whom it meets',
    'if (this.#identity.member || this.#lost) return false',
    'if (this.#identity.member) return false',
  ),

  // ---- The node above ----
  {
    bug: 'the outcome of one request is given to the next',
    file: 'node/publisher.ts',
    find: 'const end = start + batch.count',
    put: 'const end = start + batch.count\n    start = 0',
  },
  {
    bug: 'a publish without an outcome is called "not stored"',
    file: 'node/publisher.ts',
    find: 'const error = proposer.abandon(proposal.id) ? noLeader() : unknown()',
    put: 'proposer.abandon(proposal.id)\n      const error = noLeader()',
  },
]
