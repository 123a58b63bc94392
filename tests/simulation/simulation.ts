// One simulated run from a seed to a verdict: a safety phase with any faults, a liveness phase with a healed majority, and
// then all there is to check.

import { Ledger, type Verdict } from '../../client/ledger/ledger.ts'
import { broken } from './broken.ts'
import { equalStores } from './equal-stores.ts'
import { strike } from './faults.ts'
import type { MarkCounts } from './marks.ts'
import { countersOf, readFrom, SimClients } from './sim-clients.ts'
import { SimCluster } from './sim-cluster.ts'
import type { SimNode } from './sim-node.ts'
import type { Plan } from './swarm.ts'
import { Trace } from './trace.ts'
import { SECOND } from './world.ts'

/** Bounds of the liveness phase, in virtual time (I19). */
const CONVERGE_US = 60 * SECOND
const PUBLISH_TRIES = 40
const ELECTIONS_MAX = 15

export interface Report {
  readonly seed: number
  readonly traceHash: string
  readonly events: number
  readonly virtualSeconds: number
  readonly verdict: Verdict
  readonly answers: ReadonlyMap<string, number>
  readonly marks: MarkCounts
}

export class Simulation {
  readonly plan: Plan
  readonly cluster: SimCluster
  readonly ledger = new Ledger()
  readonly clients: SimClients

  constructor(plan: Plan, trace = new Trace()) {
    this.plan = plan
    this.cluster = new SimCluster(plan, trace)
    const { world, nodes, marks } = this.cluster
    this.clients = new SimClients(world, nodes, this.ledger, plan.workload, (mark) =>
      marks.hit(mark),
    )
    this.cluster.observers.push(this.clients)
    this.cluster.burst = (node, publishes) => this.clients.burst(node, publishes)
    this.cluster.readAt = (node) => this.clients.readAt(node)
    world.afterStep = () => this.#judgeClients()
  }

  /** Rejects with the first thing that is wrong. */
  async run(): Promise<Report> {
    const { cluster, plan } = this
    cluster.startAll()
    this.clients.start()
    this.#strikeSoon()
    await cluster.world.run(plan.safetyUs)
    this.#safety = false
    this.clients.stop()
    await this.#healed()
    return this.#report(await this.verdict())
  }
  #safety = true

  #strikeSoon(): void {
    const { world } = this.cluster
    const { faults: kinds, faultEveryUs } = this.plan
    if (kinds.length === 0) return
    const { faults } = world.streams
    world.after(faults.exponential(faultEveryUs), 'fault', () => {
      if (!this.#safety) return
      world.unsettled()
      strike(faults.pick(kinds), this.cluster)
      this.#strikeSoon()
    })
  }

