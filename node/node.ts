// One aggregator node put together: store, log, links, replica and HTTP server, started and stopped in the right order.
//
// It makes no choice of its own: everything that differs between production and a test comes in through `Surroundings`.
// Keeps: clients are served only after the redo; on the way down, leadership goes first, then what is in flight is
// answered, then the store is made durable, and the log is closed last.

import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TraceEvent } from '../raft/core/types.ts'
import { realFiles } from '../raft/log/files.ts'
import { LogOnDisk } from '../raft/log/log-on-disk.ts'
import { Replica } from '../raft/replica.ts'
import { TcpTransport } from '../raft/transport/tcp-transport.ts'
import { Aggregator } from './aggregator.ts'
import { ChunkPace } from './chunk-pace.ts'
import type { Config } from './config/config.ts'
import { Followers } from './follow/followers.ts'
import type { Api } from './http/api.ts'
import { createApp } from './http/app.ts'
import { Door } from './http/door.ts'
import { type ApiServer, createApiServer } from './http/server.ts'
import type { Log } from './log.ts'
import { diskUsageOf } from './metrics/disk-usage.ts'
import { type DelayWatch, EventLoopDelay } from './metrics/event-loop-delay.ts'
import { Meters } from './metrics/meters.ts'
import { ObservedLog, observedFiles } from './metrics/observed-log.ts'
import { ObservedStateMachine } from './metrics/observed-state-machine.ts'
import { openStore } from './open-store.ts'
import { ClusterView } from './overview/cluster-view.ts'
import { DedupStateMachine } from './store/dedup-state-machine.ts'
import type { EntryOutcome } from './store/types.ts'

/** The grain of time that consensus knows, in ms; finer where heartbeats are. */
const TICK_MS_MAX = 10
/** A leader's append unfinished for so long makes it hand over; for so long in any node, it ends. */
const DISK_STALL_MS = 1_000
const DISK_HANG_MS = 20_000
const MIB = 1024 * 1024
/** Of entries for one follower on their way, unacknowledged. */
const INFLIGHT_MESSAGES_MAX = 64
const INFLIGHT_BYTES_MAX = 16 * MIB
const MESSAGE_BYTES_MAX = MIB
const APPLY_BYTES_MAX = 4 * MIB
/** What a follower needs beyond these is read from the log; buffers kept for longer cost more memory than they hold. */
const RECENT_ENTRIES_BYTES_MAX = 2 * MIB
const CHUNK_BYTES_MAX = 192 * 1024

/** Waiting for somebody to take leadership over, and for publishes in flight, at a stop. */
const HANDOVER_MS_MAX = 1_500
const DRAIN_MS_MAX = 2_500
/** Between two looks whether the data directory is still there. */
const DIRECTORY_CHECK_MS = 1_000

export interface Surroundings {
  readonly log: Log
  readonly wallMs: () => number
  readonly monotonicMs: () => number
  /** From 0 up to 1. */
  readonly random: () => number
  readonly drawStoreId: () => string
  readonly drawLife: () => number
  readonly version: string
  /** Watches how late a timer is that is due so often, from now on. */
  readonly watchDelay: (resolutionMs: number) => DelayWatch
  /** The node cannot be trusted any more: the process has to end at once. */
  readonly onFatal: (error: unknown) => void
}

export interface RunningNode {
  /** The client port in use. */
  readonly port: number
  /** Resolves when everything is closed; some seconds at most. */
  stop(): Promise<void>
}

