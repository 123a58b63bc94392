// A few cores joined by hand, with disks and links that do what the test says: the smallest world in which the
// paper's sentences can be checked. Not the simulator: nothing here is random, late or lost unless told.

import type { RaftConfig, RaftStart } from '../../../raft/core/config.ts'
import { Raft } from '../../../raft/core/raft.ts'
import {
  type ApplyTask,
  type Checkpoint,
  type Entry,
  type Index,
  type LocalMessage,
  type NodeId,
  ORIGIN,
  type PeerMessage,
  type Ready,
  type Status,
} from '../../../raft/core/types.ts'
import { Disk } from './disk.ts'

export const CONFIG: Omit<RaftConfig, 'id' | 'members' | 'seed' | 'spareStore'> = {
  life: 1,
  electionTicks: 10,
  heartbeatTicks: 1,
  diskStallTicks: 20,
  messageBytesMax: 64 * 1024,
  inflightMessagesMax: 16,
  inflightBytesMax: 1024 * 1024,
  uncommittedBytesMax: 1024 * 1024,
  applyBytesMax: 1024 * 1024,
  memoryBytesMax: 1024 * 1024,
}

export const IDS = ['n1', 'n2', 'n3']
export const FIVE = ['n1', 'n2', 'n3', 'n4', 'n5']

export const storeOf = (node: NodeId): string => `store-of-${node}`

/** A log from terms alone: [1, 1, 2] is two entries of term 1, one of term 2. */
export function entriesOf(terms: readonly number[], first = 1): Entry[] {
  return terms.map((term, i) => ({
    index: first + i,
    term,
    type: 'normal',
    proposal: null,
    data: new Uint8Array(0),
  }))
}

/** A member that has been in the cluster before: it knows its peers, and they know it. */
export function startOf(
  id: NodeId,
  members: readonly NodeId[],
  have: { term?: number; vote?: NodeId | null; entries?: readonly Entry[]; commit?: number } = {},
): RaftStart {
  const entries = have.entries ?? []
  const runs = entries.filter((entry, i) => entry.term !== entries[i - 1]?.term)
  return {
    identity: {
      store: storeOf(id),
      members,
      pins: members.filter((m) => m !== id).map((node) => ({ node, store: storeOf(node) })),
      member: true,
      configIndex: 0,
    },
    hardState: { term: have.term ?? entries.at(-1)?.term ?? 0, vote: have.vote ?? null },
    checkpoint: null,
    base: ORIGIN,
    terms: runs.map(({ index, term }) => ({ index, term })),
    entries,
    commit: have.commit ?? 0,
    lostEnd: false,
    rebuilding: false,
  }
}

/** A node whose directory is new: it knows nobody. */
export function freshOf(id: NodeId, members: readonly NodeId[], store = storeOf(id)): RaftStart {
  const start = startOf(id, members)
  return { ...start, identity: { ...start.identity, store, pins: [], member: false } }
}

/** What the members of one world share. */
export interface Shared {
  /** What was applied, by index: where a snapshot's content comes from. */
  readonly history: Map<Index, Entry>
  /** A node shows another store than before. */
  announced(id: NodeId): void
  /** The state machine of a node applies an entry. */
  applied?(id: NodeId, entry: Entry): void
}

/** One life of a node: its core, and a driver that does everything at once unless told to wait. */
export class Member {
  readonly id: NodeId
  readonly raft: Raft
  readonly disk: Disk
  /** All that the state machine holds, in order; what a snapshot brought included. */
  applied: Entry[]
  readonly outbox: PeerMessage[] = []
  readonly readies: Ready[] = []
  /** Set: writes stay unfinished until finishAppend(). */
  slowDisk = false
  unfinished: Ready['append'] = null
  /** Set: applies stay unfinished until finishApply(). */
  slowApply = false
  applying: ApplyTask | null = null
  /** Set: snapshots stay on their way until finishInstall(). */
  slowInstall = false
  installing: Checkpoint | null = null
  /** Set: entries that are read from the disk stay on their way until finishReads(). */
  slowReads = false
  reading: Ready['reads'][number][] = []
  readonly #shared: Shared
  #store: string

  constructor(config: RaftConfig, disk: Disk, shared: Shared) {
    this.id = config.id
    this.disk = disk
    this.#shared = shared
    const start = disk.load()
    const applied = start.rebuilding ? 0 : (start.checkpoint?.index ?? start.base.index)
    this.applied = contentUpTo(shared.history, applied)
    this.#store = disk.identity.store
    this.raft = new Raft(config, start)
  }

  get status(): Status {
    return this.raft.status()
  }

  get texts(): string[] {
    return textsOf(this.applied)
  }

  /** The last one that this life has said. */
  get trace(): string[] {
    return this.readies.flatMap((ready) => ready.trace.map((event) => event.type))
  }

  step(message: PeerMessage | LocalMessage): void {
    this.raft.step(message)
  }

  propose(text: string) {
    return this.raft.propose(new TextEncoder().encode(text))
  }

