// What goes wrong in the safety phase: one fault after the other strikes, lasts, and is mended.
//
// Which kinds, and how often, the seed has drawn. What a kind does to the cluster is here; what the cluster must do about it is
// the checkers' affair. A directory is only lost, set back or cut while every other node still knows its own
// promises: two that forgot are beyond what three nodes can bear, and the cluster then rightly waits for ever. One that
// is set back shows its old id, so only what the others have seen of it gives it away: a process must be there that has
// seen it, and until it has told nothing else strikes.

import { DIRECTED_FAULTS } from './directed-faults.ts'
import type { SimCluster } from './sim-cluster.ts'
import type { SimNode } from './sim-node.ts'
import type { Stream } from './stream.ts'
import { MS, SECOND } from './world.ts'

/** Strikes once; what it breaks it mends by itself, later. */
export type Fault = (cluster: SimCluster, random: Stream) => void

/** For `npm run simulate -- --scenario`: what strikes, and nothing else. */
export const SCENARIOS = {
  calm: [],
  'kill-leader': ['kill the leader'],
  'kill-all': ['kill all', 'power-cut all'],
  power: ['power-cut a node', 'power-cut the leader', 'power-cut all'],
  'crash-loop': ['crash again while starting'],
  rolling: ['stop cleanly', 'hand over'],
  partition: ['split in two', 'isolate a node', 'isolate the leader'],
  'one-way': ['a node cannot hear', 'a node cannot speak'],
  'partial-partition': ['cut one link', 'flap a link'],
  clog: ['clog a link', 'break a connection'],
  pause: ['pause a node', 'pause the leader', 'the leader sleeps through its successor'],
  'slow-disk': ['slow disk', 'slow disk of the leader'],
  'broken-disk': ['failing disk', 'hanging disk'],
  wipe: ['lose the directory', 'lose the directory after a vote', 'lose the log alone'],
  rollback: ['set the directory back', 'cut the end of the log', 'lie about an overwrite'],
  store: [
    'lose the store',
    'lose the store, then the power',
    'set the store back',
    "take another node's store",
  ],
  'bit-flip': ['flip a bit in the log'],
  overwrite: ['a tail that nobody else has', 'lie about an overwrite'],
  refill: ['lose the store, then the power'],
  tails: ['a tail that nobody else has', 'kill the leader'],
  'hand-over': ['hand over', 'pause a node', 'cut one link'],
  'crash-voters': [
    'crash again while starting',
    'die in a write that matters',
    'isolate the leader',
  ],
  // Directed faults alone: each leads to one state that the swarm hardly ever reaches.
  'lost-tail': ['a tail that only a follower has'],
  'late-vote': ['a vote comes late, to a later candidacy'],
  'growing-snapshot': ['a snapshot grows on its way'],
  'next-snapshot': ['a snapshot is offered before the last one is in force'],
  'checkpoint-in-between': ['a checkpoint is taken while a snapshot waits for the disk'],
  'returning-leader': ['a leader comes back while a snapshot of its first term is on its way'],
  'refill-behind-the-log': ['a store is refilled while the log runs ahead of the disk'],
  'late-answer': ['an answer to a read comes a life too late'],
  'late-acknowledgement': ['an acknowledgement outlives what it acknowledged'],
  'cut-off-witness': ['set back, and who knows better is cut off'],
  'only-a-witness': ['set back, and only a witness is left'],
  'forgotten-vote': ['a vote is forgotten while the old leader sleeps'],
  'replaced-store': ['a dead link shows a store that was replaced'],
  'half-a-snapshot': ['die with half a snapshot'],
} satisfies Record<string, readonly FaultKind[]>

export type Scenario = keyof typeof SCENARIOS

const upTo = (random: Stream, low: number, high: number) =>
  Math.round(random.logarithmic(low, high))

