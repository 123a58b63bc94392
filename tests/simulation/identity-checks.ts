// Who is suspected, and how one is cleared (DESIGN.md, rule 4): judged by what the world did to a directory and by what
// the disk holds, never by what a node thinks of itself.

import type { Glance, NodeId, StoreId, Term, TraceEvent } from '../../raft/core/types.ts'
import type { LoadedLog, LogWrite } from '../../raft/ports.ts'
import { broken } from './broken.ts'
import type { Memories } from './memory.ts'
import type { Observed, Observer } from './observer.ts'

/**
 * I20, its other half: who has lost nothing since it was last cleared is not suspected. Each suspicion costs a vote. Under a
 * store that it had before the loss nothing clears it: a directory set back may hold an old entry that did.
 */
export class OnlyTheForgetfulAreSuspected implements Observer {
  readonly #memories: Memories
  /** What each disk has shown, in all of its lives. */
  readonly #stores = new Map<NodeId, Set<StoreId>>()
  /** Those that forgot something, and the stores that they had by then. */
  readonly #forgetful = new Map<NodeId, ReadonlySet<StoreId>>()

  constructor(memories: Memories) {
    this.#memories = memories
  }

  loaded({ id }: Observed, { identity }: LoadedLog): void {
    this.#storesOf(id).add(identity.store)
  }

  durable({ id }: Observed, { identity }: LogWrite): void {
    if (identity !== null) this.#storesOf(id).add(identity.store)
  }

  forgot({ id }: Observed): void {
    this.#forgetful.set(id, new Set(this.#storesOf(id)))
  }

  turned({ id }: Observed, { standing, store }: Glance): void {
    const hadStores = this.#forgetful.get(id)
    if (standing === 'suspect' && hadStores === undefined)
      broken('I20', `${id} has lost nothing and is suspected of it`)
    if (hadStores === undefined || standing !== 'member' || hadStores.has(store)) return
    // What cleared it may wait for the disk, and die with the process.
    const disk = this.#memories.of(id)
    if (disk.member && disk.store === store) this.#forgetful.delete(id)
  }

  #storesOf(id: NodeId): Set<StoreId> {
    let stores = this.#stores.get(id)
    if (stores === undefined) {
      stores = new Set()
      this.#stores.set(id, stores)
    }
    return stores
  }
}

/** I7, of those that may have forgotten a vote: who is cleared in a term has none left to give in it. */
export class ClearedHasVoted implements Observer {
  readonly #memories: Memories
  /** Cleared in this term, and not yet a member on its disk. */
  readonly #cleared = new Map<NodeId, Term>()

  constructor(memories: Memories) {
    this.#memories = memories
  }

  noted({ id }: Observed, { type, term }: TraceEvent): void {
    if (type === 'cleared') this.#cleared.set(id, term)
  }

  died({ id }: Observed): void {
    this.#cleared.delete(id)
  }

  durable({ id }: Observed, { identity }: LogWrite): void {
    const cleared = this.#cleared.get(id)
    if (cleared === undefined || identity?.member !== true) return
    this.#cleared.delete(id)
    const { term, vote } = this.#memories.of(id)
    if (term === cleared && vote === null)
      broken('I7', `${id} is cleared in term ${term}, and its disk still has a vote to give in it`)
  }
}
