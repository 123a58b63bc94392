// A few cores joined by hand, with disks and links that do what the test says: the smallest world in which the
// paper's sentences can be checked. Not the simulator: nothing here is random, late or lost unless told.

import { Raft, type RaftConfig, type RaftStart } from '../../../raft/core/raft.ts'
import {
  type ApplyTask,
  type Entry,
  type LocalMessage,
  type NodeId,
  ORIGIN,
  type PeerMessage,
  type Ready,
} from '../../../raft/core/types.ts'

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

export class Member {
  readonly raft: Raft
  /** All that was handed to the state machine, in order. */
  readonly applied: Entry[] = []
  readonly outbox: PeerMessage[] = []
  readonly readies: Ready[] = []
  /** Set: writes stay unfinished until finishAppend(). */
  slowDisk = false
  unfinished: Ready['append'] = null

  constructor(config: RaftConfig, start: RaftStart) {
    this.raft = new Raft(config, start)
  }

  step(message: PeerMessage | LocalMessage): void {
    this.raft.step(message)
  }

  /** Carries out everything until nothing is left to do; answers what was to be sent. */
  settle(): void {
    for (;;) {
      const ready = this.raft.ready()
      this.readies.push(ready)
      this.outbox.push(...ready.messages)
      if (ready.append !== null) {
        this.unfinished = ready.append
        if (!this.slowDisk) this.finishAppend()
      }
      if (ready.apply !== null) this.#apply(ready.apply)
      if (ready.append === null && ready.apply === null && ready.messages.length === 0) return
    }
  }

  finishAppend(): void {
    const append = this.unfinished
    if (append === null) return
    this.unfinished = null
    this.outbox.push(...append.thenSend)
    this.raft.step({ type: 'AppendDone', seq: append.seq })
  }

  #apply(task: ApplyTask): void {
    this.applied.push(...task.entries)
    this.raft.step({ type: 'ApplyDone', seq: task.seq })
  }
}

export class Network {
  readonly members = new Map<NodeId, Member>()
  /** Directed links that carry nothing: 'n1>n2'. */
  readonly cut = new Set<string>()
  /** What was delivered, in order. */
  readonly delivered: PeerMessage[] = []

  constructor(
    ids: readonly NodeId[],
    starts: Partial<Record<NodeId, RaftStart>> = {},
    config: Partial<RaftConfig> = {},
  ) {
    for (const [i, id] of ids.entries()) {
      const full = {
        ...CONFIG,
        id,
        members: ids,
        seed: i + 1,
        spareStore: `spare-${id}`,
        ...config,
      }
      this.members.set(id, new Member(full, starts[id] ?? startOf(id, ids)))
    }
    for (const id of ids) for (const peer of ids) if (peer !== id) this.meet(id, peer)
    this.deliver()
  }

  get(id: NodeId): Member {
    const member = this.members.get(id)
    if (member === undefined) throw new Error(`no member ${id}`)
    return member
  }

  /** `id` hears that the link from `peer` is up. */
  meet(id: NodeId, peer: NodeId): void {
    const { store } = this.get(peer).raft.status()
    this.get(id).step({ type: 'PeerMet', peer, store })
  }

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
        this.delivered.push(message)
        this.get(message.to).step(message)
      }
    }
  }

  tick(count = 1, only?: readonly NodeId[]): void {
    for (let i = 0; i < count; i++) {
      for (const [id, member] of this.members)
        if (only === undefined || only.includes(id)) member.raft.tick()
      this.deliver()
    }
  }

  /** Ticks until this one leads. */
  elect(id: NodeId): void {
    for (let i = 0; i < 100 && this.get(id).raft.status().role !== 'leader'; i++) this.tick(1, [id])
    if (this.get(id).raft.status().role !== 'leader') throw new Error(`${id} did not win`)
  }

  isolate(id: NodeId): void {
    for (const peer of this.members.keys()) {
      if (peer === id) continue
      this.cut.add(`${id}>${peer}`)
      this.cut.add(`${peer}>${id}`)
    }
  }

  heal(): void {
    this.cut.clear()
  }

  propose(id: NodeId, text: string): void {
    this.get(id).raft.propose(new TextEncoder().encode(text))
    this.deliver()
  }
}

export function textsOf(entries: readonly Entry[]): string[] {
  return entries.filter((e) => e.type === 'normal').map((e) => new TextDecoder().decode(e.data))
}