export async function startNode(config: Config, around: Surroundings): Promise<RunningNode> {
  const { log } = around
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  const stateDirectory = join(config.dataDir, 'state')
  const logDirectory = join(config.dataDir, 'log')
  const found = await openStore(stateDirectory, logDirectory)
  if (found.note !== null) log.warn('the store is built again', { why: found.note })
  const stateMachine = await DedupStateMachine.open(found.store, found.makeDurable)

  const meters = new Meters()
  const { monotonicMs } = around
  const members = config.peers.map((peer) => peer.id)
  const diskLog = new LogOnDisk({
    directory: logDirectory,
    nodeId: config.nodeId,
    members,
    drawStoreId: around.drawStoreId,
    fsync: config.fsync,
    segmentBytes: config.segmentBytes,
    keepBytes: config.logKeepBytes,
    files: observedFiles(realFiles, meters, monotonicMs),
  })
  const life = around.drawLife()
  const urls = new Map<string, string>()
  let view: ClusterView | null = null
  const advertised = () => config.advertiseUrl ?? `http://${config.host}:${config.port}`
  const transport = new TcpTransport({
    id: config.nodeId,
    peers: Object.fromEntries(config.peers.map((peer) => [peer.id, peer.url])),
    listenHost: config.peerHost,
    secret: config.clusterSecret ?? '',
    store: '',
    life,
    random: around.random,
    about: advertised(),
    onAbout: (peer, about) => urls.set(peer, about),
    onReport: (peer, report) => view?.hear(peer, report),
    limits: { frameBytesMax: config.limits.frameBytesMax },
    onNote: (note) => {
      const usual = note.type === 'linkUp' || note.type === 'linkDown'
      log[usual ? 'info' : 'warn']('peer link', { ...note })
    },
  })

  const tickMs = Math.min(TICK_MS_MAX, config.heartbeatMs)
  const ticks = (ms: number) => Math.max(1, Math.round(ms / tickMs))
  let aggregator: Aggregator | null = null
  let roleChanged = false
  const pace = new ChunkPace({ isBusy: (): boolean => hasUncommitted(replica), monotonicMs, sleep })
  const replica = await Replica.open<EntryOutcome>({
    config: {
      id: config.nodeId,
      members,
      life,
      seed: Math.floor(around.random() * Number.MAX_SAFE_INTEGER),
      heartbeatTicks: ticks(config.heartbeatMs),
      electionTicks: ticks(config.electionTimeoutMs),
      diskStallTicks: ticks(DISK_STALL_MS),
      messageBytesMax: MESSAGE_BYTES_MAX,
      inflightMessagesMax: INFLIGHT_MESSAGES_MAX,
      inflightBytesMax: INFLIGHT_BYTES_MAX,
      // The re-proposals of all nodes fit, or are let in bit by bit (DESIGN.md, rule 6).
      uncommittedBytesMax: members.length * config.limits.pendingBytesMax,
      applyBytesMax: APPLY_BYTES_MAX,
      memoryBytesMax: RECENT_ENTRIES_BYTES_MAX,
      spareStore: around.drawStoreId(),
    },
    log: new ObservedLog(diskLog, meters, monotonicMs),
    transport,
    stateMachine: new ObservedStateMachine(stateMachine, meters, monotonicMs),
    checkpointBytes: config.checkpointBytes,
    chunkBytesMax: CHUNK_BYTES_MAX,
    beforeChunk: (): Promise<void> => pace.turn(),
    diskHangTicks: ticks(DISK_HANG_MS),
    schedule: setImmediate,
    onFatal: around.onFatal,
    onTrace: (event) => {
      meters.trace(event)
      tell(log, event)
      if (ROLE_CHANGES.has(event.type)) roleChanged = true
    },
    onTurn: () => {
      aggregator?.moved()
      if (roleChanged) view?.look()
      roleChanged = false
    },
    onNote: (note) => log.info('log on disk', { note }),
  })
  aggregator = new Aggregator({
    nodeId: config.nodeId,
    replica,
    events: stateMachine,
    peerUrls: new Map(config.peers.map((peer) => [peer.id, peer.url])),
    clientUrl: (id) => (id === config.nodeId ? advertised() : (urls.get(id) ?? null)),
    fsync: config.fsync,
    entryBytesTarget: config.limits.entryBytesTarget,
    readyGraceMs: config.readyGraceMs,
    readyLagEntriesMax: config.limits.readyLagEntriesMax,
    wallMs: around.wallMs,
    monotonicMs,
    schedule: setImmediate,
    onLeader: () => {
      meters.leaderChanges += 1
    },
  })
  view = new ClusterView({
    backend: aggregator,
    monotonicMs,
    linked: (peer) => transport.stats().peers[peer]?.in ?? false,
    tell: (report) => transport.tell(report),
    redoneAt: replica.redoneAt,
    log,
  })
  const followers = new Followers({
    backend: aggregator,
    monotonicMs: around.monotonicMs,
    schedule: setImmediate,
    followersMax: config.limits.subscribersMax,
    log,
  })
  const delay = new EventLoopDelay(around.watchDelay, monotonicMs())
  const api: Api = {
    backend: aggregator,
    view,
    limits: config.limits,
    door: new Door(config.limits),
    meters,
    instruments: {
      version: around.version,
      eventLoopDelayMs: () => delay.read(),
      diskUsage: diskUsageOf({ log: logDirectory, store: stateDirectory }, monotonicMs),
      peerNotes: () => transport.stats().notes,
    },
    followers,
    corsOrigins: config.corsOrigins,
    publishDeadlineMs: config.publishDeadlineMs,
    wallMs: around.wallMs,
    monotonicMs,
    random: around.random,
    log,
  }
  const server = createApiServer(api, createApp(api), config.limits.connectionsMax)
  const clock = setInterval(() => {
    replica.tick()
    aggregator.tick()
    view.tick()
    delay.tick(monotonicMs())
  }, tickMs)
  const watch = await watchDirectory(logDirectory, around.onFatal)
  const parts = { aggregator, followers, replica, server, stateMachine, diskLog, clock, watch }
  try {
    await replica.join()
    await replica.whenApplied(replica.redoneAt, new AbortController().signal)
    const port = await server.listen(config.host, config.port)
    return { port, stop: once(() => stop(parts, around)) }
  } catch (error) {
    await closeAll(parts)
    throw error
  }
}