const FAULTS = {
  'kill a node': (cluster, random) => crash(cluster, cluster.anyNode(), 'kill', random),
  'power-cut a node': (cluster, random) => crash(cluster, cluster.anyNode(), 'power', random),
  'kill the leader': (cluster, random) =>
    crash(cluster, cluster.leader() ?? cluster.anyNode(), 'kill', random),
  'power-cut the leader': (cluster, random) =>
    crash(cluster, cluster.leader() ?? cluster.anyNode(), 'power', random),
  'power-cut all': (cluster, random) => {
    for (const node of cluster.nodes) crash(cluster, node, 'power', random)
  },
  'kill all': (cluster, random) => {
    for (const node of cluster.nodes) crash(cluster, node, 'kill', random)
  },
  'crash again while starting': (cluster, random) => {
    const node = cluster.anyNode()
    for (let delayUs = 0, i = random.between(2, 5); i > 0; i--) {
      cluster.later(delayUs, 'crash loop', () => {
        node.crash(random.chance(0.5) ? 'kill' : 'power')
        cluster.startSoon(node, random.below(50 * MS))
      })
      delayUs += random.below(300 * MS)
    }
  },
  'die in a write that matters': (cluster, random) => {
    const kind = random.pick(['vote', 'checkpoint', 'base', 'overwrite'] as const)
    cluster.dieInNext(kind, random.chance(0.5) ? 'kill' : 'power')
  },
  'stop cleanly': (cluster, random) => {
    const node = cluster.anyNode()
    if (node.running === null) return
    cluster.stopCleanly(node, upTo(random, 10 * MS, 3 * SECOND))
  },
  'a tail that nobody else has': (cluster, random) => {
    // The leader cannot speak while clients keep it busy; another one is elected; then both meet, or only the tail is left.
    const leader = cluster.leader()
    if (leader === null) return
    const { electionTicks } = cluster.plan.settings.raft
    const links = cluster.nodes.filter((node) => node !== leader).map(({ id }) => id)
    for (const id of links) cluster.network.cut(leader.id, id)
    cluster.burst(leader, random.between(3, 30))
    for (let i = 0; i < 40; i++)
      cluster.later(
        i * electionTicks * cluster.plan.settings.tickUs * 0.1,
        'read at the old leader',
        () => cluster.readAt(leader),
      )
    const waitUs = electionTicks * cluster.plan.settings.tickUs * random.between(2, 6)
    cluster.later(waitUs, 'the tail meets the others', () => {
      const successor = cluster.leader()
      if (random.chance(0.5) && successor !== null && successor !== leader)
        crash(cluster, successor, 'kill', random)
      for (const id of links) cluster.network.heal(leader.id, id)
    })
  },
  'pause a node': (cluster, random) => pause(cluster, cluster.anyNode(), random),
  'pause the leader': (cluster, random) =>
    pause(cluster, cluster.leader() ?? cluster.anyNode(), random),
  'isolate a node': (cluster, random) => {
    const node = cluster.anyNode()
    cutFor(cluster, random, (from, to) => from === node.id || to === node.id)
  },
  'isolate the leader': (cluster, random) => {
    const node = cluster.leader() ?? cluster.anyNode()
    cutFor(cluster, random, (from, to) => from === node.id || to === node.id)
  },
  'split in two': (cluster, random) => {
    const side = new Set(cluster.nodes.filter(() => random.chance(0.5)).map(({ id }) => id))
    cutFor(cluster, random, (from, to) => side.has(from) !== side.has(to))
  },
  'a node cannot hear': (cluster, random) => {
    const node = cluster.anyNode()
    cutFor(cluster, random, (_, to) => to === node.id)
  },
  'a node cannot speak': (cluster, random) => {
    const node = cluster.anyNode()
    cutFor(cluster, random, (from) => from === node.id)
  },
  'cut one link': (cluster, random) => {
    const [a, b] = random.shuffle(cluster.nodes)
    const bothWays = random.chance(0.5)
    cutFor(
      cluster,
      random,
      (from, to) =>
        (from === a?.id && to === b?.id) || (bothWays && from === b?.id && to === a?.id),
    )
  },
  'flap a link': (cluster, random) => {
    const [a, b] = random.shuffle(cluster.nodes)
    if (a === undefined || b === undefined) return
    const periodUs = upTo(random, 50 * MS, 1 * SECOND)
    for (let i = 0; i < 10; i++)
      cluster.later(i * periodUs, 'flap', () => {
        if (i % 2 === 0) cluster.network.cut(a.id, b.id)
        else cluster.network.heal(a.id, b.id)
      })
  },
  'clog a link': (cluster, random) => {
    const [a, b] = random.shuffle(cluster.nodes)
    if (a === undefined || b === undefined) return
    cluster.network.clog(a.id, b.id, upTo(random, 10 * MS, 5 * SECOND))
  },
  'break a connection': (cluster, random) => {
    const [a, b] = random.shuffle(cluster.nodes)
    if (a !== undefined && b !== undefined) cluster.network.reset(a.id, b.id)
  },
  'slow disk': (cluster, random) => {
    const slowUs = upTo(random, 10 * MS, 1 * SECOND)
    diskWeatherFor(cluster, random, { slow: 0.8, slowUs })
  },
  'slow disk of the leader': (cluster, random) => {
    const slowUs = upTo(random, 100 * MS, 3 * SECOND)
    diskWeatherFor(cluster, random, { slow: 1, slowUs }, cluster.leader())
  },
  'failing disk': (cluster, random) => diskWeatherFor(cluster, random, { fail: 0.2 }),
  'hanging disk': (cluster, random) => diskWeatherFor(cluster, random, { hang: 0.2 }),
  'hand over': (cluster) => {
    cluster.leader()?.running?.replica.transferLeadership()
  },
  'wall clock jumps': (cluster, random) => {
    cluster.anyNode().wallOffsetMs = (random.float() - 0.5) * 20 * 365 * 86_400_000
  },
  'lose the store': (cluster, random) => {
    const node = cluster.anyNode()
    if (!cluster.maySuffer(node)) return
    node.crash('power')
    node.loseStore()
    cluster.startSoon(node, upTo(random, 10 * MS, 1 * SECOND))
  },
  'lose the store, then the power': (cluster, random) => {
    const node = cluster.anyNode()
    if (!cluster.maySuffer(node)) return
    node.crash('power')
    node.loseStore()
    cluster.startSoon(node, random.below(100 * MS))
    cluster.later(upTo(random, 20 * MS, 3 * SECOND), 'power cut', () =>
      crash(cluster, node, 'power', random),
    )
  },
  'lose the directory': (cluster, random) => {
    const node = cluster.anyNode()
    if (!cluster.mayForget(node)) return
    node.crash('power')
    cluster.forget(node, 'lost', () => node.wipe())
    cluster.startSoon(node, upTo(random, 10 * MS, 3 * SECOND))
  },
  'set the directory back': (cluster, random) => {
    const node = cluster.anyNode()
    if (!cluster.mayBeSetBack(node)) return
    const older = node.directory()
    const { life } = node
    cluster.later(upTo(random, 50 * MS, 10 * SECOND), 'set back', () => {
      if (node.life !== life || !cluster.mayBeSetBack(node)) return
      node.crash('kill')
      cluster.setBack(node, older)
      cluster.startSoon(node, random.below(1 * SECOND))
    })
  },
  'cut the end of the log': (cluster, random) => {
    const node = cluster.anyNode()
    if (!cluster.mayBeSetBack(node)) return
    node.crash('power')
    cluster.setBack(node, node.directory(random.between(1, 20)))
    cluster.startSoon(node, random.below(1 * SECOND))
  },
  'flip a bit in the log': (cluster, random) => {
    const node = cluster.anyNode()
    if (!cluster.mayForget(node)) return
    node.crash('power')
    const { first, last } = node.logDisk.held
    if (last >= first) {
      const index = random.between(first, last)
      cluster.forget(node, 'damaged', () => node.logDisk.rot(index))
    }
    cluster.startSoon(node, random.below(1 * SECOND))
  },
  'lose the log alone': (cluster, random) => {
    const node = cluster.anyNode()
    if (!cluster.mayForget(node)) return
    node.crash('power')
    cluster.forget(node, 'lost', () => node.logDisk.wipe())
    cluster.startSoon(node, upTo(random, 10 * MS, 1 * SECOND))
  },
  'set the store back': (cluster, random) => {
    const node = cluster.anyNode()
    const store = node.storeDisk.copy()
    cluster.later(upTo(random, 50 * MS, 10 * SECOND), 'store set back', () => {
      if (!cluster.maySuffer(node)) return
      node.crash('kill')
      node.replaceStore(store)
      cluster.startSoon(node, random.below(1 * SECOND))
    })
  },
  "take another node's store": (cluster, random) => {
    const [node, other] = random.shuffle(cluster.nodes)
    if (node === undefined || other === undefined || !cluster.mayForget(node)) return
    // It may be ahead of this node's log, which then seems to have lost its end.
    node.crash('power')
    cluster.forget(node, 'damaged', () => node.replaceStore(other.storeDisk.copy()))
    cluster.startSoon(node, random.below(1 * SECOND))
  },
  'lie about an overwrite': (cluster, random) => {
    cluster.forgetNextOverwrite(upTo(random, 20 * MS, 5 * SECOND))
  },
  'lose the directory after a vote': (cluster, random) => {
    cluster.forgetNextVote(upTo(random, 10 * MS, 1 * SECOND))
    // An election may come of it while the old leader goes on.
    const [a] = random.shuffle(cluster.nodes)
    const leader = cluster.leader()
    if (a === undefined || leader === null || a === leader) return
    cutFor(cluster, random, (from, to) => from === leader.id && to === a.id)
  },
  'the leader sleeps through its successor': (cluster, random) => {
    const leader = cluster.leader()
    if (leader === null || cluster.nodes.length < 3) return
    const { settings } = cluster.plan
    const electionUs = settings.raft.electionTicks * settings.tickUs
    const sleepUs = electionUs * random.between(3, 6)
    const { process } = leader
    const others = cluster.nodes.filter((node) => node !== leader)
    const readAt = (us: number) =>
      cluster.later(us, 'read at the old leader', () => cluster.readAt(leader))
    // A round of heartbeats for a first read is on its way, or answered, when it falls asleep.
    for (let i = 0; i < 3; i++) cluster.readAt(leader)
    cluster.later(random.below(10 * MS), 'the leader falls asleep', () => leader.pause())
    cluster.later(0.2 * electionUs, 'and is cut off', () => {
      for (const { id } of others) {
        cluster.network.cut(leader.id, id)
        cluster.network.cut(id, leader.id)
      }
    })
    // Others go on without it; what is asked of it meanwhile it finds when it wakes, still cut off and sure that it leads.
    for (let us = 2 * electionUs; us < sleepUs; us += 0.25 * electionUs) {
      cluster.later(us, 'publish elsewhere', () => cluster.burst(random.pick(others), 2))
      readAt(us)
    }
    cluster.later(sleepUs, 'it wakes', () => {
      if (leader.process === process) leader.resume()
    })
    for (let i = 1; i < 10; i++) readAt(sleepUs + i * 0.1 * electionUs)
    cluster.later(sleepUs + 2 * electionUs, 'heal', () => {
      for (const { id } of others) {
        cluster.network.heal(leader.id, id)
        cluster.network.heal(id, leader.id)
      }
    })
  },
} satisfies Record<string, Fault>

