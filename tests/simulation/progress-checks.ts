// What a leader says of its followers' progress, as far as others can hear it.

import type { Index, WireMessage } from '../../raft/core/types.ts'
import { broken } from './broken.ts'
import type { Observed, Observer } from './observer.ts'

/**
 * I6, of matches: what a follower has acknowledged within a session it never acknowledges less of, however late an
 * earlier answer arrives. Heartbeats tell it: each carries the session of whom it goes to, and everybody's match.
 */
export class MatchNeverFalls implements Observer {
  readonly #matches = new Map<string, Index>()

  sent({ id }: Observed, message: WireMessage): void {
    if (message.type !== 'Heartbeat') return
    const { to, term, session } = message
    const match = message.matches.find(({ node }) => node === to)?.index
    if (match === undefined) return
    const key = `${id} ${to} ${term} ${session}`
    const before = this.#matches.get(key) ?? 0
    if (match < before)
      broken('I6', `${id} takes the match of ${to} back from ${before} to ${match} in term ${term}`)
    this.#matches.set(key, match)
  }
}
