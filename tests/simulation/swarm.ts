// What one seed draws: the cluster, its limits, its workload, its weather, and which faults may strike how often.
//
// Each seed gets a random subset of faults at random rates (swarm testing): a fault that is always on hides the states
// that only its absence lets arise. Ranges follow TigerBeetle's (faults.md part 1); limits are drawn tiny as often as large, so
// that segments, checkpoints, windows and memory overflow within seconds.

import type { NodeId } from '../../raft/core/types.ts'
import {
  DRAWN_FAULT_KINDS,
  type FaultKind,
  LATER_FAULT_KINDS,
  SCENARIOS,
  type Scenario,
} from './faults.ts'
import { type DiskWeather, GOOD_DISK } from './log-probe.ts'
import type { Workload } from './sim-clients.ts'
import { CLEAR, type NetworkWeather } from './sim-network.ts'
import type { NodeSettings } from './sim-node.ts'
import { STORE_FAULTS, type StoreFaults } from './sim-store.ts'
import { type Stream, streamsOf } from './stream.ts'
import { MS, SECOND } from './world.ts'

export interface Plan {
  readonly seed: number
  readonly members: readonly NodeId[]
  readonly settings: NodeSettings
  /** Of each node's clock, as a multiple of the nominal tick. */
  readonly tickRates: readonly number[]
  /** Entries of the log that each node keeps below a checkpoint. */
  readonly keepEntries: readonly number[]
  /** How likely a sender reads a chunk of a snapshot with a bit flipped. */
  readonly damagedChunks: number
  readonly network: NetworkWeather
  readonly silenceUs: number
  readonly disk: DiskWeather
  readonly store: StoreFaults
  readonly workload: Workload
  readonly faults: readonly FaultKind[]
  /** Mean time between two faults. */
  readonly faultEveryUs: number
  /** How long anything may go wrong, before the cluster is healed. */
  readonly safetyUs: number
}

/** Nothing goes wrong by itself, and no limit is tight: the ground for tests that break one thing. */
export const CALM_PLAN: Omit<Plan, 'seed' | 'members' | 'tickRates'> = {
  settings: {
    raft: {
      heartbeatTicks: 5,
      electionTicks: 50,
      diskStallTicks: 100,
      messageBytesMax: 256 * 1024,
      inflightMessagesMax: 64,
      inflightBytesMax: 4 * 1024 * 1024,
      uncommittedBytesMax: 16 * 1024 * 1024,
      applyBytesMax: 1024 * 1024,
      memoryBytesMax: 16 * 1024 * 1024,
    },
    checkpointBytes: 64 * 1024,
    chunkBytesMax: 16 * 1024,
    diskHangTicks: 400,
    entryBytesTarget: 256 * 1024,
    tickUs: 10 * MS,
  },
  keepEntries: [1_000, 1_000, 1_000, 1_000, 1_000],
  damagedChunks: 0,
  network: CLEAR,
  silenceUs: 1 * SECOND,
  disk: GOOD_DISK,
  store: STORE_FAULTS,
  workload: {
    clients: 0,
    thinkUs: 100 * MS,
    topics: 2,
    ids: 100,
    batchMax: 3,
    paddingMax: 100,
    reads: 0.3,
    linearizable: 0.5,
    twice: 0,
    otherContent: 0,
    burst: 0,
    loss: 0,
    deadlineMs: 5_000,
    triesMax: 3,
  },
  faults: [],
  faultEveryUs: 1 * SECOND,
  safetyUs: 10 * SECOND,
}

/** What a replay leaves out of the seed's own plan, to see whether it still fails. */
export interface Overrides {
  readonly faults?: readonly FaultKind[]
  readonly faultEveryUs?: number
  readonly calm?: readonly Calm[]
  readonly messageBytesMax?: number
  /** Of every node. */
  readonly keepEntries?: number
  readonly damagedChunks?: number
}

/** Parts of the weather that can be switched off. */
export const CALMS = [
  'loss',
  'repeat',
  'reorder',
  'lives',
  'disk',
  'store',
  'skew',
  'clients',
] as const
export type Calm = (typeof CALMS)[number]

const SCENARIO_FAULT_EVERY_US = 2 * SECOND