interface Parts {
  readonly aggregator: Aggregator
  readonly followers: Followers
  readonly replica: Replica<EntryOutcome>
  readonly server: ApiServer
  readonly stateMachine: DedupStateMachine
  readonly diskLog: LogOnDisk
  readonly clock: NodeJS.Timeout
  readonly watch: NodeJS.Timeout
}

/** Leadership is handed over first, so that what waits here is answered by the next leader. */
async function stop(parts: Parts, { log, monotonicMs }: Surroundings): Promise<void> {
  const { aggregator, followers, replica, server } = parts
  log.info('stopping')
  aggregator.stopTaking()
  const leads = () => replica.status().role === 'leader'
  if (leads() && replica.transferLeadership())
    await until(() => !leads(), monotonicMs() + HANDOVER_MS_MAX, monotonicMs)
  await until(() => aggregator.pending === 0, monotonicMs() + DRAIN_MS_MAX, monotonicMs)
  followers.close() // their streams end, and they go on at another node
  aggregator.giveUp()
  await server.close(DRAIN_MS_MAX)
  await replica.checkpoint()
  // The checkpoint's record is written by a turn of its own.
  await until(() => replica.idle, monotonicMs() + DRAIN_MS_MAX, monotonicMs)
  await closeAll(parts)
  log.info('stopped')
  log.flush()
}

async function closeAll({ clock, watch, replica, stateMachine, diskLog }: Parts): Promise<void> {
  clearInterval(clock)
  clearInterval(watch)
  await replica.stop()
  await diskLog.close()
  await stateMachine.close()
}

/** Looked at each turn of the event loop that a timer gives; at the end of the bound it goes on regardless. */
function until(holds: () => boolean, deadlineMs: number, nowMs: () => number): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (holds() || nowMs() >= deadlineMs) resolve()
      else setTimeout(look, 5)
    }
    look()
  })
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null
  return () => {
    done ??= work()
    return done
  }
}

/** Writes into a deleted directory succeed and are lost; only its name tells. */
async function watchDirectory(
  directory: string,
  onFatal: (error: unknown) => void,
): Promise<NodeJS.Timeout> {
  const { ino } = await stat(directory)
  const gone = () => onFatal(new Error(`the data directory ${directory} was removed or replaced`))
  return setInterval(() => {
    stat(directory).then((now) => {
      if (now.ino !== ino) gone()
    }, gone)
  }, DIRECTORY_CHECK_MS)
}

/** Elections, suspects and snapshots are told; what happens many times a second is not. */
const TOLD = new Set([
  'leader',
  'follower',
  'candidate',
  'preCandidate',
  'became member',
  'lost',
  'cleared',
  'pinned',
  'peer is suspect',
  'vouch',
  'refused',
  'transfer',
  'transfer given up',
  'hears no majority',
  'disk stalled, silent',
  'snapshot needed',
  'snapshot offered',
  'snapshot in force',
])

/** After one of these this node may have another role, or know another leader or none. */
const ROLE_CHANGES = new Set(['leader', 'follower', 'candidate', 'preCandidate'])

/** Entries are on their way to a majority: somebody publishes. */
function hasUncommitted(replica: Replica<EntryOutcome>): boolean {
  const { last, commit } = replica.glance()
  return last.index > commit
}

function tell(log: Log, { type, term, detail }: TraceEvent): void {
  if (TOLD.has(type)) log.info(`raft: ${type}`, { term, ...detail })
}
