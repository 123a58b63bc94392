// Who may promise: store ids, pins, and the proof that a node has lost its memory (DESIGN.md, rule 4).
//
// Term, vote and log are a node's memory of its promises. They belong to a data directory, and the directory has a
// store id. A node votes and counts only once every other member has pinned the id it has now. It learns this from
// their Remembered messages when a cluster forms, or, after a loss, from a committed config entry:
//
//   announced (PeerMet with an id other than the pinned)  ──▶  leader appends a config entry {node, store}
//   committed by a majority without the node  ──▶  everybody pins the new id; the node may vote again
//
// Remembered also tells what a peer has seen this store promise. A store that holds less than that was set back
// to an older copy: the node then takes a new id by itself and goes the same way.
//
// It decides and remembers; it neither sends nor saves.

import type { RaftLog } from './log.ts'
import type { Identity, Index, NodeId, PeerStatus, Pin, Seen, StoreId, Term } from './types.ts'

export type Standing = 'member' | 'forming' | 'suspect'

export class Identities {
  #identity: Identity
  readonly #self: NodeId
  readonly #spare: StoreId
  readonly #log: RaftLog
  /** The store each peer showed last, in this life. */
  readonly #met = new Map<NodeId, StoreId>()
  /** Peers that have told, in this life, what they remember of this store. */
  readonly #rememberedBy = new Set<NodeId>()
  /** Stores whose pins have given way to newer ones, in this life. */
  readonly #replaced = new Set<StoreId>()
  readonly #seen = new Map<NodeId, Seen>()
  #lost: boolean
  #changed = false

  constructor(options: {
    self: NodeId
    identity: Identity
    log: RaftLog
    /** Taken as the new store id if this one turns out to have lost something. */
    spareStore: StoreId
    /** The start has found that the log lost its end. */
    lostEnd: boolean
  }) {
    this.#self = options.self
    this.#identity = options.identity
    this.#spare = options.spareStore
    this.#log = options.log
    this.#lost = false
    if (options.lostEnd) this.becomeSuspect()
  }

  get current(): Identity {
    return this.#identity
  }

  get member(): boolean {
    return this.#identity.member
  }

