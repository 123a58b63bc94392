// Directed faults (directed-faults.ts) in which a node forgets: towards states in which one guard of DESIGN.md's rule 4 is all
// that keeps a promise.
//
// They keep to the world's rules (faults.ts): whatever a node forgets, somebody who remembers tells it before it can
// promise anything to one who does not. Hence none begins when the time for faults is nearly over.

import type { NodeId } from '../../raft/core/types.ts'
import type { Fault } from './faults.ts'
import { directed, type Scene } from './scene.ts'
import type { SimNode } from './sim-node.ts'
import { SECOND } from './world.ts'

/** Before the cluster is healed: all scenes have ended by then. */
const ROOM_US = 20 * SECOND

/** Everybody is well, so that the follower may forget. */
const forgetful = (elections: number, play: (scene: Scene) => void): Fault =>
  directed(elections, (scene) => {
    const { cluster, follower, other } = scene
    if (cluster.world.nowUs + ROOM_US > cluster.plan.safetyUs) return
    if (cluster.mayBeSetBack(follower) && cluster.mayForget(other)) play(scene)
  })

export const FORGETFUL_FAULTS = {
  'set back, and who knows better is cut off': forgetful(20, (scene) => {
    // What leader and follower commit, the other one never sees. Once the leader has told what it remembers, it is gone:
    // those two would be a majority.
    const { cluster, leader, follower, other } = scene
    const setBack = scene.copyToSetBack()
    const { last, term } = cluster.memories.of(follower.id)
    const isCommitted = () => (leader.status()?.applied ?? 0) > last
    scene.isolate(other)
    scene.publish(leader)
    scene.when(isCommitted, () => {
      if (!setBack()) return
      let told = false
      scene.endNotBefore(() => told)
      scene.whenArrives(
        (message) =>
          message.type === 'Remembered' &&
          message.from === leader.id &&
          message.to === follower.id &&
          message.seen !== null &&
          (message.seen.term > term || message.seen.match.index > last),
        () => {
          told = true
          scene.isolate(leader)
          scene.rejoin(follower, other)
        },
      )
    })
  }),

  'set back, and only a witness is left': forgetful(20, (scene) => {
    // The other one hears by heartbeats what the follower has acknowledged, and lacks it itself.
    const { cluster, leader, follower, other } = scene
    // Who may still hear what was remembered of its earlier life is told too little.
    if (cluster.network.weather.acrossLives) return
    const setBack = scene.copyToSetBack()
    const { last } = cluster.memories.of(follower.id)
    const peer = (node: SimNode, id: NodeId) =>
      node.status()?.peers.find((status) => status.node === id)
    const isUnheard = () => {
      const { state, recentlyActive } = peer(leader, other.id) ?? {}
      return state === 'probe' && recentlyActive === false
    }
    const isWitness = () => {
      const lacksFrom = Math.max(last, cluster.memories.of(other.id).last)
      const seen = peer(other, follower.id)?.match ?? 0
      return seen > lacksFrom && (leader.status()?.applied ?? 0) > lacksFrom
    }
    scene.cut(other, leader)
    scene.when(isUnheard, () => {
      scene.publish(leader)
      scene.when(isWitness, () => {
        if (!setBack()) return
        leader.crash('kill')
        scene.start(leader, 8)
      })
    })
  }),

  'a vote is forgotten while the old leader sleeps': forgetful(20, (scene) => {
    // Its successor is elected by a node that is emptied then, and meets the old leader, who still believes that it leads.
    const { cluster, leader, follower, other } = scene
    const { process } = leader
    const { term } = leader.status()!
    const wake = () => {
      if (leader.process === process) leader.resume()
    }
    leader.pause()
    scene.isolate(leader)
    scene.at(19, wake)
    const isSucceeded = () => (cluster.leader()?.status()?.term ?? 0) > term
    scene.when(isSucceeded, () => {
      const successor = cluster.leader()!
      const voter = successor === other ? follower : other
      const votedForIt = cluster.memories.of(voter.id).vote === successor.id
      if (successor === leader || !votedForIt || !cluster.mayForget(voter)) return
      voter.crash('power')
      cluster.forget(voter, 'lost', () => voter.wipe())
      scene.start(voter)
      // Told that it has forgotten something, but not what.
      scene.whenArrives(
        ({ type, from, to }) => type === 'Remembered' && from === successor.id && to === voter.id,
        () => {
          scene.isolate(successor)
          scene.rejoin(leader, voter)
          scene.at(0.3, wake)
          scene.at(0.31, () => scene.publish(leader))
        },
      )
    })
  }),

  'a dead link shows a store that was replaced': forgetful(20, (scene) => {
    // The other one learns from the log that there is a new store, and leads before it meets that.
    const { cluster, leader, follower, other } = scene
    const { store: old } = cluster.memories.of(follower.id)
    scene.cut(other, follower)
    scene.cut(follower, other)
    follower.crash('power')
    cluster.forget(follower, 'lost', () => follower.wipe())
    scene.start(follower)
    const isReplaced = () => {
      const { store, member } = cluster.memories.of(follower.id)
      return (
        store !== old && member && cluster.memories.of(other.id).pins.get(follower.id) === store
      )
    }
    scene.when(isReplaced, () => {
      scene.isolate(follower)
      scene.at(2, () => leader.running?.replica.transferLeadership())
    })
  }),

  'die with half a snapshot': directed(4, (scene) => {
    const { cluster, random, follower } = scene
    if (!cluster.mayForget(follower)) return
    let chunksLeft = random.between(1, 8)
    follower.crash('power')
    cluster.forget(follower, 'lost', () => follower.wipe())
    scene.start(follower)
    scene.whenArrives(
      ({ type, to }) => type === 'Chunk' && to === follower.id && --chunksLeft === 0,
      () =>
        scene.at(0.1 * random.float(), () => {
          follower.crash('kill')
          scene.start(follower, random.float())
        }),
    )
  }),
} satisfies Record<string, Fault>
