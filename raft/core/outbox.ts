// What leaves the core for its peers: at once, or when everything decided so far is durable.
//
// The difference is the safety argument of asynchronous storage (raft.md part 2, the matrix of what may leave before
// what is durable), so the two are two methods, and nobody chooses by remembering.

import type { NodeId, PeerMessage, Term, TraceEvent } from './types.ts'

/** A message without its envelope. */
export type Content<M = PeerMessage> = M extends unknown ? Omit<M, 'from' | 'to' | 'term'> : never

export class Outbox {
  readonly #self: NodeId
  readonly #term: () => Term
  #messages: PeerMessage[] = []
  #promises: PeerMessage[] = []
  #trace: TraceEvent[] = []

  constructor(self: NodeId, term: () => Term) {
    this.#self = self
    this.#term = term
  }

  /** Leaves now: promises nothing about the own disk. */
  send(to: NodeId, content: Content, term = this.#term()): void {
    this.#messages.push({ ...content, from: this.#self, to, term } as PeerMessage)
  }

  /**
   * Leaves when everything decided so far is durable. Of one kind to one peer only the last is kept, so that a slow
   * disk gathers no more than a few, and one sync acknowledges all that it covers in one message.
   */
  promise(to: NodeId, content: Content): void {
    const promise = { ...content, from: this.#self, to, term: this.#term() } as PeerMessage
    const earlier = this.#promises.findIndex(
      (other) => other.to === to && other.type === promise.type,
    )
    if (earlier !== -1) {
      if (saysMore(this.#promises[earlier]!, promise)) return
      this.#promises.splice(earlier, 1)
    }
    this.#promises.push(promise)
  }

  /** One action, for people and tests. */
  note(type: string, detail: TraceEvent['detail'] = {}): void {
    this.#trace.push({ type, term: this.#term(), detail })
  }

  /** The term has passed: promises made in it are of no use to anybody; what is remembered of peers stays true. */
  forgetOldPromises(): void {
    this.#promises = this.#promises.filter((message) => message.type === 'Remembered')
  }

  /** The store id has changed: what was promised under the old one and has not left is not promised. */
  forgetAllPromises(): void {
    this.#promises = []
  }

  takePromises(): PeerMessage[] {
    const promises = this.#promises
    this.#promises = []
    return promises
  }

  /** Promises that rest on nothing unsaved leave at once. */
  takeMessages(kept: readonly PeerMessage[]): readonly PeerMessage[] {
    const messages = this.#messages
    this.#messages = []
    for (const message of kept) messages.push(message)
    return messages
  }

  takeTrace(): readonly TraceEvent[] {
    const trace = this.#trace
    this.#trace = []
    return trace
  }
}

/** A repeated append may be acknowledged after a longer one. */
function saysMore(earlier: PeerMessage, later: PeerMessage): boolean {
  if (earlier.type !== 'AppendOk' || later.type !== 'AppendOk') return false
  return earlier.session === later.session && earlier.match > later.match
}