  /** One turn; answers whether anything was to be done. */
  turn(): boolean {
    const ready = this.raft.ready()
    this.readies.push(ready)
    this.outbox.push(...ready.messages)
    if (ready.append !== null) {
      this.unfinished = ready.append
      if (!this.slowDisk) this.finishAppend()
    }
    if (ready.restore !== null) this.#restore(ready.restore)
    if (ready.apply !== null) {
      this.applying = ready.apply
      if (!this.slowApply) this.finishApply()
    }
    this.reading.push(...ready.reads)
    if (!this.slowReads) this.finishReads()
    for (const { peer, session } of ready.offers) {
      const checkpoint = this.checkpoint()
      this.step({ type: 'OfferReady', peer, session, checkpoint })
    }
    if (ready.install !== null) {
      this.installing = ready.install.checkpoint
      if (!this.slowInstall) this.finishInstall()
    }
    if (ready.removeBefore !== null) {
      const first = this.disk.removeBefore(ready.removeBefore)
      this.step({ type: 'LogTrimmed', first })
    }
    return !isIdle(ready)
  }

  /** Carries out everything until nothing is left to do. */
  settle(): void {
    while (this.turn());
  }

  finishAppend(): void {
    const append = this.unfinished
    if (append === null) return
    this.unfinished = null
    this.disk.write(append)
    if (this.disk.identity.store !== this.#store) {
      this.#store = this.disk.identity.store
      this.#shared.announced(this.id)
    }
    this.outbox.push(...append.thenSend)
    this.step({ type: 'AppendDone', seq: append.seq })
  }

  finishApply(): void {
    const task = this.applying
    if (task === null) return
    this.applying = null
    for (const entry of task.entries) {
      if (entry.index !== this.applied.length + 1) throw new Error('applied out of order')
      this.applied.push(entry)
      this.#shared.applied?.(this.id, entry)
      const known = this.#shared.history.get(entry.index)
      if (known === undefined) this.#shared.history.set(entry.index, entry)
      else if (!sameEntry(known, entry)) throw new Error('I5 state-machine safety')
    }
    this.disk.shown = Math.max(this.disk.shown, this.applied.length)
    this.step({ type: 'ApplyDone', seq: task.seq })
  }

  finishReads(): void {
    for (const { peer, session, from, to } of this.reading.splice(0))
      this.step({ type: 'ReadDone', peer, session, from, entries: this.disk.read(from, to) })
  }

  finishInstall(): void {
    const checkpoint = this.installing
    this.installing = null
    if (checkpoint !== null) this.step({ type: 'SnapshotVerified', checkpoint })
  }

  /** Makes the state machine durable, as far as it has applied. */
  takeCheckpoint(): void {
    this.step({ type: 'CheckpointTaken', checkpoint: this.checkpoint() })
  }

  checkpoint(): Checkpoint {
    const last = this.applied.at(-1) ?? ORIGIN
    return { index: last.index, term: last.term, state: new Uint8Array(0) }
  }

  #restore(checkpoint: Checkpoint): void {
    this.finishApply() // the state machine does one thing at a time, in order
    this.applied = contentUpTo(this.#shared.history, checkpoint.index)
    this.disk.shown = Math.max(this.disk.shown, checkpoint.index)
    this.disk.storeLost = false
  }
}

function isIdle(ready: Ready): boolean {
  return (
    ready.append === null &&
    ready.apply === null &&
    ready.restore === null &&
    ready.install === null &&
    ready.removeBefore === null &&
    ready.messages.length === 0 &&
    ready.offers.length === 0 &&
    ready.reads.length === 0
  )
}

function contentUpTo(history: ReadonlyMap<Index, Entry>, index: Index): Entry[] {
  return Array.from({ length: index }, (_, i) => history.get(i + 1) ?? entriesOf([0], i + 1)[0]!)
}

export function sameEntry(a: Entry, b: Entry): boolean {
  return (
    a.term === b.term &&
    a.type === b.type &&
    proposalKey(a) === proposalKey(b) &&
    Buffer.compare(a.data, b.data) === 0
  )
}

export function proposalKey({ proposal }: Entry): string | null {
  return proposal === null ? null : `${proposal.node} ${proposal.life} ${proposal.count}`
}

export class Network {
  readonly ids: readonly NodeId[]
  /** Those that are up. */
  readonly members = new Map<NodeId, Member>()
  readonly disks = new Map<NodeId, Disk>()
  /** Directed links that carry nothing: 'n1>n2'. */
  readonly cut = new Set<string>()
  /** What was delivered, in order. */
  readonly delivered: PeerMessage[] = []
  /** Messages for which it answers true wait in `held`. */
  hold: (message: PeerMessage) => boolean = () => false
  held: PeerMessage[] = []
  readonly #config: Partial<RaftConfig>
  readonly #shared: Shared
  #lives = 0

