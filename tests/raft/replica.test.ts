// The driver by itself: what it does with a disk that refuses, with callers when it stops, and with promises.

import { expect, test } from 'vitest'
import type { RaftConfig } from '../../raft/core/config.ts'
import {
  type Checkpoint,
  type Entry,
  type EntryId,
  ORIGIN,
  type WireMessage,
} from '../../raft/core/types.ts'
import type {
  LoadedLog,
  LogStorage,
  LogWrite,
  StateMachine,
  Transport,
  TransportEvents,
} from '../../raft/ports.ts'
import { OutcomeUnknownError, Replica } from '../../raft/replica.ts'

const STORE = '1'.repeat(32)
/** What a store shows whose log, an empty one here, has lost its end. */
const BEYOND_LOG: EntryId = { index: 3, term: 1 }

const config = (members: readonly string[]): RaftConfig => ({
  id: 'n1',
  members,
  life: 7,
  seed: 1,
  heartbeatTicks: 1,
  electionTicks: 10,
  diskStallTicks: 20,
  messageBytesMax: 1e6,
  inflightMessagesMax: 8,
  inflightBytesMax: 1e6,
  uncommittedBytesMax: 1e6,
  applyBytesMax: 1e6,
  memoryBytesMax: 1e6,
  spareStore: '2'.repeat(32),
})

/** Writes end when the test says so. */
class HandLog implements LogStorage {
  readonly writes: LogWrite[] = []
  pending: PromiseWithResolvers<void> | null = null
  held = false
  checkpointDue = false
  readonly #members: readonly string[]

  constructor(members: readonly string[]) {
    this.#members = members
  }

  async load(): Promise<LoadedLog> {
    const pins = this.#members.slice(1).map((node) => ({ node, store: STORE }))
    return {
      identity: { store: STORE, members: this.#members, pins, member: true, configIndex: 0 },
      hardState: { term: 0, vote: null },
      checkpoint: null,
      base: ORIGIN,
      terms: [],
      entries: [],
      notes: [],
    }
  }

  append(write: LogWrite): Promise<void> {
    this.writes.push(write)
    if (!this.held) return Promise.resolve()
    this.pending = Promise.withResolvers<void>()
    return this.pending.promise
  }

  read = async () => 'compacted' as const
  removeBefore = async (index: number) => index
  bytesSinceCheckpoint = () => (this.checkpointDue ? 1_000 : 0)
  close = async () => {}
}

/** Answers each entry with its index. */
class CountingMachine implements StateMachine<number> {
  checkpoints = 0
  shown: EntryId = ORIGIN
  #applied = 0

  constructor() {
    this.storing.resolve()
  }

