// One scripted run, crashed at every single effect: each write to a log before, in and after it, each batch of a store,
// each message that leaves, each apply; in every mode; then restarted, healed and judged.
//
// The script is short and busy: elections, publishes in bursts, checkpoints every few entries, a follower that falls behind
// and takes a snapshot, leadership handed over. Effects are numbered as they happen, so a point is a number, and the same
// number is the same moment in every run.

import { Simulation } from './simulation.ts'
import { CALM_PLAN, type Plan } from './swarm.ts'
import { MS, SECOND } from './world.ts'

export const CRASH_MODES = ['kill', 'power', 'power for all', 'pause'] as const
export type CrashMode = (typeof CRASH_MODES)[number]

export interface CrashPoint {
  /** The node that does the effect is struck at its so-manieth effect; null: the run is only counted. */
  readonly effect: number | null
  readonly mode: CrashMode
}

const SCRIPT_US = 4 * SECOND

const PLAN: Plan = {
  ...CALM_PLAN,
  seed: 20,
  members: ['n1', 'n2', 'n3'],
  tickRates: [1, 1, 1],
  settings: {
    ...CALM_PLAN.settings,
    raft: { ...CALM_PLAN.settings.raft, electionTicks: 20, heartbeatTicks: 2 },
    checkpointBytes: 600,
    chunkBytesMax: 300,
  },
  keepEntries: [0, 0, 0],
  workload: { ...CALM_PLAN.workload, clients: 2, thinkUs: 150 * MS, ids: 30, deadlineMs: 2_000 },
}

/** Rejects with what is wrong; answers how many effects the script has. */
export async function runCrashPoint({ effect, mode }: CrashPoint): Promise<number> {
  const simulation = new Simulation(PLAN)
  const { cluster, clients } = simulation
  const { world, nodes } = cluster
  let effects = 0
  const count = (id: string) => {
    if (world.nowUs > SCRIPT_US || effects++ !== effect) return
    world.trace.note(id, `struck: ${mode}`)
    // At once, but not within the call that made the effect: nothing that follows it is heard of.
    world.after(0, 'strike', () => {
      world.unsettled()
      for (const node of nodes) {
        if (node.id !== id && mode !== 'power for all') continue
        if (mode === 'pause') node.pause()
        else node.crash(mode === 'kill' ? 'kill' : 'power')
      }
    })
  }
  cluster.observers.push({
    writing: (node) => count(node.id),
    durable: (node) => count(node.id),
    sent: (node) => count(node.id),
    applied: (node) => count(node.id),
    removing: (node) => count(node.id),
    restored: (node) => count(node.id),
  })

  cluster.startAll()
  clients.start()
  const [first, second, third] = nodes
  const steps: readonly (readonly [number, () => void])[] = [
    [600, () => cluster.burst(second!, 10)],
    [900, () => third!.crash('kill')],
    [1_000, () => cluster.burst(first!, 15)],
    [1_600, () => third!.start()],
    [2_200, () => cluster.leader()?.running?.replica.transferLeadership()],
    [2_800, () => cluster.burst(cluster.leader() ?? first!, 10)],
  ]
  for (const [atMs, step] of steps)
    world.after(atMs * MS, 'script', () => {
      world.unsettled()
      step()
    })
  await world.run(SCRIPT_US)
  clients.stop()
  cluster.heal()
  await simulation.settled()
  await simulation.verdict()
  return effects
}
