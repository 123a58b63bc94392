// Who may promise: store ids, pins, and the proof that a node has lost its memory (DESIGN.md, rule 4).
//
// Term, vote and log are a node's memory of its promises. They belong to a data directory, and the directory has a
// store id. A node votes and counts only once every other member has pinned the id it has now. It learns this from
// their Remembered messages when a cluster forms, or, after a loss, from a committed config entry:
//
//   announced (PeerMet with an id other than the pinned), and it answers  ──▶  leader appends a config entry
//   committed by a majority without the node  ──▶  everybody pins the new id; the node may vote again
//
// The entry carries the pins of all nodes as of its place in the log. Whom a lost node met first in its new life
// proves nothing: that one may be a lost node, too.
//
// Remembered also tells what a peer has seen this store promise. A store that holds less than that was set back
// to an older copy: the node then takes a new id by itself and goes the same way. What was seen is remembered as long as
// the peer's process lives, except for the term that its own vote proves; so a set-back store beside peers that have all
// restarted since may go unnoticed.
//
// It decides and remembers; it neither sends nor saves.

import type { RaftLog } from './log.ts'
import {
  type HardState,
  type Identity,
  type Index,
  type NodeId,
  ORIGIN,
  type PeerStatus,
  type Pin,
  type Seen,
  type StoreId,
  type Term,
} from './types.ts'

export type Standing = 'member' | 'forming' | 'suspect'

export class Identities {
  #identity: Identity
  readonly #self: NodeId
  readonly #spare: StoreId
  readonly #log: RaftLog
  /** The store each peer showed last, in this life. */
  readonly #met = new Map<NodeId, StoreId>()
  /** Peers that have told, in this life, what they remember of this store, and up to which index they knew the log. */
  readonly #rememberedBy = new Map<NodeId, Index>()
  /** The store under which each peer has voted for us, in this life. */
  readonly #voters = new Map<NodeId, StoreId>()
  readonly #seen = new Map<NodeId, Seen>()
  #lost: boolean
  #changed = false

  constructor(options: {
    self: NodeId
    identity: Identity
    /** As the start has found it: a vote is evidence that outlives the process. */
    hardState: HardState
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
    // Whoever was voted for had this term on its disk before it asked, or it led the term.
    const { term, vote } = options.hardState
    if (vote !== null && vote !== this.#self) this.#seen.set(vote, { term, match: ORIGIN })
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
    return met !== undefined && (met === this.pinned(node) || met === this.#voters.get(node))
  }

  /**
   * A peer has granted a vote. Only a member does, so the entry that pins the store it shows is committed, even if we
   * have that entry in our log without knowing so: counting its vote may be the only way to learn it.
   */
  voted(peer: NodeId): void {
    const met = this.#met.get(peer)
    if (met !== undefined && this.pinsAtEnd().get(peer)?.store === met) this.#voters.set(peer, met)
  }

  pinned(node: NodeId): StoreId | null {
    for (const pin of this.#identity.pins) if (pin.node === node) return pin.store
    return null
  }

  /** The store that this peer has shown last, if it is not the pinned one: newer, or long gone with a dead link. */
  unpinned(peer: NodeId): StoreId | null {
    const met = this.#met.get(peer)
    return met === undefined || met === this.pinned(peer) ? null : met
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
      seen: this.seen(node),
    }
  }

  seen(node: NodeId): Seen | null {
    return this.#seen.get(node) ?? null
  }

  /** What to answer a peer that introduces itself; `commit`: the pin includes the config entries up to there. */
  remembered(peer: NodeId): { pinned: StoreId | null; seen: Seen | null; commit: Index } {
    const commit = Math.max(this.#log.applied, this.#identity.configIndex)
    return { pinned: this.pinned(peer), seen: this.seen(peer), commit }
  }

  /** A peer tells what it remembers of this node, whose term is `term`. */
  told(
    peer: NodeId,
    said: { pinned: StoreId | null; seen: Seen | null; commit: Index },
    term: Term,
  ): 'nothing' | 'became member' | 'lost' {
    if (said.pinned === null) return 'nothing'
    if (said.pinned !== this.#identity.store) {
      // Only a later entry than the one that pinned our present id takes it away. A peer that has not come beyond that
      // one is behind, or was emptied and pinned whom it met first: it proves nothing. It counts us for nothing until
      // it knows; but it must be answered, or it could not catch up when we lead.
      const behind = said.commit <= this.#identity.configIndex
      if (this.#identity.member && !behind) {
        this.becomeSuspect()
        return 'lost'
      }
      if (!this.#identity.member) this.#lost = true
      this.#rememberedBy.set(peer, said.commit)
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
    this.#rememberedBy.set(peer, said.commit)
    return this.becomesMember() ? 'became member' : 'nothing'
  }

  /**
   * Everybody has pinned this store, and the own log shows whatever they knew by then: had the store been replaced
   * by a config entry, that entry would have been met. A suspect is cleared by such an entry alone.
   */
  becomesMember(): boolean {
    if (this.#identity.member || this.#lost) return false
    for (const node of this.#identity.members) {
      if (node === this.#self) continue
      const knew = this.#rememberedBy.get(node)
      if (knew === undefined || knew > this.#log.applied) return false
    }
    this.#change({ ...this.#identity, member: true })
    return true
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

  /**
   * All pins of the cluster, from a committed config entry, or from a snapshot in place of those that it jumps over.
   * Answers whether they clear this node.
   */
  adopt(pins: readonly Pin[], configIndex: Index): boolean {
    if (configIndex <= this.#identity.configIndex) return false
    this.#pin(
      pins.filter((pin) => pin.node !== this.#self),
      configIndex,
    )
    const own = pins.find((pin) => pin.node === this.#self)
    if (this.#identity.member || own?.store !== this.#identity.store) return false
    this.#lost = false
    this.#change({ ...this.#identity, member: true })
    return true
  }

  /** As they will be once all of the own log is committed. */
  pinsAtEnd(): Map<NodeId, Pin> {
    const pins = new Map(this.pinsAndOwn.map((pin) => [pin.node, pin]))
    const { applied, last } = this.#log
    const pending = this.#log.slice(applied + 1, last.index, Number.POSITIVE_INFINITY) ?? []
    for (const entry of pending)
      if (entry.type === 'config') for (const pin of decodePins(entry.data)) pins.set(pin.node, pin)
    return pins
  }

  /** The pins as this node would tell them to a follower that takes a snapshot. */
  get pinsAndOwn(): readonly Pin[] {
    return [...this.#identity.pins, { node: this.#self, store: this.#identity.store }]
  }

  #pin(pins: readonly Pin[], configIndex = this.#identity.configIndex): void {
    const merged = new Map(this.#identity.pins.map((pin) => [pin.node, pin.store]))
    for (const pin of pins) {
      if (!this.#identity.members.includes(pin.node)) continue
      if (merged.get(pin.node) !== pin.store) this.#seen.delete(pin.node)
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

/** The data of a config entry: the pins of all nodes, as node and store in turn, with blanks between, in UTF-8. */
export function encodePins(pins: Iterable<Pin>): Uint8Array {
  return new TextEncoder().encode([...pins].map(({ node, store }) => `${node} ${store}`).join(' '))
}

export function decodePins(data: Uint8Array): readonly Pin[] {
  const pins: Pin[] = []
  const words = new TextDecoder().decode(data).split(' ')
  for (let i = 0; i + 1 < words.length; i += 2) pins.push({ node: words[i]!, store: words[i + 1]! })
  return pins
}
