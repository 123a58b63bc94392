// ReadIndex (thesis §6.4): linearizable reads without writing to the log. Both ends of it.
//
//   leader   LeaderReads: note the commit index, confirm leadership by a round of heartbeats begun after that, in
//            the same term, then release the index. Reads that arrive together share one round. A leader that has
//            not yet committed an entry of its own term does not know the commit index: its reads wait.
//   anywhere OwnReads: reads of this node, asked of whoever leads, again when the leader changes or is silent.
//
// The sequence in heartbeats is monotone and ours; users' ids never travel as confirmation (etcd raft PR #397).

import { majority } from './quorum.ts'
import type { Index, NodeId } from './types.ts'

interface WaitingRead {
  readonly sequence: number
  readonly index: Index
  readonly from: NodeId
  readonly ticket: number
}

export class LeaderReads {
  readonly #members: number
  /** Not yet in a round: no commit of the own term so far. */
  #deferred: { from: NodeId; ticket: number }[] = []
  #waiting: WaitingRead[] = []
  /** Those of both kinds: a read that is asked again is kept once. */
  readonly #open = new Set<string>()
  #acknowledged = new Map<NodeId, number>()
  sequence = 0
  /** A round must begin: the next heartbeat goes out at once. */
  roundDue = false

  constructor(members: number) {
    this.#members = members
  }

  add(from: NodeId, ticket: number, commit: Index | null): void {
    const key = `${from} ${ticket}`
    if (this.#open.has(key)) return
    this.#open.add(key)
    if (commit === null) this.#deferred.push({ from, ticket })
    else this.#wait(from, ticket, commit)
  }

  #wait(from: NodeId, ticket: number, commit: Index): void {
    if (!this.roundDue) {
      this.roundDue = true
      this.sequence++
    }
    this.#waiting.push({ sequence: this.sequence, index: commit, from, ticket })
  }

  /** The first entry of the own term is committed: the index is known now. */
  releaseDeferred(commit: Index): void {
    const deferred = this.#deferred
    this.#deferred = []
    for (const read of deferred) this.#wait(read.from, read.ticket, commit)
  }

  acknowledged(node: NodeId, sequence: number): void {
    if (sequence > (this.#acknowledged.get(node) ?? 0)) this.#acknowledged.set(node, sequence)
  }

  /** Reads whose round a majority has answered, the leader itself included if it counts. */
  takeConfirmed(counts: (node: NodeId) => boolean, self: NodeId): readonly WaitingRead[] {
    if (this.#waiting.length === 0 || this.roundDue) return []
    const answered: number[] = counts(self) ? [this.sequence] : []
    for (const [node, sequence] of this.#acknowledged) if (counts(node)) answered.push(sequence)
    answered.sort((a, b) => b - a)
    const confirmed = answered[majority(this.#members) - 1] ?? 0
    const end = this.#waiting.findIndex((read) => read.sequence > confirmed)
    const released = this.#waiting.splice(0, end === -1 ? this.#waiting.length : end)
    for (const { from, ticket } of released) this.#open.delete(`${from} ${ticket}`)
    return released
  }
}

export class OwnReads {
  readonly #resendTicks: number
  /** Ticket → ticks until it is asked again; 0: now. */
  readonly #waiting = new Map<number, number>()
  #nextTicket: number

  /** Tickets differ between lives, so that a late answer to an earlier life confirms nothing. */
  constructor(life: number, resendTicks: number) {
    this.#resendTicks = resendTicks
    this.#nextTicket = (life % 2 ** 20) * 2 ** 32
  }

  add(): number {
    const ticket = this.#nextTicket++
    this.#waiting.set(ticket, 0)
    return ticket
  }

  get size(): number {
    return this.#waiting.size
  }

  cancel(ticket: number): void {
    this.#waiting.delete(ticket)
  }

  tick(): void {
    for (const [ticket, ticks] of this.#waiting) if (ticks > 0) this.#waiting.set(ticket, ticks - 1)
  }

  askAgain(): void {
    for (const ticket of this.#waiting.keys()) this.#waiting.set(ticket, 0)
  }

  *take(): Generator<number> {
    for (const [ticket, ticks] of this.#waiting) {
      if (ticks > 0) continue
      this.#waiting.set(ticket, this.#resendTicks)
      yield ticket
    }
  }

  /** Answers whether anybody still waits for it. */
  answered(ticket: number, index: Index | null): boolean {
    if (!this.#waiting.has(ticket)) return false
    if (index === null) return false // asked again later, elsewhere
    return this.#waiting.delete(ticket)
  }
}
