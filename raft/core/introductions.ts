// The conversation behind identity.ts: a node asks to be known, tells what it remembers of others, and hears what is
// remembered of itself. What follows from it for votes and counting is decided there.
//
//   Introduce ──▶  ◀── Remembered {the pinned store, what it was seen to promise}
//
// Keeps: nothing is remembered aloud before its pin is durable; under a new store id nothing is said before that id
// is durable and announced.

import type { Identities } from './identity.ts'
import type { Outbox } from './outbox.ts'
import type { Persistence } from './persistence.ts'
import type { Identity, Index, NodeId, PeerMessage, Pin } from './types.ts'

export class Introductions {
  readonly #self: NodeId
  readonly #peers: readonly NodeId[]
  readonly #identities: Identities
  readonly #outbox: Outbox
  readonly #persistence: Persistence
  #muted: boolean

  constructor(options: {
    self: NodeId
    peers: readonly NodeId[]
    identities: Identities
    outbox: Outbox
    persistence: Persistence
    /** The store id has just been renewed. */
    muted: boolean
  }) {
    this.#self = options.self
    this.#peers = options.peers
    this.#identities = options.identities
    this.#outbox = options.outbox
    this.#persistence = options.persistence
    this.#muted = options.muted
  }

  /** A new store id is not yet durable and announced: nobody is heard, nothing is said. */
  get muted(): boolean {
    return this.#muted
  }

  saved(identity: Identity): void {
    if (identity.store === this.#identities.current.store) this.#muted = false
  }

  /** Whoever has not told in this life what it remembers of us is asked, until it has. */
  ask(): void {
    for (const peer of this.#peers)
      if (!this.#identities.mayPromise(peer)) this.#outbox.send(peer, { type: 'Introduce' })
  }

  tell(peer: NodeId): void {
    this.#outbox.promise(peer, { type: 'Remembered', ...this.#identities.remembered(peer) })
  }

  /** True: it proves that this store has lost something; the node takes a new id and starts over as suspect. */
  told(message: PeerMessage & { type: 'Remembered' }): boolean {
    const outcome = this.#identities.told(message.from, message, this.#persistence.term)
    if (outcome === 'nothing') return false
    this.#outbox.note(outcome, { told: message.from, store: this.#identities.current.store })
    if (outcome !== 'lost') return false
    this.#outbox.forgetAllPromises()
    this.#persistence.takeBackPromises()
    this.#muted = true
    return true
  }

  /** The log has been handed out further: it may show by now what everybody knew. */
  caughtUp(): void {
    if (this.#identities.becomesMember()) this.#outbox.note('became member')
  }

  /**
   * The pins of a committed config entry, or of a snapshot that jumps over it. If they clear this node, it may vote
   * again: but not in the present term, where it may have forgotten a vote, unless for that term's leader (DESIGN.md,
   * rule 4).
   */
  adopt(pins: readonly Pin[], configIndex: Index, leaderId: NodeId | null): void {
    this.#outbox.note('pinned', { configIndex })
    if (this.#identities.adopt(pins, configIndex)) {
      if (this.#persistence.vote === null) this.#persistence.voteFor(leaderId ?? this.#self)
      this.#outbox.note('cleared', { store: this.#identities.current.store })
    }
    this.caughtUp()
  }
}
