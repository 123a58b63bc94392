// The conversation behind identity.ts: a node asks to be known, tells what it remembers of others, and hears what is
// remembered of itself. What follows from it for votes and counting is decided there.
//
//   Introduce ──▶  ◀── Remembered {the pinned store, what it was seen to promise}
//
// Keeps: nothing is remembered aloud before its pin is durable; under a new store id nothing is said before that id
// is durable and announced.

import { decodePin, type Identities } from './identity.ts'
import type { Outbox } from './outbox.ts'
import type { Persistence } from './persistence.ts'
import type { Entry, Identity, Index, NodeId, PeerMessage, Pin } from './types.ts'

export class Introductions {
  readonly #peers: readonly NodeId[]
  readonly #identities: Identities
  readonly #outbox: Outbox
  readonly #persistence: Persistence
  /** A committed config entry names our store; it clears us once its leader is known. */
  #clearPending = false
  #muted: boolean

  constructor(options: {
    peers: readonly NodeId[]
    identities: Identities
    outbox: Outbox
    persistence: Persistence
    /** The store id has just been renewed. */
    muted: boolean
  }) {
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
    this.#muted = true
    return true
  }

  /** A config entry is committed: everybody pins the new store id of the node it names. */
  configCommitted(entry: Entry, leaderId: NodeId | null): void {
    const pin = decodePin(entry.data)
    if (pin === null) return
    this.#outbox.note('pinned', { peer: pin.node, store: pin.store })
    if (this.#identities.commitPin(pin, entry.index)) this.#clearPending = true
    this.maybeClear(leaderId)
  }

  /** Pins that travelled with a snapshot, in place of the config entries it jumps over. */
  adopt(pins: readonly Pin[], configIndex: Index, leaderId: NodeId | null): void {
    if (this.#identities.adopt(pins, configIndex)) this.#clearPending = true
    this.maybeClear(leaderId)
  }

  /**
   * This node may vote again, once it knows the leader whose commit clears it: it then holds its term with its vote
   * for that leader, so that nothing it has forgotten can be contradicted (DESIGN.md, rule 4).
   */
  maybeClear(leaderId: NodeId | null): void {
    if (!this.#clearPending || leaderId === null) return
    this.#clearPending = false
    if (this.#persistence.vote === null) this.#persistence.voteFor(leaderId)
    this.#identities.cleared()
    this.#outbox.note('cleared', { store: this.#identities.current.store })
  }
}
