// One attempt to be elected: who was asked, and what they said (§5.2; pre-vote: thesis §9.6).
//
// It counts; when it may count its own vote, and what follows from winning, roles.ts decides. A new attempt is a new
// object, so no answer to one of another term is ever counted (raft.md 4.2-c, e; terms are checked before).

import { majority } from './quorum.ts'
import type { NodeId } from './types.ts'

export class Candidacy {
  readonly role: 'preCandidate' | 'candidate'
  /** Leadership transfer: our requests overrule the others' stickiness. */
  readonly force: boolean
  readonly #members: readonly NodeId[]
  readonly #votes = new Map<NodeId, boolean>()

  constructor(role: Candidacy['role'], members: readonly NodeId[], force = false) {
    this.role = role
    this.#members = members
    this.force = force
  }

  count(from: NodeId, granted: boolean): void {
    this.#votes.set(from, granted)
  }

  has(node: NodeId): boolean {
    return this.#votes.has(node)
  }

  get won(): boolean {
    return this.#number(true) >= majority(this.#members.length)
  }

  get lost(): boolean {
    return this.#number(false) >= majority(this.#members.length)
  }

  /** Whom to ask (again). A refused pre-vote may be granted in a moment, a refused vote is final. */
  undecided(): readonly NodeId[] {
    const asksAgain = (vote: boolean | undefined) =>
      this.role === 'preCandidate' ? vote !== true : vote === undefined
    return this.#members.filter((node) => asksAgain(this.#votes.get(node)))
  }

  #number(granted: boolean): number {
    let number = 0
    for (const vote of this.#votes.values()) if (vote === granted) number++
    return number
  }
}