/** What some need beside their faults, to get anywhere. */
const SCENARIO_LIMITS: Partial<Record<Scenario, Overrides>> = {
  // Hardly more than one entry in a message, so that one that matches need not reach what conflicts.
  'lost-tail': { messageBytesMax: 100 },
  // The log reaches back to its first entry, so that a store is redone from there.
  refill: { keepEntries: 100_000 },
  // It never does, so that all who begin anew need a snapshot; of which many a chunk is not what was sent.
  'half-a-snapshot': { keepEntries: 0, damagedChunks: 0.3 },
}

/** Nothing strikes but what the scenario names, and that often. */
export const overridesOf = (scenario: Scenario): Overrides => ({
  faults: SCENARIOS[scenario],
  faultEveryUs: SCENARIO_FAULT_EVERY_US,
  ...SCENARIO_LIMITS[scenario],
})

export function planOf(seed: number, safetySeconds = 60, overrides: Overrides = {}): Plan {
  const { faults, faultEveryUs, messageBytesMax, keepEntries, damagedChunks, calm = [] } = overrides
  let plan = drawPlan(seed, safetySeconds)
  if (faults !== undefined) plan = { ...plan, faults }
  if (faultEveryUs !== undefined) plan = { ...plan, faultEveryUs }
  if (messageBytesMax !== undefined) {
    const raft = { ...plan.settings.raft, messageBytesMax }
    plan = { ...plan, settings: { ...plan.settings, raft } }
  }
  if (keepEntries !== undefined)
    plan = { ...plan, keepEntries: plan.members.map(() => keepEntries) }
  if (damagedChunks !== undefined) plan = { ...plan, damagedChunks }
  return calm.reduce((calmer, what) => calmed(calmer, what), plan)
}

function calmed(plan: Plan, what: Calm): Plan {
  switch (what) {
    case 'loss':
      return { ...plan, network: { ...plan.network, loss: 0 } }
    case 'repeat':
      return { ...plan, network: { ...plan.network, repeat: 0 } }
    case 'reorder':
      return { ...plan, network: { ...plan.network, reorder: 0 } }
    case 'lives':
      return { ...plan, network: { ...plan.network, acrossLives: false } }
    case 'disk':
      return { ...plan, disk: { ...plan.disk, slow: 0 } }
    case 'store':
      return { ...plan, store: { ...plan.store, middle: 0, flush: 1 } }
    case 'skew':
      return { ...plan, tickRates: plan.tickRates.map(() => 1) }
    case 'clients':
      return {
        ...plan,
        workload: { ...plan.workload, loss: 0, twice: 0, otherContent: 0, burst: 0 },
      }
  }
}

/** How likely a kind of fault may strike at all in a run. */
const FAULT_DRAWN = 0.4

/** Nobody gives up: what is never answered, though its node lives and the cluster is well, hangs for all to see (I19). */
const PATIENT: Pick<Workload, 'deadlineMs' | 'loss'> = { deadlineMs: 3_600_000, loss: 0 }

function drawPlan(seed: number, safetySeconds: number): Plan {
  const random = streamsOf(seed).swarm
  const size = random.chance(0.88) ? 3 : random.pick([1, 5])
  const members = Array.from({ length: size }, (_, i) => `n${i + 1}`)
  const drawn = (kinds: readonly FaultKind[]) => kinds.filter(() => random.chance(FAULT_DRAWN))
  const earlier = DRAWN_FAULT_KINDS.filter((kind) => !LATER_FAULT_KINDS.includes(kind))
  const faults = drawn(earlier)
  const plan: Plan = {
    seed,
    members,
    settings: drawSettings(random),
    tickRates: members.map(() => (random.chance(0.5) ? 1 : random.logarithmic(0.7, 1.5))),
    keepEntries: members.map(() =>
      random.chance(0.4) ? 0 : Math.round(random.logarithmic(1, 3_000)),
    ),
    damagedChunks: random.chance(0.1) ? 0.3 : 0,
    network: drawNetwork(random),
    silenceUs: Math.round(random.logarithmic(50 * MS, 3 * SECOND)),
    disk: drawDisk(random),
    store: {
      batchesPerFile: Math.round(random.logarithmic(1, 64)),
      flush: random.float(),
      middle: random.chance(0.3) ? random.float() * 0.5 : 0,
    },
    workload: drawWorkload(random),
    faults,
    faultEveryUs: Math.round(random.logarithmic(0.4 * SECOND, 10 * SECOND)),
    safetyUs: safetySeconds * SECOND,
  }
  const later = drawn(LATER_FAULT_KINDS)
  const workload = random.chance(0.15) ? { ...plan.workload, ...PATIENT } : plan.workload
  return { ...plan, faults: [...faults, ...later], workload }
}

