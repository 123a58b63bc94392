// A simulated cluster: the world, its nodes, their network and the checkers that look at them.
//
// It says what can be done to a cluster and found out about it; what is done, and when, others decide (faults.ts, a
// scenario, a test).

import type { NodeId, StoreId, WireMessage } from '../../raft/core/types.ts'
import { ClearedHasVoted, OnlyTheForgetfulAreSuspected } from './identity-checks.ts'
import { allInvariants, LeadsOnlyWhoIsHeard } from './invariants.ts'
import { GOOD_DISK } from './log-probe.ts'
import { Marks } from './marks.ts'
import { LogView, Memories } from './memory.ts'
import { type Observer, Observers } from './observer.ts'
import { MatchNeverFalls } from './progress-checks.ts'
import { loadedFrom } from './sim-image.ts'
import { CLEAR, SimNetwork } from './sim-network.ts'
import { type SimDirectory, SimNode, shownBy } from './sim-node.ts'
import type { Plan } from './swarm.ts'
import { Trace } from './trace.ts'
import { MS, SECOND, World } from './world.ts'

/**
 * lost: the directory is empty, and its store id new. set back: it is an older copy, or lacks its end, under the old id.
 * damaged: a record is unsound; the next start finds that out.
 */
export type Loss = 'lost' | 'set back' | 'damaged'

export type ImportantWrite = 'vote' | 'checkpoint' | 'base' | 'overwrite'

/** What leaves, what has arrived and, unless its receiver is paused, been taken in, and what begins to be written. */
export interface Look extends Pick<Observer, 'sent' | 'writing'> {
  arrived?(message: WireMessage): void
}

interface Amnesia {
  readonly life: number
  readonly loss: Loss
  /** What its disk held before. */
  readonly had: LogView
  /** What its directory showed when it was next read. */
  found: StoreId | null
}

/** What was to happen while a node is set back waits so long before it looks again. */
const WHILE_SETTING_BACK_US = 50 * MS

export class SimCluster {
  readonly plan: Plan
  readonly world: World
  readonly network: SimNetwork
  readonly memories: Memories
  readonly marks: Marks
  readonly nodes: SimNode[]
  readonly observers: Observers
  /** Nodes whose directory was lost or set back, with the life that found it so. */
  readonly #amnesiacs = new Map<SimNode, Amnesia>()
  /** Faults may strike, and what they broke is mended by their own follow-ups. */
  #safe = false

