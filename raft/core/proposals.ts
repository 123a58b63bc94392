// What becomes of a proposal: both ends of DESIGN.md, rule 5.
//
//   origin   Own: every proposal of this node until its end. It is sent in one term at a time; when the term
//            passes, nothing is done until the first committed entry of a later term is handed out. By then either
//            the proposal was handed out before it, or it is dead in that earlier term, and may be sent again.
//   leader   Admitted: the ids this leader has appended in its term, so that a repeated message appends nothing.
//
// Together: no proposal id stands twice among committed entries. Nothing here sends or waits; the ids are told
// what happens, in order.

import type { Bytes, Entry, NodeId, ProposalId, Term } from './types.ts'

interface Pending {
  readonly id: ProposalId
  readonly data: Bytes
  /** The only term in which it may stand in the log; null: certainly in none. */
  term: Term | null
  /** Ticks until it is sent again in that term, since a message may have been lost; 0: now. */
  resendIn: number
}

export class OwnProposals {
  readonly #node: NodeId
  readonly #life: number
  readonly #resendTicks: number
  readonly #pending = new Map<number, Pending>()
  #count = 0
  /** Term of the last entry handed out: a higher one settles the fate of what was sent before it. */
  #settledTerm: Term
  #toSend = false

  constructor(node: NodeId, life: number, resendTicks: number, settledTerm: Term) {
    this.#node = node
    this.#life = life
    this.#resendTicks = resendTicks
    this.#settledTerm = settledTerm
  }

  get size(): number {
    return this.#pending.size
  }

  get hasToSend(): boolean {
    return this.#toSend
  }

  /** Every count below is settled: leaders may forget those. */
  get floor(): number {
    for (const count of this.#pending.keys()) return count
    return this.#count
  }

  add(data: Bytes): ProposalId {
    const id = { node: this.#node, life: this.#life, count: this.#count++ }
    this.#pending.set(id.count, { id, data, term: null, resendIn: 0 })
    this.#toSend = true
    return id
  }

  /** Gives it up. True: it stands in no log and never will. */
  abandon(id: ProposalId): boolean {
    const pending = this.#pending.get(id.count)
    this.#pending.delete(id.count)
    return pending !== undefined && pending.term === null
  }

  tick(): void {
    for (const pending of this.#pending.values())
      if (pending.resendIn > 0 && --pending.resendIn === 0) this.#toSend = true
  }

  /** What may be lost on the way to the leader of this term is sent once more. */
  resendAll(): void {
    for (const pending of this.#pending.values()) pending.resendIn = 0
    this.#toSend = this.#pending.size > 0
  }

  /** In the order of their making, those to be sent to the leader of `term` now. */
  *take(term: Term): Generator<Pending> {
    if (!this.#toSend) return
    this.#toSend = false
    for (const pending of this.#pending.values()) {
      if (pending.resendIn > 0 || (pending.term !== null && pending.term !== term)) continue
      pending.term = term
      pending.resendIn = this.#resendTicks
      yield pending
    }
  }

  /**
   * The leader did not take it, now. That alone proves nothing about an earlier copy, so its term stays; only
   * `certainly` (this node is the leader and knows its own log) takes it back to "in no log".
   */
  refused(id: ProposalId, certainly: boolean, retryTicks: number): void {
    if (id.node !== this.#node || id.life !== this.#life) return
    const pending = this.#pending.get(id.count)
    if (pending === undefined) return
    if (certainly) pending.term = null
    pending.resendIn = retryTicks
    this.#toSend ||= retryTicks === 0
  }

  /** Entries in the order in which they are handed to the state machine. */
  handedOut(entry: Entry): void {
    if (entry.term > this.#settledTerm) {
      this.#settledTerm = entry.term
      for (const pending of this.#pending.values()) {
        if (pending.term === null || pending.term >= entry.term) continue
        pending.term = null // dead: proposed again, under the same id
        pending.resendIn = 0
        this.#toSend = true
      }
    }
    const id = entry.proposal
    if (id !== null && id.node === this.#node && id.life === this.#life)
      this.#pending.delete(id.count)
  }

  /** A snapshot jumps over entries that may have held what was sent: those end unknown. */
  jumpedOver(term: Term): readonly ProposalId[] {
    this.#settledTerm = Math.max(this.#settledTerm, term)
    const unknown = [...this.#pending.values()].filter((pending) => pending.term !== null)
    for (const pending of unknown) this.#pending.delete(pending.id.count)
    return unknown.map((pending) => pending.id)
  }
}

/** A leader's memory, for the length of its term. */
export class AdmittedProposals {
  readonly #origins = new Map<string, { floor: number; counts: Set<number> }>()

  /** False: already in this leader's log, or settled long ago. */
  isNew(id: ProposalId, floor: number): boolean {
    const key = `${id.node} ${id.life}`
    let origin = this.#origins.get(key)
    if (origin === undefined) {
      origin = { floor: 0, counts: new Set() }
      this.#origins.set(key, origin)
    }
    if (floor > origin.floor) {
      origin.floor = floor
      for (const count of origin.counts) if (count < floor) origin.counts.delete(count)
    }
    return id.count >= origin.floor && !origin.counts.has(id.count)
  }

  admit(id: ProposalId): void {
    this.#origins.get(`${id.node} ${id.life}`)!.counts.add(id.count)
  }
}