function drawSettings(random: Stream): NodeSettings {
  const tiny = (low: number, usual: number, high: number) =>
    random.chance(0.5) ? Math.round(random.logarithmic(low, high)) : usual
  // Heartbeats of 10 to 50 ms, elections of 100 to 600: coarse ticks make equal timeouts, fine ones cost events.
  const tickUs = random.pick([10, 20, 30]) * MS
  const ticks = (us: number) => Math.round(us / tickUs)
  const heartbeatTicks = random.between(1, Math.max(1, ticks(50 * MS)))
  const electionTicks = Math.max(10, heartbeatTicks * random.between(5, 12))
  return {
    raft: {
      heartbeatTicks,
      electionTicks,
      diskStallTicks: tiny(10, ticks(1 * SECOND), ticks(2 * SECOND)),
      messageBytesMax: tiny(100, 256 * 1024, 10_000),
      inflightMessagesMax: tiny(1, 64, 8),
      inflightBytesMax: tiny(200, 4 * 1024 * 1024, 20_000),
      uncommittedBytesMax: tiny(300, 16 * 1024 * 1024, 50_000),
      applyBytesMax: tiny(100, 1024 * 1024, 10_000),
      memoryBytesMax: tiny(100, 16 * 1024 * 1024, 20_000),
    },
    checkpointBytes: Math.round(random.logarithmic(300, 100_000)),
    chunkBytesMax: Math.round(random.logarithmic(100, 20_000)),
    diskHangTicks: ticks(4 * SECOND),
    entryBytesTarget: tiny(200, 256 * 1024, 5_000),
    tickUs,
  }
}

function drawNetwork(random: Stream): NetworkWeather {
  const sometimes = (max: number) => (random.chance(0.5) ? random.float() * max : 0)
  const latencyMeanUs = Math.round(random.logarithmic(200, 30 * MS))
  return {
    latencyMinUs: Math.round(latencyMeanUs * random.float()),
    latencyMeanUs,
    loss: random.chance(0.5) ? random.logarithmic(0.001, 0.3) : 0,
    repeat: sometimes(0.3),
    strayUs: Math.round(random.logarithmic(1 * MS, 5 * SECOND)),
    reorder: sometimes(0.3),
    acrossLives: random.chance(0.5),
  }
}

function drawDisk(random: Stream): DiskWeather {
  const syncMeanUs = Math.round(random.logarithmic(100, 20 * MS))
  return {
    ...GOOD_DISK,
    syncMinUs: Math.round(syncMeanUs * random.float()),
    syncMeanUs,
    slow: random.chance(0.3) ? random.logarithmic(0.001, 0.1) : 0,
    slowUs: Math.round(random.logarithmic(20 * MS, 1 * SECOND)),
    storeSlow: random.chance(0.5) ? random.float() * 0.5 : 0,
    storeUs: Math.round(random.logarithmic(50, 20 * MS)),
  }
}

function drawWorkload(random: Stream): Workload {
  const clients = random.between(1, 5)
  return {
    clients,
    thinkUs: Math.round(clients * random.logarithmic(40 * MS, 500 * MS)),
    topics: random.between(1, 4),
    ids: Math.round(random.logarithmic(3, 2_000)),
    batchMax: random.between(1, 6),
    paddingMax: random.chance(0.5) ? 0 : Math.round(random.logarithmic(10, 2_000)),
    reads: 0.1 + random.float() * 0.5,
    linearizable: random.float(),
    twice: random.chance(0.5) ? random.float() * 0.3 : 0,
    otherContent: random.chance(0.5) ? random.float() * 0.3 : 0,
    burst: random.chance(0.5) ? random.float() * 0.1 : 0,
    loss: random.chance(0.5) ? random.float() * 0.1 : 0,
    deadlineMs: Math.round(random.logarithmic(300, 10_000)),
    triesMax: random.between(1, 6),
  }
}
