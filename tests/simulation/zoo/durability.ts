// Zoo: what is promised before it is on the disk, and forgotten after.

import { core, type Plant, raft } from './plant.ts'

export const DURABILITY: readonly Plant[] = [
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
  {
    ...core(
      'raft.ts',
      'a restart keeps the term and forgets the vote',
      'new Persistence(start.hardState)',
      'new Persistence({ ...start.hardState, vote: null })',
    ),
    scenario: 'crash-voters',
  },
]