  /** A majority is healed, the rest stays broken: the majority goes on, in bounded time (I19). Then all are healed. */
  async #healed(): Promise<void> {
    const { cluster } = this
    const { world, nodes } = cluster
    const core = this.#drawCore()
    cluster.heal(core)
    const terms = () => Math.max(...nodes.map(({ id }) => cluster.memories.of(id).term))
    const termBefore = terms()
    await world.until(
      () => converged(core) && this.clients.openAt(core) === 0,
      CONVERGE_US,
      `${core.map(({ id }) => id)} healed, elect and converge`,
    )
    for (const node of core) await this.#publishThrough(node)
    if (terms() - termBefore > ELECTIONS_MAX)
      broken('I19', `${terms() - termBefore} terms passed after the cluster was healed`)
    if (core.length < nodes.length) cluster.heal()
    await world.until(() => converged(nodes), CONVERGE_US, 'all healed, converge')
  }

  #drawCore(): readonly SimNode[] {
    const { nodes, amnesiacs, world } = this.cluster
    const { faults } = world.streams
    // Who forgot needs all others; and a lost store is refilled by whoever holds the rest of the log. Until it is, that node
    // takes entries and counts, but cannot lead: the others of a majority may all be behind it.
    if (amnesiacs.length > 0 || nodes.some((node) => node.status()?.standing !== 'member'))
      return nodes
    // A damaged snapshot costs a store as well as any fault does: the node itself empties it.
    if (nodes.some((node) => node.lacksStore || node.running?.replica.rebuilding)) return nodes
    if (faults.chance(0.5)) return nodes
    return faults.shuffle(nodes).slice(0, Math.floor(nodes.length / 2) + 1)
  }

  async #publishThrough(node: SimNode): Promise<void> {
    const { world } = this.cluster
    let done = false
    const publish = async () => {
      for (let tries = 0; tries < PUBLISH_TRIES && !done; tries++) {
        const { number } = await this.clients.publishOnce(node)
        done = number > 0
      }
    }
    publish().catch((error) => world.fail(error))
    await world.until(() => done, 10 * SECOND, `a publish through ${node.id}, healed, is answered`)
  }

  /** Nobody waits any more, and all have applied all there is. */
  settled(): Promise<void> {
    const { world, nodes } = this.cluster
    const { network } = this.cluster
    const isSettled = () => this.clients.open === 0 && network.strays === 0 && converged(nodes)
    return world.until(isSettled, CONVERGE_US, 'all healed, converge')
  }

  converged(nodes: readonly SimNode[], withinUs: number): Promise<void> {
    return this.cluster.world.until(() => converged(nodes), withinUs, 'one leader, all applied')
  }

  /** Reads every node back and judges all that clients saw. */
  async verdict(): Promise<Verdict> {
    const { cluster } = this
    const { world, nodes } = cluster
    const quiet = () => cluster.network.strays === 0 && converged(nodes)
    await world.until(quiet, CONVERGE_US, 'all converge after the last publish')
    let read = 0
    const readAll = async () => {
      for (const node of nodes) {
        await this.#readBack(node)
        read++
      }
    }
    readAll().catch((error) => world.fail(error))
    await world.until(() => read === nodes.length, CONVERGE_US, 'everything is read back')
    equalStores(nodes)
    const verdict = this.ledger.verdict()
    if (!verdict.clean) broken('ledger', verdict.violations[0]!.sentence)
    return verdict
  }

  /** All that a node holds, page by page, and its digest summed again from what is stored (I16). */
  async #readBack(node: SimNode): Promise<void> {
    const { machine } = node.running!
    const reading = this.ledger.readBack(node.id)
    for (let after: number | null = 0; after !== null; ) {
      const request = { type: 'list', topic: null, after, consistency: 'local' } as const
      const page = await readFrom(machine, request)
      if (page.type !== 'page') throw new Error('a list is answered by a page')
      reading.add(page.events)
      after = page.through
    }
    reading.counters = countersOf(machine.stats())
    const scan = await machine.verifyDigest()
    if (scan.found !== scan.digest || scan.faults.length > 0)
      broken('I16', `${node.id} holds ${scan.found}, shows ${scan.digest}: ${scan.faults[0]}`)
  }

  #judged = 0
  #judgeClients(): void {
    const { violations } = this.ledger
    if (violations.length === this.#judged) return
    this.#judged = violations.length
    broken('ledger', violations[0]!.sentence)
  }

  #report(verdict: Verdict): Report {
    const { world } = this.cluster
    return {
      seed: this.plan.seed,
      traceHash: world.trace.hash,
      events: world.steps,
      virtualSeconds: world.nowUs / SECOND,
      verdict,
      answers: this.clients.answers,
      marks: this.cluster.marks.counts,
    }
  }
}

/**
 * One leader whom all know, everybody has applied all there is, and nothing more is on its way: no answer, no write (one that
 * hangs ends its process later), no end of a process that is stopping.
 */
function converged(nodes: readonly SimNode[]): boolean {
  if (!nodes.every((node) => node.isIdle && node.writingSinceUs === null)) return false
  const statuses = nodes.map((node) => node.status())
  const leader = statuses.find((status) => status?.role === 'leader')
  if (leader === undefined || leader === null) return false
  return statuses.every(
    (status) =>
      status !== null &&
      status.leader === leader.id &&
      status.standing === 'member' &&
      status.pendingProposals === 0 &&
      status.last.index === leader.last.index &&
      status.applied === leader.last.index,
  )
}