  constructor(
    ids: readonly NodeId[],
    starts: Partial<Record<NodeId, RaftStart>> = {},
    config: Partial<RaftConfig> = {},
  ) {
    this.ids = ids
    this.#config = config
    this.#shared = { history: new Map(), announced: (id) => this.#meetAll(id) }
    for (const id of ids) this.disks.set(id, new Disk(starts[id] ?? startOf(id, ids)))
    for (const id of ids) this.#boot(id)
    for (const id of ids) for (const peer of ids) if (peer !== id) this.meet(id, peer)
    this.deliver()
  }

  #boot(id: NodeId): void {
    const config = {
      ...CONFIG,
      ...this.#config,
      id,
      members: this.ids,
      life: ++this.#lives,
      seed: this.#lives + 1000 * (this.#config.seed ?? 0),
      spareStore: `spare-of-${id}-${this.#lives}`,
    }
    this.members.set(id, new Member(config, this.disks.get(id)!, this.#shared))
  }

  get(id: NodeId): Member {
    const member = this.members.get(id)
    if (member === undefined) throw new Error(`no member ${id}`)
    return member
  }

  get leader(): NodeId | null {
    let leader: Status | null = null
    for (const { status } of this.members.values())
      if (status.role === 'leader' && status.term > (leader?.term ?? -1)) leader = status
    return leader?.id ?? null
  }

  // ---- Links ----

  /** `id` hears that the link from `peer` is up. */
  meet(id: NodeId, peer: NodeId): void {
    const { store } = this.disks.get(peer)!.identity
    this.get(id).step({ type: 'PeerMet', peer, store })
  }

  /** `id` hears that the link from `peer` has closed. */
  lose(id: NodeId, peer: NodeId): void {
    this.get(id).step({ type: 'PeerLost', peer })
  }

  #meetAll(id: NodeId): void {
    for (const peer of this.members.keys())
      if (peer !== id && !this.cut.has(`${id}>${peer}`)) this.meet(peer, id)
  }

  isolate(id: NodeId): void {
    for (const peer of this.ids) if (peer !== id) this.cutBetween(id, peer)
  }

  cutBetween(a: NodeId, b: NodeId): void {
    this.cut.add(`${a}>${b}`)
    this.cut.add(`${b}>${a}`)
  }

  heal(): void {
    this.cut.clear()
  }

  // ---- Lives ----

  /** The process is gone; unfinished writes never happened. Nobody is told. */
  crash(id: NodeId): void {
    this.members.delete(id)
  }

  /** A new life from what was durable; links come up both ways where nothing is cut. */
  restart(id: NodeId): Member {
    this.members.delete(id)
    this.#boot(id)
    for (const peer of this.members.keys()) {
      if (peer === id) continue
      if (!this.cut.has(`${peer}>${id}`)) this.meet(id, peer)
      if (!this.cut.has(`${id}>${peer}`)) this.meet(peer, id)
    }
    return this.get(id)
  }

  /** As it was at the first start of the cluster, under another store id. */
  wipe(id: NodeId, store = `new-store-of-${id}`): void {
    this.disks.set(id, new Disk(freshOf(id, this.ids, store)))
  }

  // ---- Time and messages ----

  /** Delivers until all is quiet. */
  deliver(): void {
    for (;;) {
      const messages: PeerMessage[] = []
      for (const member of this.members.values()) {
        member.settle()
        messages.push(...member.outbox.splice(0))
      }
      if (messages.length === 0) return
      for (const message of messages) {
        if (this.cut.has(`${message.from}>${message.to}`)) continue
        if (this.hold(message)) this.held.push(message)
        else this.hand(message)
      }
    }
  }

  hand(message: PeerMessage): void {
    this.delivered.push(message)
    this.members.get(message.to)?.step(message)
  }

  /** What was held arrives now. */
  release(): void {
    this.hold = () => false
    for (const message of this.held.splice(0)) this.hand(message)
    this.deliver()
  }

  tick(count = 1, only?: readonly NodeId[]): void {
    for (let i = 0; i < count; i++) {
      for (const [id, member] of this.members)
        if (only === undefined || only.includes(id)) member.raft.tick()
      this.deliver()
    }
  }

  /** Ticks this one until it leads. */
  elect(id: NodeId): void {
    this.tickUntil(() => this.get(id).status.role === 'leader', 100, [id])
  }

  tickUntil(holds: () => boolean, ticksMax = 200, only?: readonly NodeId[]): void {
    for (let i = 0; i < ticksMax; i++) {
      if (holds()) return
      this.tick(1, only)
    }
    if (!holds()) throw new Error(`not within ${ticksMax} ticks`)
  }

  propose(id: NodeId, text: string): void {
    this.get(id).propose(text)
    this.deliver()
  }

  /** Each member's log on disk, as terms: '1 1 2'. */
  terms(id: NodeId): string {
    return this.disks
      .get(id)!
      .entries.map((entry) => entry.term)
      .join(' ')
  }
}

export function textsOf(entries: readonly Entry[]): string[] {
  return entries.filter((e) => e.type === 'normal').map((e) => new TextDecoder().decode(e.data))
}
