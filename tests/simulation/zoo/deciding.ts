// Zoo: new, duplicate or conflict: the dedup state machine.

import { type Plant, store } from './plant.ts'

export const DECIDING: readonly Plant[] = [
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
  {
    bug: 'an entry is decided before the one before it is in the store',
    file: 'node/store/dedup-state-machine.ts',
    find: 'await this.#storing\n    await this.#settleInstall',
    put: 'await this.#settleInstall',
    also: {
      file: 'raft/replica.ts',
      find: 'await this.#options.stateMachine.stored()',
      put: 'void this.#options.stateMachine.stored()',
    },
  },
]
