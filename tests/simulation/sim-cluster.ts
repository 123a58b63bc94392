// A simulated cluster: the world, its nodes, their network and the checkers that look at them.
//
// It says what can be done to a cluster and found out about it; what is done, and when, others decide (faults.ts, a
// scenario, a test).

import type { NodeId } from '../../raft/core/types.ts'
import { allInvariants } from './invariants.ts'
import { GOOD_DISK } from './log-probe.ts'
import { Memories } from './memory.ts'
import type { Observed, Observer } from './observer.ts'
import { CLEAR, SimNetwork } from './sim-network.ts'
import { SimNode } from './sim-node.ts'
import type { Plan } from './swarm.ts'
import { Trace } from './trace.ts'
import { MS, SECOND, World } from './world.ts'

export class SimCluster {
  readonly plan: Plan
  readonly world: World
  readonly network: SimNetwork
  readonly memories: Memories
  readonly nodes: readonly SimNode[]
  readonly observers: Observer[]
  /** Nodes whose directory was lost or set back, with the life that found it so. */
  readonly #amnesiacs = new Map<SimNode, { life: number; wasSuspect: boolean }>()
  /** While false, nothing is started again: the cluster is being healed by hand. */
  supervised = true

  constructor(plan: Plan, trace = new Trace()) {
    this.plan = plan
    this.world = new World(plan.seed, trace)
    this.memories = new Memories(plan.members)
    this.observers = [...allInvariants(this.memories, plan.members), this.#watchSuspects()]
    const byId = new Map<NodeId, SimNode>()
    this.network = new SimNetwork(this.world, plan.members, {
      sent: (message) => {
        const node = byId.get(message.from)!
        for (const observer of this.observers) observer.sent?.(node, message)
      },
      dropped: () => {},
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
      keepEntries: plan.keepEntries,
    }
    this.nodes = plan.members.map((id, i) => {
      const node = new SimNode(id, around, plan.disk)
      node.tickRate = plan.tickRates[i] ?? 1
      node.onEnd = () => this.startSoon(node, this.world.streams.faults.below(SECOND))
      byId.set(id, node)
      return node
    })
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
      if (this.supervised) node.start()
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

  /** All faults end, for the nodes of the core; the others stay as they are. */
  heal(core: readonly SimNode[] = this.nodes): void {
    this.world.trace.note('', `heal ${core.map(({ id }) => id).join()}`)
    this.supervised = true
    this.network.weather = { ...CLEAR }
    for (const a of core)
      for (const b of core) {
        if (a === b) continue
        this.network.heal(a.id, b.id)
        this.network.clog(a.id, b.id, 0)
      }
    for (const node of core) {
      node.diskWeather = GOOD_DISK
      node.resume()
      node.start()
    }
  }

  // ---- Who may forget ----

  /** Losing the store alone costs this node nothing but time, if somebody can refill it. */
  maySuffer(node: SimNode): boolean {
    return this.nodes.length > 1 && this.#othersAreSound(node)
  }

  mayForget(node: SimNode): boolean {
    return this.nodes.length > 1 && this.#amnesiacs.size === 0 && this.#othersAreSound(node)
  }

  #othersAreSound(node: SimNode): boolean {
    return this.nodes.every((other) => {
      const sound = other.status()?.standing === 'member' && !other.running!.replica.rebuilding
      return other === node || sound
    })
  }

  forget(node: SimNode, how: () => void): void {
    how()
    this.#amnesiacs.set(node, { life: node.life + 1, wasSuspect: false })
  }

  get amnesiacs(): readonly SimNode[] {
    return [...this.#amnesiacs.keys()]
  }

  #watchSuspects(): Observer {
    return {
      turned: (observed: Observed, { standing }) => {
        const node = observed as SimNode
        const amnesia = this.#amnesiacs.get(node)
        if (amnesia === undefined || node.life < amnesia.life) return
        if (standing !== 'member') amnesia.wasSuspect = true
        else if (amnesia.wasSuspect) this.#amnesiacs.delete(node)
      },
    }
  }
}
