// One simulated node: disks that outlive it, and a process that runs the production replica, state machine and
// aggregator on them until it is killed, paused, or dies of its disk.
//
// It composes what node/main.ts composes, with the world's network, disk, time and chance in place of the real ones.

import { Aggregator } from '../../node/aggregator.ts'
import { DedupStateMachine } from '../../node/store/dedup-state-machine.ts'
import { APPLIED_MARK } from '../../node/store/keys.ts'
import { decodeAppliedMark } from '../../node/store/marks.ts'
import type { EntryOutcome, StoreStats } from '../../node/store/types.ts'
import type { RaftConfig } from '../../raft/core/config.ts'
import {
  type EntryId,
  type Index,
  type NodeId,
  ORIGIN,
  type Status,
} from '../../raft/core/types.ts'
import { LogDamageError, type StateMachine } from '../../raft/ports.ts'
import { DiskHangError, Replica } from '../../raft/replica.ts'
import { Life } from './life.ts'
import { type DiskWeather, InjectedFault, LogProbe, logDelayUs } from './log-probe.ts'
import type { Mark } from './marks.ts'
import type { Death, Observed, Observers } from './observer.ts'
import { type SimLogCopy, SimLogDisk } from './sim-log.ts'
import type { SimNetwork, SimTransport } from './sim-network.ts'
import { SimStore, SimStoreDisk, type StoreFaults } from './sim-store.ts'
import { MS, type World } from './world.ts'

export interface NodeSettings {
  readonly raft: Omit<RaftConfig, 'id' | 'members' | 'life' | 'seed' | 'spareStore'>
  readonly checkpointBytes: number
  readonly chunkBytesMax: number
  readonly diskHangTicks: number
  readonly entryBytesTarget: number
  readonly tickUs: number
}

export interface Running {
  readonly replica: Replica<EntryOutcome>
  readonly machine: DedupStateMachine
  readonly aggregator: Aggregator
}

/** Why a node is not running. */
export type Down = 'not started' | 'starting' | 'crashed' | 'stopped' | 'refused to start'

/** All that one node has on disk, as it was at some time. */
export interface SimDirectory {
  readonly log: SimLogCopy
  readonly store: ReadonlyMap<string, Uint8Array>
}

/** The last entry that its store shows as applied. */
export function shownBy({ store }: SimDirectory): EntryId {
  const mark = store.get(APPLIED_MARK.toString('latin1'))
  return mark === undefined ? ORIGIN : decodeAppliedMark(mark)
}

export interface NodeSurroundings {
  readonly world: World
  readonly network: SimNetwork
  readonly members: readonly NodeId[]
  readonly observers: Observers
  readonly settings: NodeSettings
  readonly storeFaults: StoreFaults
  readonly keepEntries: number
  readonly damagedChunks: number
}

export class SimNode implements Observed {
  readonly id: NodeId
  readonly logDisk: SimLogDisk
  readonly storeDisk: SimStoreDisk
  /** Length of this node's tick, as a multiple of the nominal one. */
  tickRate = 1
  /** Of its wall clock, from the world's. */
  wallOffsetMs = 0
  diskWeather: DiskWeather
  /** How likely a chunk of a snapshot that is read here has a bit flipped. */
  damagedChunks: number
  /** Called when the process has ended by itself: its disk failed, or it refused to start. */
  onEnd: (error: unknown) => void = () => {}
  #life: Life
  #transport: SimTransport | null = null
  #running: Running | null = null
  #down: Down = 'not started'
  #lives = 0
  #stopping = false
  #pausedAsLeader = false
  #lacksStore = false
  readonly #around: NodeSurroundings

