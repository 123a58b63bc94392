// Faults that lead somewhere: a sequence of real ones, each struck when the state before it has come about.
//
// The swarm gets to these states in one seed out of thousands, so no seed draws them; a scenario names them, mostly to show that
// a guard of which another stands in front is needed (zoo.ts). Clean code bears all of them.

import type { NodeId, Term, WireMessage } from '../../raft/core/types.ts'
import type { Fault } from './faults.ts'
import { FORGETFUL_FAULTS } from './forgetful-faults.ts'
import { directed } from './scene.ts'

export const DIRECTED_FAULTS = {
  'a tail that only a follower has': directed(14, (scene) => {
    // A leader that hears of no acknowledgement fills two logs, then only one; it loses its own end, and whoever still has it
    // is cut off. That one comes back to a leader that has gone on, or to one whose entries have reached nobody yet.
    const { cluster, random, leader, follower } = scene
    const { term } = leader.status()!
    const hasGoneOn = random.chance(0.5)
    let fillsTwo = true
    scene.watch({
      sent: (_, message) => {
        const toOther = message.type === 'Append' && message.to !== follower.id
        const late =
          message.term > term
            ? toOther && !hasGoneOn
            : message.type === 'AppendOk' || (toOther && !fillsTwo)
        if (late) scene.hold(message)
      },
    })
    scene.slowLog(leader)
    scene.publish(leader)
    scene.at(0.25, () => {
      fillsTwo = false
      scene.publish(leader)
    })
    scene.at(0.6, () => {
      leader.crash('power')
      scene.isolate(follower)
      leader.diskWeather = cluster.plan.disk
      scene.start(leader, 0.1)
    })
    const successor = () => {
      const next = cluster.leader()
      return next !== null && next !== follower && next.status()!.term > term ? next : null
    }
    scene.when(
      () => successor() !== null,
      () => {
        const next = successor()!
        scene.publish(next, 6)
        scene.at(hasGoneOn ? 1 : 0.3, () => {
          if (hasGoneOn) scene.slowLog(follower, 0.3 * scene.electionUs)
          scene.rejoin(follower, next)
        })
      },
    )
  }),

  'a vote comes late, to a later candidacy': directed(8, (scene) => {
    // The candidate stands a second time, and is cut off as it asks: whoever voted for it then is free to elect another.
    const { cluster, leader } = scene
    const late: WireMessage[] = []
    let first: { candidate: NodeId; voter: NodeId; term: Term } | null = null
    let stoodAgain = false
    scene.watch({
      sent: (_, message) => {
        if (message.type === 'VoteResp' && message.granted) {
          first ??= { candidate: message.to, voter: message.from, term: message.term }
          if (message.to === first.candidate && message.term === first.term)
            scene.hold(message, late)
        }
        if (message.type !== 'Vote' || first === null || stoodAgain) return
        if (message.from !== first.candidate || message.term === first.term) return
        stoodAgain = true
        const candidate = cluster.node(first.candidate)
        const voter = cluster.node(first.voter)
        scene.isolate(candidate)
        scene.heal(voter, candidate)
        scene.at(0.05, () => scene.letGo(late))
      },
    })
    leader.crash('kill')
    scene.start(leader, 0.5)
  }),

  'a snapshot grows on its way': directed(25, (scene) => {
    // The leader takes a silent follower for gone, and then makes it another offer, of which it does not hear.
    const { leader, follower } = scene
    const asks: WireMessage[] = []
    let offered: number | null = null
    let silent = false
    let grown = false
    scene.leaveBehind(() => {
      scene.watch({
        sent: ({ id }, message) => {
          if (id === leader.id && message.to === follower.id && message.type === 'SnapshotOffer') {
            offered ??= message.checkpoint.index
            if (message.checkpoint.index === offered) return
            scene.hold(message)
            grown = true
            scene.at(0.01, () => scene.letGo(asks))
          }
          if (id !== follower.id || message.to !== leader.id) return
          if (message.type !== 'ChunkAsk' || grown) {
            if (silent) scene.hold(message)
            return
          }
          scene.hold(message, asks)
          if (asks.length > 1) return
          silent = true
          scene.publish(leader)
          scene.at(1.3, () => {
            silent = false
          })
        },
      })
      scene.start(follower)
    })
  }),

  'a snapshot is offered before the last one is in force': directed(25, (scene) => {
    // Its record waits for a slow disk, while the leader takes the silent follower for gone and then offers anew.
    const { leader, follower } = scene
    let begun = false
    let silent = false
    scene.leaveBehind(() => {
      scene.watch({
        sent: ({ id }, message) => {
          if (silent && id === follower.id && message.to === leader.id) scene.hold(message)
        },
        writing: (node, { base }) => {
          if (node !== follower || !base || begun) return
          begun = true
          silent = true
          scene.slowLog(follower)
          scene.publish(leader)
          scene.at(1.3, () => {
            silent = false
          })
        },
      })
      scene.start(follower)
    })
  }),

  'a checkpoint is taken while a snapshot waits for the disk': directed(30, (scene) => {
    // The record of the last checkpoint is lost with the process, so the next one is due at the start; its record takes long,
    // and more is redone behind it meanwhile, so that yet another is due when the snapshot is there.
    const { cluster, leader, follower } = scene
    const { disk, settings } = cluster.plan
    let lost = false
    scene.watch({
      writing: (node, { checkpoint, base }) => {
        if (lost || node !== follower || checkpoint === null || base) return
        lost = true
        scene.at(0, () =>
          scene.leaveBehind(() => {
            scene.slowLog(follower)
            const slowStore = { storeSlow: 1, storeUs: 2 * settings.tickUs }
            follower.diskWeather = { ...follower.diskWeather, ...slowStore }
            scene.start(follower)
          }),
        )
      },
      sent: ({ id }, { type }) => {
        const { storeSlow, storeUs } = disk
        if (lost && id === follower.id && type === 'ChunkAsk')
          follower.diskWeather = { ...follower.diskWeather, storeSlow, storeUs }
      },
    })
    for (let elections = 0; elections < 8; elections++)
      scene.at(elections, () => {
        if (!lost) scene.publish(leader, 8)
      })
  }),

  'a leader comes back while a snapshot of its first term is on its way': directed(35, (scene) => {
    const { leader: between, other: returning, follower } = scene
    const asks: WireMessage[] = []
    let firstTerm: Term | null = null
    let isBack = false
    scene.watch({
      sent: ({ id }, message) => {
        if (message.type === 'SnapshotOffer' && message.to === follower.id) {
          // Only of the first offer does the follower hear.
          if (id === returning.id) firstTerm ??= message.term
          if (message.term === firstTerm) return
          scene.hold(message)
          if (id !== returning.id || firstTerm === null) return
          isBack = true
          scene.at(0.01, () => scene.letGo(asks))
        }
        if (isBack || message.type !== 'ChunkAsk' || message.to !== returning.id) return
        scene.hold(message, asks)
        if (asks.length > 1) return
        scene.publish(returning)
        scene.at(0.2, () =>
          scene.handOver(returning, between, () => scene.handOver(between, returning)),
        )
      },
    })
    scene.leaveBehind(() => {
      scene.start(follower)
      scene.when(
        () => scene.follows(follower, between),
        () => scene.handOver(between, returning),
      )
    })
  }),

  'a store is refilled while the log runs ahead of the disk': directed(8, (scene) => {
    const { cluster, random, leader, follower, other } = scene
    const { network } = cluster
    if (!cluster.maySuffer(follower) || follower.status()?.firstIndex === 1) return
    const asked: WireMessage[] = []
    let begun = false
    scene.watch({
      sent: ({ id }, message) => {
        if (begun || id !== follower.id || message.type !== 'NeedSnapshot') return
        // Entries come in a burst; the offer behind them is made when only some of them are committed.
        begun = true
        scene.hold(message, asked)
        network.clog(leader.id, follower.id, 0.5 * scene.electionUs)
        scene.slowLog(follower)
        scene.slowLog(other, 0.2 * scene.electionUs)
        scene.publish(leader)
        scene.at(0.1 + 0.3 * random.float(), () => scene.letGo(asked))
      },
    })
    follower.crash('power')
    follower.loseStore()
    scene.start(follower)
  }),

  'an answer to a read comes a life too late': directed(14, (scene) => {
    // It is on its way while the node dies, starts again behind a slow disk, and is asked again.
    const { leader, follower } = scene
    const late: WireMessage[] = []
    const life = follower.life + 1
    scene.watch({
      sent: (_, message) => {
        if (message.type !== 'ReadIndexResp' || message.to !== follower.id) return
        if (message.index !== null) scene.hold(message, follower.life === life ? late : [])
      },
    })
    const knowsLeader = () => scene.follows(follower, leader)
    follower.crash('kill')
    scene.start(follower)
    scene.when(knowsLeader, () => scene.readAt(follower))
    scene.when(
      () => late.length > 0,
      () =>
        scene.at(0.1, () => {
          follower.crash('kill')
          scene.slowLog(follower)
          scene.start(follower)
          scene.when(knowsLeader, () => {
            scene.publish(leader)
            scene.at(0.5, () => scene.readAt(follower))
            scene.at(0.55, () => scene.letGo(late))
          })
        }),
    )
  }),

  'an acknowledgement outlives what it acknowledged': directed(14, (scene) => {
    // The directory is set back to a moment before, and nobody has heard yet of what was promised since.
    const { cluster, leader, follower, other } = scene
    if (!cluster.mayBeSetBack(follower)) return
    const log = follower.logDisk.copy()
    const store = follower.storeDisk.copy()
    const { last, term, vote } = cluster.memories.of(follower.id)
    const { life } = follower
    const acknowledgements: WireMessage[] = []
    scene.watch({
      sent: ({ id }, message) => {
        if (id === leader.id && message.type === 'Append')
          if (message.to === other.id || follower.life > life)
            // The others need not have it, so that all depends on this one; nor may it come again.
            scene.hold(message)
        if (id === follower.id && message.type === 'AppendOk' && message.match > last)
          if (follower.life === life) scene.hold(message, acknowledgements)
      },
    })
    scene.publish(leader)
    scene.at(0.5, () => {
      const now = cluster.memories.of(follower.id)
      if (acknowledgements.length === 0 || now.term !== term || now.vote !== vote) return
      if (follower.life !== life || !cluster.mayForget(follower)) return
      follower.crash('kill')
      follower.logDisk.restore(log)
      follower.storeDisk.restore(store)
      // The checkers forget with it; the others have nothing to remember that is lost.
      cluster.observers.forgot(follower)
      scene.start(follower)
      const isBack = () =>
        scene.follows(follower, leader) && cluster.network.linked(follower.id, leader.id)
      scene.when(isBack, () => {
        scene.letGo(acknowledgements)
        scene.at(0.3, () => scene.isolate(leader))
      })
    })
  }),

  ...FORGETFUL_FAULTS,
} satisfies Record<string, Fault>
