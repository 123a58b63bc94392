// The stage for directed faults (directed-faults.ts): three named members, time in election timeouts, and a way to wait for
// a state instead of guessing when it comes. Whatever a scene breaks, its end mends: links, disks, processes.
//
// One scene at a time; and none begins unless a leader leads and all are members.

import type { WireMessage } from '../../raft/core/types.ts'
import type { Fault } from './faults.ts'
import type { Look, SimCluster } from './sim-cluster.ts'
import type { SimNode } from './sim-node.ts'
import type { Stream } from './stream.ts'
import { MS, SECOND } from './world.ts'

/** How often a condition is looked at. */
const LOOKS_PER_ELECTION = 100
const SLOW_US = 2 * SECOND

/** A fault that plays a scene. */
export const directed =
  (elections: number, play: (scene: Scene) => void): Fault =>
  (cluster, random) =>
    Scene.play(cluster, random, elections, play)

const onStage = new WeakSet<SimCluster>()

export class Scene {
  readonly cluster: SimCluster
  readonly random: Stream
  readonly leader: SimNode
  readonly follower: SimNode
  readonly other: SimNode
  readonly electionUs: number
  readonly #watches: { end(): void }[] = []
  #mayEnd = () => true
  #hasSetBack = false
  #over = false

  private constructor(
    cluster: SimCluster,
    random: Stream,
    [leader, follower, other]: [SimNode, SimNode, SimNode],
  ) {
    const { raft, tickUs } = cluster.plan.settings
    this.cluster = cluster
    this.random = random
    this.leader = leader
    this.follower = follower
    this.other = other
    this.electionUs = raft.electionTicks * tickUs
  }

  /** It ends after so many election timeouts, however far it got. */
  static play(
    cluster: SimCluster,
    random: Stream,
    elections: number,
    play: (scene: Scene) => void,
  ): void {
    const leader = cluster.leader()
    const [follower, other] = random.shuffle(cluster.nodes.filter((node) => node !== leader))
    if (leader === null || follower === undefined || other === undefined) return
    const isWell = (node: SimNode) => node.status()?.standing === 'member' && !node.isPaused
    if (cluster.nodes.length !== 3 || onStage.has(cluster) || !cluster.nodes.every(isWell)) return
    onStage.add(cluster)
    const scene = new Scene(cluster, random, [leader, follower, other])
    play(scene)
    scene.at(elections, () => scene.#end())
  }

  #end(): void {
    const { cluster } = this
    if (!this.#mayEnd()) return this.at(1 / LOOKS_PER_ELECTION, () => this.#end())
    this.#over = true
    for (const watch of this.#watches) watch.end()
    cluster.network.healAll()
    for (const node of cluster.nodes) {
      node.diskWeather = cluster.plan.disk
      if (node.down !== null) cluster.startSoon(node, 0)
    }
    onStage.delete(cluster)
  }

  at(elections: number, run: () => void): void {
    const step = () => {
      if (!this.#over) run()
    }
    this.cluster.later(elections * this.electionUs, 'scene', step, () => this.#hasSetBack)
  }

  /** As soon as it is so; never if it does not come to be before the scene ends. */
  when(condition: () => boolean, run: () => void): void {
    if (condition()) run()
    else this.at(1 / LOOKS_PER_ELECTION, () => this.when(condition, run))
  }

  /** However long that takes: nothing is mended before. */
  endNotBefore(condition: () => boolean): void {
    this.#mayEnd = condition
  }

  watch(look: Look): void {
    this.#watches.push(this.cluster.watch(look))
  }

  /** Once. */
  whenArrives(is: (message: WireMessage) => boolean, run: () => void): void {
    let has = false
    const arrived = (message: WireMessage) => {
      if (has || !is(message)) return
      has = true
      this.at(0, run)
    }
    this.watch({ arrived })
  }

  /** It waits on its way until let go. To be said in a watch. */
  hold(message: WireMessage, held: WireMessage[] = []): void {
    this.cluster.network.hold(message)
    held.push(message)
  }

  letGo(held: WireMessage[]): void {
    for (const message of held.splice(0)) this.cluster.network.letGo(message)
  }

  // ---- Links: `a` no longer reaches `b` ----

  cut(from: SimNode, ...to: readonly SimNode[]): void {
    for (const { id } of to) this.cluster.network.cut(from.id, id)
  }

  heal(from: SimNode, ...to: readonly SimNode[]): void {
    for (const { id } of to) this.cluster.network.heal(from.id, id)
  }

  isolate(node: SimNode): void {
    for (const other of this.cluster.nodes) {
      if (other === node) continue
      this.cut(node, other)
      this.cut(other, node)
    }
  }

  rejoin(node: SimNode, ...others: readonly SimNode[]): void {
    for (const other of others) {
      this.heal(node, other)
      this.heal(other, node)
    }
  }

  // ---- Nodes ----

  slowLog(node: SimNode, slowUs = SLOW_US): void {
    node.diskWeather = { ...this.cluster.plan.disk, slow: 1, slowUs }
  }

  start(node: SimNode, elections = 0): void {
    this.cluster.startSoon(node, elections * this.electionUs)
  }

  follows(node: SimNode, leader: SimNode): boolean {
    return node.status()?.leader === leader.id && leader.status()?.role === 'leader'
  }

  /** Asked again until it is done. */
  handOver(from: SimNode, to: SimNode, then: () => void = () => {}): void {
    if (this.cluster.leader() === to) return then()
    from.running?.replica.transferLeadership()
    this.at(0.2, () => this.handOver(from, to, then))
  }

  /** Publishes that come one after the other, so that they become several entries. */
  publish(node: SimNode, times = 4): void {
    for (let i = 0; i < times; i++)
      this.cluster.later(i * 0.03 * this.electionUs, 'publish', () =>
        this.cluster.burst(node, this.random.between(1, 4)),
      )
  }

  readAt(node: SimNode, times = 3): void {
    for (let i = 0; i < times; i++) this.cluster.readAt(node)
  }

  /** The follower is down until the logs of both others begin behind its end. */
  leaveBehind(then: () => void): void {
    const { follower, leader, other, cluster } = this
    follower.crash('kill')
    const goOn = () => {
      const { last } = cluster.memories.of(follower.id)
      const isBehind = [leader, other].every((node) => (node.status()?.firstIndex ?? 0) > last + 1)
      if (isBehind) return then()
      this.publish(cluster.leader() ?? leader, 2)
      this.at(0.2, goOn)
    }
    this.at(MS / this.electionUs, goOn)
  }

  /** Copies the follower's directory, to be put back. False then: it may not forget now, or has died meanwhile. */
  copyToSetBack(): () => boolean {
    const { cluster, follower } = this
    const older = follower.directory()
    const { life } = follower
    return () => {
      if (follower.life !== life || !cluster.mayForget(follower)) return false
      follower.crash('kill')
      this.#hasSetBack = true
      cluster.forget(follower, 'set back', () => follower.putBack(older))
      this.start(follower)
      return true
    }
  }
}
