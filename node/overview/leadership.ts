// Who led when, as this node saw it: a short memory for people, in the order it happened. Consensus neither reads nor
// trusts it.

import type { Role } from '../../client/contract/state.ts'

export interface Reign {
  readonly term: number
  /** null: none was known here. */
  readonly leader: string | null
  /** This node's own: shows whether it stood for election. */
  readonly role: Role
  readonly sinceMs: number
}

/** Changes remembered. A failover is three or four of them. */
export const REIGNS_MAX = 64

export class LeadershipHistory {
  readonly #reigns: Reign[] = []

  /** True: something has changed since the last look. */
  look(now: Omit<Reign, 'sinceMs'>, nowMs: number): boolean {
    const last = this.#reigns.at(-1)
    const same =
      last !== undefined &&
      last.term === now.term &&
      last.leader === now.leader &&
      last.role === now.role
    if (same) return false
    this.#reigns.push({ ...now, sinceMs: nowMs })
    if (this.#reigns.length > REIGNS_MAX) this.#reigns.shift()
    return true
  }

  /** Oldest first. */
  get reigns(): readonly Reign[] {
    return this.#reigns
  }
}