  constructor(plan: Plan, trace = new Trace()) {
    this.plan = plan
    this.world = new World(plan.seed, trace)
    this.memories = new Memories(plan.members)
    this.nodes = []
    this.marks = new Marks(this.memories, this.nodes)
    this.observers = new Observers(
      this.marks,
      ...allInvariants(this.memories, plan.members),
      new LeadsOnlyWhoIsHeard(this),
      new MatchNeverFalls(),
      new OnlyTheForgetfulAreSuspected(this.memories),
      new ClearedHasVoted(this.memories),
      this.#watchSuspects(),
      this.#watchWrites(),
    )
    const byId = new Map<NodeId, SimNode>()
    this.network = new SimNetwork(this.world, plan.members, {
      sent: (message) => {
        this.observers.sent(byId.get(message.from)!, message)
      },
      dropped: () => {},
      arrived: (message) => {
        for (const look of this.#looks) look.arrived?.(message)
      },
    })
    this.network.weather = plan.network
    this.network.silenceUs = plan.silenceUs
    const around = {
      world: this.world,
      network: this.network,
      members: plan.members,
      observers: this.observers,
      settings: plan.settings,
      storeFaults: plan.store,
      damagedChunks: plan.damagedChunks,
    }
    for (const [i, id] of plan.members.entries()) {
      const node = new SimNode(id, { ...around, keepEntries: plan.keepEntries[i] ?? 0 }, plan.disk)
      node.tickRate = plan.tickRates[i] ?? 1
      node.onEnd = () => this.#ended(node)
      byId.set(id, node)
      this.nodes.push(node)
    }
  }

  // ---- Who is there ----

  node(id: NodeId): SimNode {
    const node = this.nodes.find((candidate) => candidate.id === id)
    if (node === undefined) throw new RangeError(`no node ${id}`)
    return node
  }

  anyNode(): SimNode {
    return this.world.streams.faults.pick(this.nodes)
  }

  /** Of those that think they lead, the one in the highest term. */
  leader(): SimNode | null {
    let leader: SimNode | null = null
    let highest = -1
    for (const node of this.nodes) {
      const status = node.status()
      if (status?.role !== 'leader' || status.term <= highest) continue
      leader = node
      highest = status.term
    }
    return leader
  }

  // ---- What is done to them ----

  startAll(): void {
    for (const node of this.nodes) this.startSoon(node, this.world.streams.faults.below(50 * MS))
  }

  startSoon(node: SimNode, delayUs: number): void {
    this.world.after(delayUs, 'start', () => {
      if (!this.#keptDown.has(node)) node.start()
    })
  }

  /** So many publishes reach this node at once: set by whoever has clients. */
  burst: (node: SimNode, publishes: number) => void = () => {}
  /** And one linearizable read. */
  readAt: (node: SimNode) => void = () => {}

  /** The next node that begins such a write does not live to hear of it. */
  dieInNext(kind: ImportantWrite, how: 'kill' | 'power'): void {
    this.#trap = { kind, how }
  }
  #trap: { kind: ImportantWrite; how: 'kill' | 'power' } | null = null

  /** The next node that grants a vote forgets that it did, and all else. */
  forgetNextVote(downUs: number): void {
    this.#forgetsVote = { downUs }
  }
  #forgetsVote: { downUs: number } | null = null

  /** The next write that overwrites a tail is durable, and after a while it and all that followed is lost. */
  forgetNextOverwrite(afterUs: number): void {
    this.#forgetsOverwrite = { afterUs }
  }
  #forgetsOverwrite: { afterUs: number } | null = null

  #overwriting(node: SimNode): void {
    if (this.#forgetsOverwrite === null) return
    const { afterUs } = this.#forgetsOverwrite
    this.#forgetsOverwrite = null
    const { durableWrites } = node.logDisk
    this.later(afterUs, 'the disk has lied', () => {
      if (!this.mayBeSetBack(node)) return
      node.crash('power')
      const lost = node.logDisk.durableWrites - durableWrites
      if (lost > 0) this.setBack(node, node.directory(lost))
      this.startSoon(node, this.world.streams.faults.below(SECOND))
    })
  }

  /** A directed fault looks at what happens until it ends that, or the cluster is healed. */
  watch(look: Look): { end(): void } {
    this.#looks.add(look)
    return { end: () => this.#looks.delete(look) }
  }
  readonly #looks = new Set<Look>()

  #watchWrites(): Observer {
    return {
      sent: (observed, message) => {
        for (const look of this.#looks) look.sent?.(observed, message)
        if (this.#forgetsVote === null || this.#safe) return
        if (message.type !== 'VoteResp' || !message.granted) return
        const { downUs } = this.#forgetsVote
        this.#forgetsVote = null
        const node = observed as SimNode
        this.later(0, 'vote forgotten', () => {
          if (!this.mayForget(node)) return
          node.crash('power')
          this.forget(node, 'lost', () => node.wipe())
          this.startSoon(node, downUs)
        })
      },
      writing: (observed, write) => {
        for (const look of this.#looks) look.writing?.(observed, write)
        if (this.#safe) return
        const node = observed as SimNode
        const overwrites =
          (write.entries[0]?.index ?? Number.MAX_SAFE_INTEGER) <= this.memories.of(node.id).last
        if (overwrites) this.#overwriting(node)
        const trap = this.#trap
        if (trap === null) return
        const springs = {
          vote: write.hardState !== null,
          checkpoint: write.checkpoint !== null && !write.base,
          base: write.base,
          overwrite: overwrites,
        }
        if (!springs[trap.kind]) return
        this.#trap = null
        const { process } = node
        this.later(this.world.streams.faults.below(2 * MS), 'trap', () => {
          if (node.process !== process) return
          node.crash(trap.how)
          this.startSoon(node, this.world.streams.faults.below(SECOND))
        })
      },
    }
  }

  /**
   * The follow-up of a fault: void once the cluster is healed, and due only when no node is set back, since what such a
   * one has forgotten may be known to a single process; unless it was that fault which set it back, and has more `toDo`.
   */
  later(delayUs: number, label: string, run: () => void, toDo = () => false): void {
    this.world.after(delayUs, label, () => {
      if (this.#safe) return
      if (this.isSettingBack && !toDo()) return this.later(WHILE_SETTING_BACK_US, label, run, toDo)
      this.world.unsettled()
      run()
    })
  }

  /** A supervisor starts it again; if it refuses, somebody takes the damaged directory away, and it begins anew. */
  #ended(node: SimNode): void {
    if (node.down !== 'refused to start')
      return this.startSoon(node, this.world.streams.faults.below(SECOND))
    this.world.after(SECOND, 'operator', () => {
      if (node.down !== 'refused to start') return
      if (!this.mayForget(node)) return this.#ended(node)
      this.forget(node, 'lost', () => node.wipe())
      this.startSoon(node, 0)
    })
  }

  stopCleanly(node: SimNode, downUs: number): void {
    const { process } = node
    node.stop().then(
      () => this.startSoon(node, downUs),
      (error) => {
        if (node.process === process && process.alive) this.world.fail(error)
      },
    )
    this.world.unsettled()
  }

  /** All faults end, for the nodes of the core; the others are cut off, or down, until they are in a core too. */
  heal(core: readonly SimNode[] = this.nodes): void {
    this.world.trace.note('', `heal ${core.map(({ id }) => id).join()}`)
    this.#safe = true
    this.#looks.clear()
    this.network.weather = CLEAR
    this.network.healAll()
    this.#keptDown.clear()
    for (const node of this.nodes) {
      if (!core.includes(node)) this.#leaveBroken(node)
      else {
        node.diskWeather = GOOD_DISK
        node.damagedChunks = 0
        node.resume()
        node.start()
      }
    }
  }
  readonly #keptDown = new Set<SimNode>()

  #leaveBroken(node: SimNode): void {
    if (this.world.streams.faults.chance(0.5)) {
      node.crash('power')
      this.#keptDown.add(node)
    }
    for (const other of this.nodes) {
      if (other === node) continue
      this.network.cut(node.id, other.id)
      this.network.cut(other.id, node.id)
    }
  }

  // ---- Who may forget ----

  /** Losing the store alone costs this node nothing but time, if somebody can refill it. */
  maySuffer(node: SimNode): boolean {
    return this.nodes.length > 1 && this.#othersAreSound(node)
  }

  mayForget(node: SimNode): boolean {
    const onlyOne = this.#amnesiacs.size === 0 || this.#amnesiacs.has(node)
    return this.nodes.length > 1 && onlyOne && this.#othersAreSound(node)
  }

  #othersAreSound(node: SimNode): boolean {
    return this.nodes.every((other) => {
      return other === node || (this.#isMember(other) && !other.running!.replica.rebuilding)
    })
  }

  /** It says so, and its disk does: what clears a node may wait for a write that hangs, and die with the process. */
  #isMember(node: SimNode): boolean {
    return node.status()?.standing === 'member' && this.memories.of(node.id).member
  }

  /**
   * Only while all can talk to each other and every disk answers: what was forgotten here must be told soon, if it is known
   * there. Nothing else gives a directory away that shows its old id.
   */
  mayBeSetBack(node: SimNode): boolean {
    const sound = (other: SimNode) => !other.isPaused && other.diskWeather === this.plan.disk
    const answers = (other: SimNode) => other.writingForUs < 200 * MS
    return (
      this.mayForget(node) &&
      this.network.isWhole &&
      this.nodes.every((other) => sound(other) && answers(other))
    )
  }

  get isSettingBack(): boolean {
    for (const { loss } of this.#amnesiacs.values()) if (loss === 'set back') return true
    return false
  }

  /**
   * A node that is down gets this older directory, if its own store or everybody else can show it what it has forgotten.
   * Else too much would be: the disk forgot, and so did a process that had seen it; and whoever knows nothing may be the
   * first to ask for a vote.
   */
  setBack(node: SimNode, older: SimDirectory): void {
    const image = older.log.images.at(-1)
    if (image === undefined) return this.forget(node, 'lost', () => node.putBack(older))
    const left = LogView.of(loadedFrom(image, []))
    const had = this.memories.of(node.id)
    const tells = (other: SimNode) => other === node || this.#canTell(other, node, had, left)
    const isFoundOut = left.lacksApplied(shownBy(older)) || this.nodes.every(tells)
    if (left.keeps(had) || isFoundOut) this.forget(node, 'set back', () => node.putBack(older))
  }

  /** It has seen the node promise more than is left there, or has pinned a newer id than is shown there. */
  #canTell(other: SimNode, node: SimNode, had: LogView, left: LogView): boolean {
    const peer = other.status()?.peers.find((candidate) => candidate.node === node.id)
    if (peer === undefined || this.memories.of(other.id).pins.get(node.id) !== had.store)
      return false
    return left.store !== had.store || (peer.seen !== null && left.lacks(peer.seen))
  }

  forget(node: SimNode, loss: Loss, how: () => void): void {
    const had = this.memories.of(node.id).copy()
    how()
    this.observers.forgot(node)
    this.#amnesiacs.set(node, { life: node.life + 1, loss, had, found: null })
  }

  get amnesiacs(): readonly SimNode[] {
    return [...this.#amnesiacs.keys()]
  }

  #watchSuspects(): Observer {
    return {
      loaded: (observed, { identity }) => {
        const amnesia = this.#amnesiacs.get(observed as SimNode)
        if (amnesia !== undefined) amnesia.found ??= identity.store
      },
      turned: (observed) => {
        const node = observed as SimNode
        const amnesia = this.#amnesiacs.get(node)
        if (amnesia === undefined || node.life < amnesia.life) return
        if (this.#isMember(node) && this.#isOver(node, amnesia)) this.#amnesiacs.delete(node)
      },
    }
  }

  /**
   * A directory that was set back is cleared under a new id only: it may hold the old entry that cleared its own. But a loss that
   * was mended before anybody told is none any more: the node has promised as much again.
   */
  #isOver(node: SimNode, { loss, had, found }: Amnesia): boolean {
    const left = this.memories.of(node.id)
    if (loss !== 'set back' || left.store !== found) return true
    return !this.nodes.some((peer) => this.#canTell(peer, node, had, left))
  }
}
