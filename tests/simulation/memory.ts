// What each node has on its disk, as the checkers know it: built from what was written and synced, never from what
// the node says. And what it ever promised, which no restart may take back.

import type {
  Entry,
  EntryId,
  Identity,
  Index,
  NodeId,
  Seen,
  StoreId,
  Term,
} from '../../raft/core/types.ts'
import type { LoadedLog, LogWrite } from '../../raft/ports.ts'
import { broken } from './broken.ts'
import type { Observed, Observer } from './observer.ts'

/** Term, vote, identity and the terms of all entries of one log. */
export class LogView {
  term: Term = 0
  vote: NodeId | null = null
  store: StoreId | null = null
  member = false
  pins = new Map<NodeId, StoreId>()
  checkpointIndex: Index = 0
  base: EntryId = { index: 0, term: 0 }
  /** Of the entries behind base, in order. */
  terms: Term[] = []

  static of(loaded: LoadedLog): LogView {
    const view = new LogView()
    view.term = loaded.hardState.term
    view.vote = loaded.hardState.vote
    view.store = loaded.identity.store
    view.member = loaded.identity.member
    view.#pin(loaded.identity)
    view.checkpointIndex = loaded.checkpoint?.index ?? 0
    view.base = loaded.base
    const last = loaded.entries.at(-1)?.index ?? Math.max(view.checkpointIndex, view.base.index)
    for (const [i, { index, term }] of loaded.terms.entries()) {
      const end = loaded.terms[i + 1]?.index ?? last + 1
      for (let at = index; at < end; at++) view.terms.push(term)
    }
    return view
  }

  get last(): Index {
    return this.base.index + this.terms.length
  }

  termAt(index: Index): Term | null {
    if (index === this.base.index) return this.base.term
    return this.terms[index - this.base.index - 1] ?? null
  }

  holds({ index, term }: EntryId): boolean {
    return index <= this.base.index || this.termAt(index) === term
  }

  apply(write: LogWrite): void {
    if (write.hardState !== null) {
      this.term = write.hardState.term
      this.vote = write.hardState.vote
    }
    if (write.identity !== null) {
      this.store = write.identity.store
      this.member = write.identity.member
      this.#pin(write.identity)
    }
    if (write.checkpoint !== null) {
      this.checkpointIndex = write.checkpoint.index
      if (write.base) {
        this.base = { index: write.checkpoint.index, term: write.checkpoint.term }
        this.terms = []
      }
    }
    for (const entry of write.entries) {
      this.terms.length = Math.min(this.terms.length, entry.index - this.base.index - 1)
      if (this.last !== entry.index - 1) broken('I3', `a write leaves a hole before ${entry.index}`)
      this.terms.push(entry.term)
    }
  }

  #pin({ pins }: Identity): void {
    this.pins = new Map(pins.map(({ node, store }) => [node, store]))
  }

  /** Segments below may be gone at any time; what is left must be the same. */
  agreesWith(loaded: LogView): boolean {
    if (this.term !== loaded.term || this.vote !== loaded.vote || this.store !== loaded.store)
      return false
    if (this.last !== loaded.last) return false
    for (let index = loaded.base.index; index <= loaded.last; index++)
      if (index > this.base.index && this.termAt(index) !== loaded.termAt(index)) return false
    return true
  }

  /** What `seen` speaks of is not here: a peer that remembers it can tell. */
  lacks({ term, match }: Seen): boolean {
    if (this.term !== term) return this.term < term
    return match.index > this.base.index && this.termAt(match.index) !== match.term
  }

  /** A store that shows this entry as applied proves that the log has lost its end. */
  lacksApplied({ index, term }: EntryId): boolean {
    const found = this.termAt(index)
    return index > this.last || (found !== null && found !== term)
  }

  /** All that rested on `earlier` rests on this one as well. */
  keeps(earlier: LogView): boolean {
    const { term, vote, store, member, base, last } = earlier
    if (this.term !== term || this.vote !== vote || this.store !== store) return false
    if (this.member !== member) return false
    for (let index = Math.max(this.base.index, base.index) + 1; index <= last; index++)
      if (this.termAt(index) !== earlier.termAt(index)) return false
    return true
  }

  copy(): LogView {
    const copy = Object.assign(new LogView(), this)
    copy.terms = [...this.terms]
    copy.pins = new Map(this.pins)
    return copy
  }
}

interface Memory {
  view: LogView
  inFlight: LogWrite | null
  /** What was durable is no longer due: the directory was lost, set back or damaged. */
  forgot: boolean
}

const keyOf = ({ index, term }: EntryId): number => term * 2 ** 32 + index

/** All nodes' disks; other checkers ask it. It also judges what a restart finds (I7). */
export class Memories implements Observer {
  readonly #members: readonly NodeId[]
  readonly #memories = new Map<NodeId, Memory>()
  /** Which nodes have ever held an entry durably, as bits. */
  readonly #holders = new Map<number, number>()

  constructor(members: readonly NodeId[]) {
    this.#members = members
    for (const node of members)
      this.#memories.set(node, { view: new LogView(), inFlight: null, forgot: true })
  }

  of(node: NodeId): LogView {
    return this.#memories.get(node)!.view
  }

  /** How many nodes have ever held this entry durably. */
  holders(id: EntryId): number {
    let bits = this.#holders.get(keyOf(id)) ?? 0
    let count = 0
    for (; bits !== 0; bits &= bits - 1) count++
    return count
  }

  loaded({ id }: Observed, log: LoadedLog): void {
    const memory = this.#memories.get(id)!
    const found = LogView.of(log)
    if (!memory.forgot && !memory.view.agreesWith(found)) {
      const after = memory.view.copy()
      if (memory.inFlight !== null) after.apply(memory.inFlight)
      if (memory.inFlight === null || !after.agreesWith(found))
        broken(
          'I7',
          `${id} finds another log than it had durable: ${describe(memory.view)} became ${describe(found)}`,
        )
    }
    memory.view = found
    memory.inFlight = null
    memory.forgot = false
    for (let index = found.base.index + 1; index <= found.last; index++)
      this.#hold(id, { index, term: found.termAt(index)! })
  }

  writing({ id }: Observed, write: LogWrite): void {
    const memory = this.#memories.get(id)!
    if (memory.inFlight !== null) broken('I8', `${id} has two writes under way`)
    memory.inFlight = write
  }

  durable({ id }: Observed, write: LogWrite): void {
    const memory = this.#memories.get(id)!
    memory.inFlight = null
    const { view } = memory
    const { last } = view
    const connects =
      write.base &&
      write.checkpoint !== null &&
      view.termAt(write.checkpoint.index) === write.checkpoint.term
    view.apply(write)
    if (connects && view.last < last)
      broken(
        'I17',
        `${id} begins its log behind ${view.base.index} and drops what followed up to ${last}`,
      )
    for (const entry of write.entries) this.#hold(id, entry)
  }

  forgot({ id }: Observed): void {
    this.#memories.get(id)!.forgot = true
  }

  #hold(node: NodeId, id: EntryId | Entry): void {
    const key = keyOf(id)
    const bit = 1 << this.#members.indexOf(node)
    this.#holders.set(key, (this.#holders.get(key) ?? 0) | bit)
  }
}

function describe(view: LogView): string {
  const { term, vote, base, last } = view
  return `term ${term}, vote ${vote}, base ${base.index}, last ${last}@${view.termAt(last)}`
}