  get standing(): Standing {
    if (this.#identity.member) return 'member'
    return this.#lost ? 'suspect' : 'forming'
  }

  /** True once after each change: it must be saved with the next write. */
  takeChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  /** Counts in a majority: this node if it is a member, a peer if the store it shows is the pinned one. */
  counts(node: NodeId): boolean {
    if (node === this.#self) return this.#identity.member
    const met = this.#met.get(node)
    return met !== undefined && met === this.pinned(node)
  }

  pinned(node: NodeId): StoreId | null {
    return this.#identity.pins.find((pin) => pin.node === node)?.store ?? null
  }

  /** The peers that show a store which is neither the pinned one nor one that a later pin has replaced. */
  suspects(): readonly Pin[] {
    const suspects: Pin[] = []
    for (const [node, store] of this.#met)
      if (this.mayBeVouchedFor(node, store)) suspects.push({ node, store })
    return suspects
  }

  /** A store that a committed entry has replaced is never pinned again, however late its link shows it. */
  mayBeVouchedFor(node: NodeId, store: StoreId): boolean {
    return this.pinned(node) !== store && !this.#replaced.has(store)
  }

  /** This peer may be promised something: it has told, in this life, what it remembers of us. */
  mayPromise(peer: NodeId): boolean {
    return this.#rememberedBy.has(peer)
  }

  /** A peer shows its store: pinned at the first meeting. */
  meet(peer: NodeId, store: StoreId): void {
    this.#met.set(peer, store)
    if (this.pinned(peer) === null) this.#pin([{ node: peer, store }])
    if (this.pinned(peer) !== store) this.#seen.delete(peer)
  }

  /** A durable promise of this peer has been seen. */
  observe(peer: NodeId, seen: Seen): void {
    if (!this.counts(peer)) return
    const known = this.#seen.get(peer)
    const newer =
      known === undefined ||
      seen.term > known.term ||
      (seen.term === known.term && seen.match.index > known.match.index)
    if (newer) this.#seen.set(peer, seen)
  }

  /** As far as a node knows that does not lead. */
  statusOf(node: NodeId): PeerStatus {
    return {
      node,
      state: 'unknown',
      match: this.#seen.get(node)?.match.index ?? 0,
      counts: this.counts(node),
      recentlyActive: this.#met.has(node),
    }
  }

  /** What to answer a peer that introduces itself; `commit`: the pin includes the config entries up to there. */
  remembered(peer: NodeId): { pinned: StoreId | null; seen: Seen | null; commit: Index } {
    const commit = Math.max(this.#log.applied, this.#identity.configIndex)
    return { pinned: this.pinned(peer), seen: this.#seen.get(peer) ?? null, commit }
  }

  /** A peer tells what it remembers of this node, whose term is `term`. */
  told(
    peer: NodeId,
    said: { pinned: StoreId | null; seen: Seen | null; commit: Index },
    term: Term,
  ): 'nothing' | 'became member' | 'lost' {
    if (said.pinned === null) return 'nothing'
    if (said.pinned !== this.#identity.store) {
      // A peer that is behind has not yet seen the entry that pinned our present id. It counts us for nothing until
      // then; but it must be answered, or it could not catch up when we lead.
      const behind = said.commit < this.#identity.configIndex
      if (this.#identity.member && !behind) {
        this.becomeSuspect()
        return 'lost'
      }
      if (!this.#identity.member) this.#lost = true
      this.#rememberedBy.add(peer)
      return 'nothing'
    }
    if (
      said.seen !== null &&
      this.#identity.store !== this.#spare &&
      this.#lacks(said.seen, term)
    ) {
      this.becomeSuspect()
      return 'lost'
    }
    this.#rememberedBy.add(peer)
    const everybody = this.#identity.members.every(
      (node) => node === this.#self || this.#rememberedBy.has(node),
    )
    // A suspect is cleared by a config entry alone: some peer knew another store.
    if (this.#identity.member || this.#lost || !everybody) return 'nothing'
    this.#change({ ...this.#identity, member: true })
    return 'became member'
  }

  /**
   * Measured against the present, not the start: another peer may have seen what this life has promised since, and
   * tell it at a first meeting. So a loss that was mended unnoticed is not found, but no node is suspected falsely.
   */
  #lacks(seen: Seen, term: Term): boolean {
    if (term !== seen.term) return term < seen.term
    // Within one term, what a follower has acknowledged to its leader is never cut off again.
    if (seen.match.index <= this.#log.base.index) return false
    return !this.#log.matches(seen.match)
  }

  /** The promises of this store cannot be relied on: a new id, no vote, until a config entry clears it. */
  becomeSuspect(): void {
    this.#lost = true
    this.#rememberedBy.clear()
    this.#change({ ...this.#identity, store: this.#spare, member: false })
  }

  /** A committed config entry. Answers whether it clears this node. */
  commitPin(pin: Pin, index: Index): boolean {
    if (index <= this.#identity.configIndex) return false
    if (pin.node === this.#self) {
      this.#change({ ...this.#identity, configIndex: index })
      return !this.#identity.member && pin.store === this.#identity.store
    }
    this.#pin([pin], index)
    return false
  }

  cleared(): void {
    this.#lost = false
    this.#change({ ...this.#identity, member: true })
  }

  /** Pins that travelled with a snapshot, in place of the config entries it jumps over. */
  adopt(pins: readonly Pin[], configIndex: Index): boolean {
    if (configIndex <= this.#identity.configIndex) return false
    const own = pins.find((pin) => pin.node === this.#self)
    this.#pin(
      pins.filter((pin) => pin.node !== this.#self),
      configIndex,
    )
    return !this.#identity.member && own?.store === this.#identity.store
  }

  /** The pins as this node would tell them to a follower that takes a snapshot. */
  get pinsAndOwn(): readonly Pin[] {
    return [...this.#identity.pins, { node: this.#self, store: this.#identity.store }]
  }

  #pin(pins: readonly Pin[], configIndex = this.#identity.configIndex): void {
    const merged = new Map(this.#identity.pins.map((pin) => [pin.node, pin.store]))
    for (const pin of pins) {
      if (!this.#identity.members.includes(pin.node)) continue
      const before = merged.get(pin.node)
      if (before !== pin.store) {
        this.#seen.delete(pin.node)
        if (before !== undefined) this.#replaced.add(before)
        this.#replaced.delete(pin.store)
      }
      merged.set(pin.node, pin.store)
    }
    const sorted = [...merged].map(([node, store]) => ({ node, store }))
    sorted.sort((a, b) => (a.node < b.node ? -1 : 1))
    this.#change({ ...this.#identity, pins: sorted, configIndex })
  }

  #change(identity: Identity): void {
    this.#identity = identity
    this.#changed = true
  }
}

/** The data of a config entry: `node`, a blank, `store`, in UTF-8 (neither holds a blank). */
export function encodePin(pin: Pin): Uint8Array {
  return new TextEncoder().encode(`${pin.node} ${pin.store}`)
}

export function decodePin(data: Uint8Array): Pin | null {
  const [node, store, ...rest] = new TextDecoder().decode(data).split(' ')
  return node && store && rest.length === 0 ? { node, store } : null
}