type DrawnFaultKind = keyof typeof FAULTS
type DirectedFaultKind = keyof typeof DIRECTED_FAULTS
export type FaultKind = DrawnFaultKind | DirectedFaultKind

/** What a seed draws from. Directed faults are left out: they strike where a scenario names them, and change no seed. */
export const DRAWN_FAULT_KINDS = Object.keys(FAULTS) as readonly DrawnFaultKind[]

export const FAULT_KINDS: readonly FaultKind[] = [
  ...DRAWN_FAULT_KINDS,
  ...(Object.keys(DIRECTED_FAULTS) as DirectedFaultKind[]),
]

const ALL_FAULTS: Record<FaultKind, Fault> = { ...FAULTS, ...DIRECTED_FAULTS }

/** Drawn after everything else of a plan, so that earlier seeds keep the rest of what they had. */
export const LATER_FAULT_KINDS: readonly FaultKind[] = [
  'lose the directory after a vote',
  'the leader sleeps through its successor',
  'lose the log alone',
  'set the store back',
  "take another node's store",
  'lie about an overwrite',
]

export function strike(kind: FaultKind, cluster: SimCluster): void {
  if (cluster.isSettingBack) return
  cluster.world.trace.note('', kind)
  ALL_FAULTS[kind](cluster, cluster.world.streams.faults)
}