  constructor(id: NodeId, around: NodeSurroundings, diskWeather: DiskWeather) {
    const { world, storeFaults, keepEntries } = around
    const { disk, identity } = world.streams
    this.id = id
    this.#around = around
    this.logDisk = new SimLogDisk({
      random: () => disk.float(),
      drawStoreId: () => identity.hex(32),
      schedule: (call, done) => {
        const us = logDelayUs(call, this.diskWeather, disk)
        if (us === 0) done()
        else if (us !== null) this.#life.after(us, call, done)
      },
      keepEntries,
    })
    this.storeDisk = new SimStoreDisk(disk, storeFaults)
    this.diskWeather = diskWeather
    this.damagedChunks = around.damagedChunks
    this.#life = new Life(world, 0)
    this.#life.end()
  }

  // ---- What others see ----

  get life(): number {
    return this.#lives
  }

  get process(): Life {
    return this.#life
  }

  get running(): Running | null {
    return this.#running
  }

  get down(): Down | null {
    return this.#running === null ? this.#down : null
  }

  get isPaused(): boolean {
    return this.#life.paused
  }

  /** Runs, and nobody waits for it. */
  get isIdle(): boolean {
    return this.#running !== null && !this.#stopping && this.#running.aggregator.pending === 0
  }

  /** How long the write to its log has been under way. */
  get writingForUs(): number {
    return this.writingSinceUs === null ? 0 : this.#around.world.nowUs - this.writingSinceUs
  }

  /** Its store was lost, and is not known to be refilled. */
  get lacksStore(): boolean {
    return this.#lacksStore
  }

  status(): Status | null {
    return this.#running?.replica.status() ?? null
  }

  stats(): StoreStats | null {
    return this.#running?.machine.stats() ?? null
  }

  digestAt(index: Index): string | null {
    return this.#running?.machine.digestAt(index) ?? null
  }

  // ---- What happens to it ----

