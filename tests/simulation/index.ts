// A cluster to break, for tests as anybody would write them: ten lines that partition, kill, heal and assert.
//
//   const cluster = await simulated()                        // three nodes, one leader, virtual time
//   const leader = cluster.leader()
//   cluster.isolate(leader)
//   const answer = await cluster.publish(cluster.others(leader)[0], 'orders', 'o-1')
//   cluster.heal()
//   await cluster.converged()
//   await cluster.verdict()                                  // nothing lost, nothing twice, digests equal
//
// It is the production replica, log rules, state machine and aggregator under a network, disks and clocks that obey the
// test. Every invariant of invariants.ts is checked after every step, and every call is judged by the ledger; a broken
// one rejects whatever is awaited. Same seed, same run.

import type { Answer } from '../../client/ledger/history.ts'
import type { Verdict } from '../../client/ledger/ledger.ts'
import type { Standing } from '../../raft/core/identity.ts'
import type { NodeId } from '../../raft/core/types.ts'
import { GOOD_DISK } from './log-probe.ts'
import { eventOf } from './sim-clients.ts'
import type { SimDirectory, SimNode } from './sim-node.ts'
import { Simulation } from './simulation.ts'
import { CALM_PLAN, type Plan } from './swarm.ts'
import { SECOND } from './world.ts'

/** Virtual time within which anything that is awaited has to come true. */
const PATIENCE_US = 30 * SECOND

export interface SimulatedOptions {
  readonly seed?: number
  readonly nodes?: number
  /** Changes to a plan that is otherwise calm: no faults, no losses, ordinary limits (see swarm.ts). */
  readonly plan?: Partial<Plan>
}

/** A running cluster with a leader. */
export async function simulated(options: SimulatedOptions = {}): Promise<SimulatedCluster> {
  const { seed = 1, nodes = 3, plan = {} } = options
  const members = Array.from({ length: nodes }, (_, i) => `n${i + 1}`)
  const tickRates = members.map(() => 1)
  const cluster = new SimulatedCluster({ ...CALM_PLAN, seed, members, tickRates, ...plan })
  await cluster.started()
  return cluster
}

export class SimulatedCluster {
  readonly #simulation: Simulation

  constructor(plan: Plan) {
    this.#simulation = new Simulation(plan)
  }

  async started(): Promise<void> {
    this.#cluster.startAll()
    await this.converged()
  }

  get ids(): readonly NodeId[] {
    return this.#cluster.nodes.map(({ id }) => id)
  }

  others(id: NodeId): readonly NodeId[] {
    return this.ids.filter((other) => other !== id)
  }

  /** The node under test itself: its replica, its state machine, its disks. */
  node(id: NodeId): SimNode {
    return this.#cluster.node(id)
  }

  /** Of those that believe it, the one in the highest term. */
  leader(): NodeId {
    const leader = this.#cluster.leader()
    if (leader === null) throw new Error('there is no leader at this moment')
    return leader.id
  }

  /** Another node than this one leads. */
  async newLeader(than: NodeId): Promise<NodeId> {
    const { world } = this.#cluster
    const isNew = () => (this.#cluster.leader()?.id ?? than) !== than
    await world.until(isNew, PATIENCE_US, `another leader than ${than}`)
    return this.leader()
  }

  // ---- Break it ----

  /** Nodes of different groups hear nothing of each other. */
  partition(...groups: readonly (readonly NodeId[])[]): void {
    for (const [i, group] of groups.entries())
      for (const from of group)
        for (const to of groups.flatMap((other, j) => (i === j ? [] : other))) this.cut(from, to)
  }

  isolate(id: NodeId): void {
    this.partition([id], this.others(id))
  }

  /** One direction only. */
  cut(from: NodeId, to: NodeId): void {
    this.#cluster.network.cut(from, to)
  }

  kill(id: NodeId): void {
    this.node(id).crash('kill')
  }

  /** What was not synced is gone. */
  powerCut(id: NodeId): void {
    this.node(id).crash('power')
  }

  start(id: NodeId): void {
    this.node(id).start()
  }

  pause(id: NodeId): void {
    this.node(id).pause()
  }

  resume(id: NodeId): void {
    this.node(id).resume()
  }

  /** Every write to its log takes about so long. */
  slowDisk(id: NodeId, meanMs: number): void {
    this.node(id).diskWeather = { ...GOOD_DISK, slow: 1, slowUs: meanMs * 1_000 }
  }

  /** The data directory is emptied; the node must be down. */
  wipe(id: NodeId): void {
    const node = this.node(id)
    this.#cluster.forget(node, 'lost', () => node.wipe())
  }

  /** As a backup of a node that is down would hold it. */
  copyOfDirectory(id: NodeId): SimDirectory {
    return this.node(id).directory()
  }

  /** In place of whatever the node has, which must be down. A copy that is not its last state is a loss. */
  putBack(id: NodeId, copy: SimDirectory): void {
    const node = this.node(id)
    this.#cluster.forget(node, 'set back', () => node.putBack(copy))
  }

  /** What the node says of itself under `node.standing` in its statistics; null while it is down. */
  standing(id: NodeId): Standing | null {
    return this.node(id).running?.aggregator.process().standing ?? null
  }

  /** Every link, every disk, every pause; nodes that are down are started. */
  heal(): void {
    this.#cluster.heal()
  }

  // ---- Use it ----

  /** One event through one node; resolves with its answer, or with what a client knows when none came. */
  publish(id: NodeId, topic: string, eventId: string, payload: object = {}): Promise<Answer> {
    const event = eventOf(topic, eventId, 'test', payload)
    return this.#do(this.#simulation.clients.publishEvents([event], this.node(id)))
  }

  get(id: NodeId, topic: string, eventId: string, consistency: 'local' | 'linearizable' = 'local') {
    const request = { type: 'get', topic, eventId, consistency } as const
    return this.#do(this.#simulation.clients.call(request, this.node(id)))
  }

  /** Lets virtual time pass. */
  async run(milliseconds: number): Promise<void> {
    await this.#cluster.world.run(milliseconds * 1_000)
  }

  /** Everybody follows one leader and has applied all there is. */
  async converged(): Promise<void> {
    await this.#simulation.converged(this.#cluster.nodes, PATIENCE_US)
  }

  /** Reads every node back and judges all that was ever answered. Rejects with the first sentence that is wrong. */
  verdict(): Promise<Verdict> {
    return this.#simulation.verdict()
  }

  get #cluster() {
    return this.#simulation.cluster
  }

  async #do<T>(work: Promise<T>): Promise<T> {
    let done = false
    const finish = () => {
      done = true
    }
    work.then(finish, finish)
    await this.#cluster.world.until(() => done, PATIENCE_US, 'an answer')
    return work
  }
}