  shownApplied = () => this.shown
  redoFrom = async () => {}
  empty = async () => {
    this.shown = ORIGIN
  }
  async apply(entries: readonly Entry[]) {
    this.#applied = entries.at(-1)!.index
    return entries.map((entry) => (entry.type === 'normal' ? entry.index : null))
  }
  storing = Promise.withResolvers<void>()
  stored = () => this.storing.promise
  async checkpoint(): Promise<Checkpoint> {
    this.checkpoints += 1
    return { index: this.#applied, term: 1, state: new Uint8Array(0) }
  }
  offer = (): Checkpoint => ({ index: this.#applied, term: 1, state: new Uint8Array(0) })
  readChunk = async () => ({ next: 0, data: new Uint8Array(0) })
  beginInstall = async () => 0
  installChunk = async () => 0
  installComplete = () => false
  verifyInstall = async () => false
  restore = async () => {}
  close = async () => {}
}

class HandTransport implements Transport {
  readonly sent: WireMessage[] = []
  events: TransportEvents | null = null
  start = async (events: TransportEvents) => {
    this.events = events
  }
  send = (message: WireMessage) => {
    this.sent.push(message)
  }
  announced = ''
  announce = (store: string) => {
    this.announced = store
  }
  close = async () => {}
}

async function opened(members: readonly string[], shown: EntryId = ORIGIN) {
  const log = new HandLog(members)
  const transport = new HandTransport()
  const stateMachine = new CountingMachine()
  stateMachine.shown = shown
  const fatal: unknown[] = []
  const replica = await Replica.open<number>({
    config: config(members),
    log,
    transport,
    stateMachine,
    checkpointBytes: 100,
    chunkBytesMax: 1_000,
    diskHangTicks: 40,
    schedule: setImmediate,
    onFatal: (error) => fatal.push(error),
  })
  return { log, transport, stateMachine, replica, fatal }
}

async function world(members: readonly string[] = ['n1']) {
  const at = await opened(members)
  await at.replica.join()
  return at
}

/** All that can happen without another tick or the end of a held write has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function leading(at: Awaited<ReturnType<typeof world>>) {
  for (let tick = 0; tick < 30 && at.replica.status().role !== 'leader'; tick++) {
    at.replica.tick()
    await settled()
  }
  expect(at.replica.status().role).toBe('leader')
  return at
}

test('a proposal ends with what the state machine answered for its entry', async () => {
  const { replica } = await leading(await world())

  const { result, at } = await replica.propose(Uint8Array.of(1)).done

  expect(result).toBe(at.index)
})

test('a proposal ends when it is decided; what waits for the index ends when it is stored', async () => {
  const { replica, stateMachine, fatal } = await leading(await world())
  stateMachine.storing = Promise.withResolvers()
  const { at } = await replica.propose(Uint8Array.of(1)).done
  const second = replica.propose(Uint8Array.of(2)).done
  let ended = 0
  void second.then(() => ended++)
  void replica.whenApplied(at.index, new AbortController().signal).then(() => ended++)
  await settled()
  expect(ended).toBe(0)

  stateMachine.storing.resolve()
  await settled()
  expect(ended).toBe(2)
  stateMachine.storing = Promise.withResolvers()
  replica.propose(Uint8Array.of(3)).done.catch(() => {})
  await settled()
  stateMachine.storing.reject(new Error('no space left'))
  await settled()
  expect(fatal).toEqual([new Error('no space left')])
})

test('a write that fails is fatal, once, and nothing is done or said afterwards', async () => {
  const at = await leading(await world(['n1']))
  at.log.held = true
  const { done } = at.replica.propose(Uint8Array.of(1))
  done.catch(() => {})
  await settled()
  at.log.pending?.reject(new Error('EIO'))
  await settled()
  const { length } = at.log.writes
  at.replica.tick()
  await settled()

  expect(at.fatal).toEqual([new Error('EIO')])
  expect(at.log.writes).toHaveLength(length)
})

test('a vote leaves when it is durable, and not before', async () => {
  const { log, transport } = await world(['n1', 'n2', 'n3'])
  const { events } = transport
  events?.met('n2', STORE)
  const envelope = { from: 'n2', to: 'n1', term: 0 }
  events?.message({ ...envelope, type: 'Remembered', pinned: STORE, seen: null, commit: 0 })
  await settled()
  log.held = true
  events?.message({ ...envelope, term: 1, type: 'Vote', last: ORIGIN, force: false })
  await settled()
  const votes = () => transport.sent.filter((message) => message.type === 'VoteResp')

  expect(log.writes.at(-1)?.hardState).toEqual({ term: 1, vote: 'n2' })
  expect(votes()).toEqual([])
  log.pending?.resolve()
  await settled()
  expect(votes()).toMatchObject([{ to: 'n2', term: 1, granted: true }])
})

test('a disk that does not answer is fatal after its bound', async () => {
  const at = await leading(await world())
  at.log.held = true
  at.replica.propose(Uint8Array.of(1)).done.catch(() => {})
  await settled()
  for (let tick = 0; tick <= 40; tick++) at.replica.tick()

  expect(at.fatal).toMatchObject([{ name: 'DiskHangError' }])
})

test('a log that lost its end: the new store id is durable before the store that shows it is emptied, or a peer is met', async () => {
  const { log, stateMachine, transport, replica } = await opened(['n1', 'n2', 'n3'], BEYOND_LOG)
  log.held = true
  const joined = replica.join()
  await settled()

  expect(log.writes).toMatchObject([{ identity: { store: '2'.repeat(32), member: false } }])
  expect(stateMachine.shown).toEqual(BEYOND_LOG)
  expect(transport.events).toBeNull()
  log.pending?.resolve()
  await joined
  expect(stateMachine.shown).toEqual(ORIGIN)
  expect(transport.announced).toBe('2'.repeat(32))
  expect(transport.events).not.toBeNull()
})

test('a tick before a node joins puts nothing in motion', async () => {
  const { log, stateMachine, replica } = await opened(['n1', 'n2', 'n3'], BEYOND_LOG)
  for (let tick = 0; tick < 3; tick++) {
    replica.tick()
    await settled()
  }
  expect(log.writes).toEqual([])
  log.held = true
  const joined = replica.join()
  await settled()
  for (let tick = 0; tick < 3; tick++) {
    replica.tick()
    await settled()
  }

  expect(log.writes).toMatchObject([{ identity: { store: '2'.repeat(32), member: false } }])
  expect(stateMachine.shown).toEqual(BEYOND_LOG)
  log.pending?.resolve()
  await joined
  expect(stateMachine.shown).toEqual(ORIGIN)
})

test('a disk that does not answer while a node joins is fatal after the same bound', async () => {
  const { log, transport, replica, fatal } = await opened(['n1', 'n2', 'n3'], BEYOND_LOG)
  log.held = true
  void replica.join()
  await settled()
  for (let tick = 0; tick <= 40; tick++) replica.tick()

  expect(fatal).toMatchObject([{ name: 'DiskHangError' }])
  log.pending?.resolve()
  await settled()
  expect(transport.events).toBeNull()
})

test('whoever waits when it stops is told that the outcome is unknown, and so is whoever comes later', async () => {
  const at = await leading(await world())
  at.log.held = true
  const waiting = at.replica.propose(Uint8Array.of(1)).done
  const applied = at.replica.whenApplied(100, new AbortController().signal)
  const outcomes = Promise.allSettled([waiting, applied])
  await settled()
  await at.replica.stop()

  for (const outcome of await outcomes)
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(OutcomeUnknownError) })
  expect(() => at.replica.propose(Uint8Array.of(2))).toThrow(OutcomeUnknownError)
  const { signal } = new AbortController()
  await expect(at.replica.readIndex(signal)).rejects.toThrow(OutcomeUnknownError)
})

test('a wait for a read ends with the reason of its signal', async () => {
  const { replica } = await world(['n1', 'n2', 'n3'])
  const controller = new AbortController()
  const read = replica.readIndex(controller.signal)
  controller.abort(new Error('enough'))

  await expect(read).rejects.toThrow('enough')
})

test('a checkpoint is not taken again before anything new is applied', async () => {
  const at = await leading(await world())
  await at.replica.propose(Uint8Array.of(1)).done
  await settled()
  at.log.checkpointDue = true
  for (let tick = 0; tick < 5; tick++) {
    at.replica.tick()
    await settled()
  }

  expect(at.stateMachine.checkpoints).toBe(1)
})