function crash(cluster: SimCluster, node: SimNode, how: 'kill' | 'power', random: Stream): void {
  node.crash(how)
  cluster.startSoon(node, upTo(random, 1 * MS, 5 * SECOND))
}

function pause(cluster: SimCluster, node: SimNode, random: Stream): void {
  node.pause()
  const { process } = node
  cluster.later(upTo(random, 20 * MS, 5 * SECOND), 'resume', () => {
    if (node.process === process) node.resume()
  })
}

function cutFor(
  cluster: SimCluster,
  random: Stream,
  chosen: (from: string, to: string) => boolean,
): void {
  const links: [string, string][] = []
  for (const { id: from } of cluster.nodes)
    for (const { id: to } of cluster.nodes)
      if (from !== to && chosen(from, to)) links.push([from, to])
  for (const [from, to] of links) cluster.network.cut(from, to)
  cluster.later(upTo(random, 50 * MS, 8 * SECOND), 'heal', () => {
    for (const [from, to] of links) cluster.network.heal(from, to)
  })
}

function diskWeatherFor(
  cluster: SimCluster,
  random: Stream,
  worse: Partial<SimNode['diskWeather']>,
  node: SimNode | null = null,
): void {
  const struck = node ?? cluster.anyNode()
  struck.diskWeather = { ...cluster.plan.disk, ...worse }
  cluster.later(upTo(random, 100 * MS, 5 * SECOND), 'disk mended', () => {
    struck.diskWeather = cluster.plan.disk
  })
}