  start(): void {
    if (this.#life.alive) return
    const { world } = this.#around
    this.#life = new Life(world, ++this.#lives)
    this.#down = 'starting'
    world.trace.note(this.id, 'start', { life: this.#lives })
    const life = this.#life
    const failed = (error: unknown) => {
      if (life === this.#life && life.alive) this.#endedBy(error)
    }
    this.#life.enter(() => {
      this.#boot(life).catch(failed)
    })
  }

  /** Whatever it is doing, it does no more. */
  crash(how: 'kill' | 'power'): void {
    if (!this.#life.alive) return
    this.#die(how, 'crashed')
  }

  /** As a supervisor does it: leadership handed over, the store made durable, then the end. */
  async stop(): Promise<void> {
    const running = this.#running
    const life = this.#life
    if (running === null) return this.crash('kill')
    this.#stopping = true
    running.aggregator.stopTaking()
    running.replica.transferLeadership()
    await new Promise<void>((resolve) => life.after(100 * MS, 'stopping', resolve))
    await running.replica.checkpoint()
    await running.replica.stop()
    running.aggregator.giveUp()
    if (life.alive) this.#die('stop', 'stopped')
  }

  pause(): void {
    if (!this.#life.alive || this.#life.paused) return
    this.#around.world.trace.note(this.id, 'pause')
    this.#pausedAsLeader = this.status()?.role === 'leader'
    this.#life.pause()
  }

  resume(): void {
    if (!this.#life.paused) return
    this.#around.world.trace.note(this.id, 'resume')
    const { scheduler } = this.#around.world.streams
    this.#life.resume((held) => (scheduler.chance(0.5) ? scheduler.shuffle(held) : held))
  }

  /** What a copy of it would hold now; the log perhaps without its last writes. */
  directory(lostWrites = 0): SimDirectory {
    return { log: this.logDisk.copy(lostWrites), store: this.storeDisk.copy() }
  }

  /** In place of what is there. The process must be down. */
  putBack({ log, store }: SimDirectory): void {
    this.logDisk.restore(log)
    this.storeDisk.restore(store)
  }

  /** The data directory is lost. The process must be down. */
  wipe(): void {
    this.logDisk.wipe()
    this.loseStore()
  }

  loseStore(): void {
    this.storeDisk.wipe()
    this.#lacksStore = true
  }

  /** By another node's, or an older one. The process must be down. */
  replaceStore(store: ReturnType<SimStoreDisk['copy']>): void {
    this.storeDisk.restore(store)
    this.#lacksStore = true
  }

  // ---- Inside ----

  async #boot(life: Life): Promise<void> {
    const { world, network, members, settings, observers } = this.#around
    const { identity, disk } = world.streams
    const carry = life.carry(
      () =>
        disk.chance(this.diskWeather.storeSlow) ? disk.exponential(this.diskWeather.storeUs) : 0,
      () => disk.chance(0.5),
    )
    const store = new SimStore(this.storeDisk, carry)
    const machine = await DedupStateMachine.open(store, store.makeDurable, DIGESTS_NOTED)
    const log = new LogProbe({
      node: this,
      inner: this.logDisk.open(this.id, members),
      disk: this.logDisk,
      world,
      observers,
      checkpointBytes: settings.checkpointBytes,
    })
    const transport = network.attach(this.id, '', (run, quiet) => life.enter(run, quiet))
    this.#transport = transport
    const replicaLife = identity.uint32()
    const replica = await Replica.open<EntryOutcome>({
      config: {
        ...settings.raft,
        id: this.id,
        members,
        life: replicaLife,
        seed: identity.uint32(),
        spareStore: identity.hex(32),
      },
      log,
      transport,
      stateMachine: this.#watched(machine),
      checkpointBytes: settings.checkpointBytes,
      chunkBytesMax: settings.chunkBytesMax,
      diskHangTicks: settings.diskHangTicks,
      schedule: (turn) => {
        const us = world.streams.scheduler.chance(0.02) ? world.streams.scheduler.below(5 * MS) : 0
        world.after(us, 'turn', () => life.enter(turn, this.#isCalm))
      },
      onFatal: (error) => {
        if (life === this.#life && life.alive) this.#endedBy(error)
      },
      onTrace: (event) => {
        // Whatever is worth a note may be made of promises: a snapshot that begins, say.
        world.unsettled()
        world.trace.note(this.id, event.type, { term: event.term, ...event.detail })
        observers.noted(this, event)
      },
      onTurn: () => {
        if (this.#running === null) return
        this.#running.aggregator.moved()
        const status = this.#running.replica.glance()
        this.#appliesAll = status.applied === status.commit
        if (status.applied > 0 && !this.#running.replica.rebuilding) this.#lacksStore = false
        if (this.#pausedAsLeader && status.role !== 'leader') {
          this.#pausedAsLeader = false
          this.#reached('a paused leader finds itself deposed')
        }
        observers.turned(this, status)
      },
    })
    if (!life.alive) return
    if (this.#lacksStore && !replica.rebuilding && replica.status().commit > 0)
      this.#reached('a store is redone from nothing after a loss')
    const aggregator = new Aggregator({
      nodeId: this.id,
      replica,
      events: machine,
      peerUrls: new Map(members.map((member) => [member, `http://${member}`])),
      clientUrl: () => null,
      fsync: true,
      entryBytesTarget: settings.entryBytesTarget,
      readyGraceMs: 5_000,
      readyLagEntriesMax: 10_000,
      wallMs: () => Math.max(0, Math.round(world.nowMs + 1.7e12 + this.wallOffsetMs)),
      monotonicMs: () => world.nowMs,
      schedule: (work) => life.after(0, 'flush', work),
    })
    const running = { replica, machine, aggregator }
    this.#tickForEver(life, running)
    await replica.join()
    if (life.alive) this.#running = running
  }

  #tickForEver(life: Life, { replica, aggregator }: Running): void {
    const { world, settings } = this.#around
    const tick = () => {
      replica.tick()
      aggregator.tick()
      plan()
    }
    // A timer of a paused process is one tick late, not many.
    const due = () => life.enter(tick, this.#isCalm)
    const plan = () => world.after(settings.tickUs * this.tickRate, 'tick', due)
    plan()
  }

  /** Nobody waits for anything: what runs now settles no promise but those that its ports see begun. */
  get #isCalm(): boolean {
    const pending = this.#running?.aggregator.pending ?? 1
    return pending === 0 && this.waiting === 0 && this.#appliesAll
  }
  #appliesAll = false

  /** Kept by the probe. */
  writingSinceUs: number | null = null
  /** Requests other than publishes that wait for something: a tick may end their wait. */
  waiting = 0

  #watched(machine: DedupStateMachine): StateMachine<EntryOutcome> {
    const { world, observers } = this.#around
    return new Proxy(machine as StateMachine<EntryOutcome>, {
      get: (target, property) => {
        const value = Reflect.get(target, property, target)
        if (typeof value !== 'function') return value
        if (property === 'apply')
          return async (...[entries]: Parameters<typeof target.apply>) => {
            const outcomes = await target.apply(entries)
            observers.applied(this, entries, outcomes)
            return outcomes
          }
        if (property === 'restore')
          return async (...[checkpoint]: Parameters<typeof target.restore>) => {
            await target.restore(checkpoint)
            if (this.#lacksStore) this.#reached('a store is refilled by a peer')
            observers.restored(this, checkpoint.index)
          }
        if (property === 'readChunk')
          return async (...given: Parameters<typeof target.readChunk>) => {
            const chunk = await target.readChunk(...given)
            return world.streams.disk.chance(this.damagedChunks)
              ? { ...chunk, data: flipped(chunk.data, world.streams.disk.uint32()) }
              : chunk
          }
        if (property === 'beginInstall' || property === 'verifyInstall' || property === 'empty')
          return async (...given: unknown[]) => {
            const answer = await value.apply(target, given)
            if (answer === false) this.#reached('a snapshot does not verify')
            world.trace.note(this.id, `store: ${property}`, { answer: String(answer) })
            return answer
          }
        return value.bind(target)
      },
    })
  }

  #endedBy(error: unknown): void {
    const { world } = this.#around
    const injected =
      error instanceof InjectedFault ||
      error instanceof DiskHangError ||
      (this.#around.damagedChunks > 0 && REFUSES_A_SNAPSHOT.has((error as Error).name))
    const damaged = error instanceof LogDamageError
    world.trace.note(this.id, 'process ends', { because: String(error) })
    if (damaged) this.#reached('a damaged log is refused')
    if (error instanceof InjectedFault) this.#reached('a disk refuses a write')
    if (error instanceof DiskHangError) this.#reached('a disk hangs and the process ends')
    this.#die('kill', damaged ? 'refused to start' : 'crashed')
    if (injected || damaged) this.onEnd(error)
    else world.fail(error)
  }

  #die(how: Death, down: Down): void {
    const { world } = this.#around
    world.trace.note(this.id, 'dies', { how })
    this.#around.observers.died(this, how)
    this.#life.end()
    this.#transport?.kill(how === 'power')
    this.#transport = null
    this.#running = null
    this.#stopping = false
    this.#down = down
    this.waiting = 0
    this.writingSinceUs = null
    const holesBefore = this.storeDisk.holes
    if (how === 'power') this.storeDisk.powerCut()
    if (this.storeDisk.holes > holesBefore) this.#reached('a power cut leaves a store with holes')
    this.#pausedAsLeader = false
    this.logDisk.crash(how === 'power')
  }

  #reached(mark: Mark): void {
    this.#around.observers.reached(mark)
  }
}

/** Of digests of recent entries; production notes more, which is dear to begin anew at each start. */
const DIGESTS_NOTED = 4_096

/** What a damaged snapshot may end a process with; the next start asks for it again. */
const REFUSES_A_SNAPSHOT = new Set(['StoreUnsoundError', 'UnknownVersionError'])

function flipped(data: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(data)
  if (copy.length > 0) copy[at % copy.length]! ^= 1 << (at % 8)
  return copy
}
