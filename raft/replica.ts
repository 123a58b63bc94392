// The driver: turns a pure core into a running member by carrying its outputs to disk, network and state machine,
// and their completions back.
//
// It has no timer and reads no clock: somebody calls tick(). All that arrives between two turns is one batch; one
// log write is in flight, and what comes meanwhile is the next one; apply runs beside, in log order. A write or an
// apply that fails is fatal: after onFatal the replica does nothing any more (DESIGN.md, rule 3).
//
// Keeps: promises leave only when the write they rest on is durable; a new store id is announced before anything
// is said under it; what changes the state machine is never called twice at once (reads, offers and chunks run beside).

import type { RaftConfig } from './core/config.ts'
import { Raft } from './core/raft.ts'
import type {
  AppendTask,
  ApplyTask,
  BulkMessage,
  Bytes,
  Checkpoint,
  Entry,
  EntryId,
  Glance,
  Index,
  LocalMessage,
  ProposalId,
  ReadTask,
  Ready,
  Status,
  TraceEvent,
  WireMessage,
} from './core/types.ts'
import type { LoadedLog, LogStorage, StateMachine, Transport } from './ports.ts'
import { type Redone, redo } from './redo.ts'
import { SnapshotReceiver, SnapshotSender } from './snapshot-transfer.ts'

export interface ReplicaOptions<Result> {
  readonly config: RaftConfig
  readonly log: LogStorage
  readonly transport: Transport
  readonly stateMachine: StateMachine<Result>
  /** Bytes of log after which the state machine is made durable, so that older log can go. */
  readonly checkpointBytes: number
  readonly chunkBytesMax: number
  /** Awaited before a chunk is read for a peer that is behind: who gives may hold back. */
  readonly beforeChunk?: () => Promise<void>
  /** An own append unfinished for so long: the disk hangs, and the process ends. */
  readonly diskHangTicks: number
  /** Runs a turn soon, once, after all input that is already there (setImmediate, or the simulator's). */
  readonly schedule: (turn: () => void) => void
  /** Called once. Nothing may be trusted afterwards: the process has to end. */
  readonly onFatal: (error: unknown) => void
  readonly onTrace?: (event: TraceEvent) => void
  /** What recovery of the log did, in sentences. */
  readonly onNote?: (note: string) => void
  /** After each turn in which anything may have changed. */
  readonly onTurn?: () => void
}

/** How a proposal ends well: its entry, and what the state machine answered. */
export interface Committed<Result> {
  readonly at: EntryId
  readonly result: Result
}

export interface Proposal<Result> {
  readonly id: ProposalId
  readonly done: Promise<Committed<Result>>
}

/** A snapshot jumped over the proposal, or the replica stopped: it may or may not be in the log. */
export class OutcomeUnknownError extends Error {
  override readonly name = 'OutcomeUnknownError'
}

/** Never continue on a disk that does not answer. */
export class DiskHangError extends Error {
  override readonly name = 'DiskHangError'
}

interface Waiter<T> {
  resolve(value: T): void
  reject(error: Error): void
}

export class Replica<Result> {
  readonly #options: ReplicaOptions<Result>
  readonly #raft: Raft
  readonly #sender: SnapshotSender
  readonly #receiver: SnapshotReceiver
  readonly #proposals = new Map<number, Waiter<Committed<Result>>>()
  readonly #reads = new Map<number, Waiter<Index>>()
  #appliedWaiters: { index: Index; waiter: Waiter<void> }[] = []
  #applyChain: Promise<void> = Promise.resolve()
  #turnDue = false
  #checkpointing = false
  #checkpointIndex: Index = 0
  /** How long the append under way has taken; null: none is. */
  #appendTicks: number | null = null
  #stopped = false
  /** Before, there are no turns: a tick must not carry out what join() has to put in order. */
  #joined = false
  readonly #lostEnd: boolean
  #rebuilding: boolean
  /** How far this node had applied before it was started: behind that it would answer from its own past. */
  readonly redoneAt: Index
  #applied: Index
  /** The log's checkpoint at the start: a store that is redone from nothing has to pass it before the next one. */
  readonly #checkpointFound: Index
  #store: string

  /**
   * Loads log and store, and redoes what lies behind the last checkpoint; join() comes next. Rejects with LogDamageError, or
   * whatever the ports refuse to start with; nothing is running then.
   */
  static async open<Result>(options: ReplicaOptions<Result>): Promise<Replica<Result>> {
    const loaded = await options.log.load()
    for (const note of loaded.notes) options.onNote?.(note)
    return new Replica(options, loaded, await redo(options.log, options.stateMachine, loaded))
  }

  private constructor(options: ReplicaOptions<Result>, loaded: LoadedLog, found: Redone) {
    this.#options = options
    this.#raft = new Raft(options.config, { ...loaded, ...found })
    this.#lostEnd = found.lostEnd
    this.#rebuilding = found.rebuilding
    this.redoneAt = found.rebuilding ? 0 : found.commit
    this.#applied = found.rebuilding ? 0 : (found.checkpoint?.index ?? 0)
    this.#checkpointFound = loaded.checkpoint?.index ?? 0
    this.#store = loaded.identity.store
    this.#sender = new SnapshotSender(options.stateMachine, options.chunkBytesMax)
    this.#receiver = new SnapshotReceiver({
      stateMachine: options.stateMachine,
      self: options.config.id,
      send: (message) => options.transport.send(message),
      askAgainTicks: options.config.electionTicks,
      inOrder: (work) => this.#inApplyOrder(work),
      mayEmpty: () => this.#rebuilding,
      ended: (checkpoint) => this.#input({ type: 'SnapshotVerified', checkpoint }),
    })
  }

  /**
   * Meets the peers. A store id renewed by this start is durable before any of them hears of it, and before the store is
   * emptied that shows why. tick() may be called before: a disk that hangs here is found as at any other time.
   */
  async join(): Promise<void> {
    const ready = this.#raft.ready()
    if (ready.append !== null) await this.#append(ready.append)
    if (this.#stopped) return
    if (this.#lostEnd) await this.#inApplyOrder(() => this.#emptyStore())
    this.#options.transport.announce(this.#store)
    this.#joined = true
    this.#carryOut({ ...ready, append: null })
    await this.#options.transport.start({
      message: (message) => this.#onMessage(message),
      met: (peer, store) => this.#input({ type: 'PeerMet', peer, store }),
      lost: (peer) => this.#input({ type: 'PeerLost', peer }),
    })
    this.#wake()
  }

  async #emptyStore(): Promise<void> {
    const { stateMachine } = this.#options
    await stateMachine.empty()
    if (!this.#rebuilding) await stateMachine.redoFrom(null)
  }

  // ---- What the node above asks ----

  tick(): void {
    if (this.#stopped) return
    this.#guard(() => this.#raft.tick())
    this.#receiver.tick()
    if (this.#appendTicks !== null && ++this.#appendTicks > this.#options.diskHangTicks)
      this.#fatal(new DiskHangError('a write to the log has not returned; the disk hangs'))
    this.#maybeCheckpoint()
    this.#wake()
  }

  /** Ends when the entry is applied here, or with OutcomeUnknownError. */
  propose(data: Bytes): Proposal<Result> {
    if (this.#stopped) throw new OutcomeUnknownError('the replica has stopped')
    const id = this.#raft.propose(data)
    const done = new Promise<Committed<Result>>((resolve, reject) => {
      this.#proposals.set(id.count, { resolve, reject })
    })
    this.#wake()
    return { id, done }
  }

  /** Stops waiting. True: the proposal is in no log and never will be; false: nobody knows. */
  abandon(id: ProposalId): boolean {
    this.#proposals.delete(id.count)
    return this.#raft.abandon(id)
  }

  /** A linearizable read may look once this index is applied. `signal` ends the wait with its reason. */
  async readIndex(signal: AbortSignal): Promise<Index> {
    signal.throwIfAborted()
    if (this.#stopped) throw new OutcomeUnknownError('the replica has stopped')
    const ticket = this.#raft.readIndex()
    return this.#abortable<Index>(signal, (waiter) => {
      this.#reads.set(ticket, waiter)
      this.#wake()
      return () => {
        this.#reads.delete(ticket)
        this.#raft.cancelRead(ticket)
      }
    })
  }

  /** Resolves when the state machine here has applied `index`. */
  async whenApplied(index: Index, signal: AbortSignal): Promise<void> {
    if (this.#applied >= index) return
    signal.throwIfAborted()
    if (this.#stopped) throw new OutcomeUnknownError('the replica has stopped')
    await this.#abortable<void>(signal, (waiter) => {
      const entry = { index, waiter }
      this.#appliedWaiters.push(entry)
      return () => {
        this.#appliedWaiters = this.#appliedWaiters.filter((other) => other !== entry)
      }
    })
  }

  status(): Status {
    return this.#raft.status(this.#applied)
  }

  /** Without what it knows of its peers. */
  glance(): Glance {
    return this.#raft.glance(this.#applied)
  }

  /** The store was lost and is being filled by a peer: it must not be read. */
  get rebuilding(): boolean {
    return this.#rebuilding
  }

  /** Nothing is on its way to the disk, and nothing waits for a turn. */
  get idle(): boolean {
    return this.#appendTicks === null && !this.#turnDue
  }

  /** False if this node does not lead or nobody can take over. */
  transferLeadership(): boolean {
    const begun = this.#raft.transferLeadership()
    this.#wake()
    return begun
  }

  /** Makes the state machine durable now (before a clean stop), so that the next start has little to redo. */
  async checkpoint(): Promise<void> {
    if (this.#stopped || this.#rebuilding || this.#applied <= this.#checkpointFound) return
    await this.#inApplyOrder(async () => {
      const checkpoint = await this.#options.stateMachine.checkpoint()
      this.#input({ type: 'CheckpointTaken', checkpoint })
    })
  }

  /** Ends all waits as unknown and leaves the peers; log and state machine are the caller's to close. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    const error = new OutcomeUnknownError('the node stopped before the outcome was known')
    for (const waiter of this.#proposals.values()) waiter.reject(error)
    for (const waiter of this.#reads.values()) waiter.reject(error)
    for (const { waiter } of this.#appliedWaiters) waiter.reject(error)
    await this.#options.transport.close()
    await this.#applyChain.catch(() => undefined)
  }

  // ---- The turn ----

  #onMessage(message: WireMessage): void {
    if (this.#stopped) return
    if (message.type === 'ChunkAsk') this.#fatalIfRejected(this.#sendChunk(message))
    else if (message.type === 'Chunk') this.#fatalIfRejected(this.#receiver.chunk(message))
    else {
      this.#guard(() => this.#raft.step(message))
      this.#wake()
    }
  }

  #sendChunk(ask: BulkMessage & { type: 'ChunkAsk' }): Promise<void> {
    const { beforeChunk, transport } = this.#options
    return this.#sender.asked(ask, (message) => transport.send(message), beforeChunk)
  }

  #input(message: LocalMessage): void {
    if (this.#stopped) return
    this.#guard(() => this.#raft.step(message))
    this.#wake()
  }

  #wake(): void {
    if (this.#turnDue || this.#stopped || !this.#joined) return
    this.#turnDue = true
    this.#options.schedule(() => {
      this.#turnDue = false
      if (!this.#stopped) this.#guard(() => this.#carryOut(this.#raft.ready()))
    })
  }

  /** One turn. Nothing here waits: the order of these lines is the safety argument. */
  #carryOut(ready: Ready): void {
    for (const message of ready.messages) this.#options.transport.send(message)
    if (ready.append !== null) this.#fatalIfRejected(this.#append(ready.append))
    if (ready.restore !== null) this.#restore(ready.restore)
    if (ready.apply !== null) this.#apply(ready.apply)
    for (const task of ready.reads) this.#fatalIfRejected(this.#readEntries(task))
    for (const { peer, session } of ready.offers) {
      const checkpoint = this.#sender.offer(peer, session)
      this.#input({ type: 'OfferReady', peer, session, checkpoint })
    }
    if (ready.install !== null) this.#fatalIfRejected(this.#receiver.begin(ready.install))
    if (ready.removeBefore !== null) this.#fatalIfRejected(this.#removeBefore(ready.removeBefore))
    for (const { ticket, index } of ready.readStates) {
      if (index !== null) this.#reads.get(ticket)?.resolve(index)
      this.#reads.delete(ticket)
    }
    for (const { id } of ready.outcomes) this.#endUnknown(id)
    if (this.#options.onTrace !== undefined)
      for (const event of ready.trace) this.#options.onTrace(event)
    this.#options.onTurn?.()
  }

  async #append(task: AppendTask): Promise<void> {
    this.#appendTicks = 0
    await this.#options.log.append(task)
    this.#appendTicks = null
    if (this.#stopped) return
    if (task.identity !== null && task.identity.store !== this.#store) {
      this.#store = task.identity.store
      this.#options.transport.announce(this.#store)
    }
    for (const message of task.thenSend) this.#options.transport.send(message) // true only now
    this.#input({ type: 'AppendDone', seq: task.seq }) // the core counts itself only now
  }

  #apply(task: ApplyTask): void {
    const applied = this.#inApplyOrder(async () => {
      const results = await this.#options.stateMachine.apply(task.entries)
      for (const [i, entry] of task.entries.entries()) this.#settle(entry, results[i] as Result)
      await this.#options.stateMachine.stored()
      this.#input({ type: 'ApplyDone', seq: task.seq })
      this.#appliedTo(task.entries.at(-1)!.index)
    })
    this.#fatalIfRejected(applied)
  }

  #settle(entry: Entry, result: Result): void {
    const id = entry.proposal
    const { config } = this.#options
    if (id === null || id.node !== config.id || id.life !== config.life) return
    const waiter = this.#proposals.get(id.count)
    if (waiter === undefined) return
    this.#proposals.delete(id.count)
    waiter.resolve({ at: { index: entry.index, term: entry.term }, result })
  }

  #restore(checkpoint: Checkpoint): void {
    const restored = this.#inApplyOrder(async () => {
      await this.#options.stateMachine.restore(checkpoint)
      this.#rebuilding = false
      this.#appliedTo(checkpoint.index)
    })
    this.#fatalIfRejected(restored)
  }

  #appliedTo(applied: Index): void {
    this.#applied = applied
    this.#receiver.applied(applied)
    if (this.#appliedWaiters.length === 0) return
    const waiting = this.#appliedWaiters
    this.#appliedWaiters = waiting.filter(({ index }) => index > applied)
    for (const { index, waiter } of waiting) if (index <= applied) waiter.resolve()
  }

  async #readEntries(task: ReadTask): Promise<void> {
    const { peer, session, from } = task
    const entries = await this.#options.log.read(from, task.to, task.bytesMax)
    this.#input({ type: 'ReadDone', peer, session, from, entries })
  }

  async #removeBefore(index: Index): Promise<void> {
    const first = await this.#options.log.removeBefore(index)
    this.#input({ type: 'LogTrimmed', first })
  }

  #maybeCheckpoint(): void {
    if (this.#checkpointing || this.#receiver.busy || this.#rebuilding) return
    if (this.#options.log.bytesSinceCheckpoint() < this.#options.checkpointBytes) return
    // The record of the last one may still wait for a slow disk: another at the same place would bring nothing.
    if (this.#applied <= this.#checkpointIndex) return
    this.#checkpointing = true
    this.#checkpointIndex = this.#applied
    const done = this.checkpoint().then(() => {
      this.#checkpointing = false
    })
    this.#fatalIfRejected(done)
  }

  #endUnknown(id: ProposalId): void {
    const waiter = this.#proposals.get(id.count)
    this.#proposals.delete(id.count)
    waiter?.reject(new OutcomeUnknownError('a snapshot jumped over the proposal'))
  }

  // ---- Small things ----

  #inApplyOrder(work: () => Promise<void>): Promise<void> {
    this.#applyChain = this.#applyChain.then(() => (this.#stopped ? undefined : work()))
    return this.#applyChain
  }

  #abortable<T>(signal: AbortSignal, begin: (waiter: Waiter<T>) => () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const end = (settle: () => void) => {
        signal.removeEventListener('abort', onAbort)
        settle()
      }
      const cancel = begin({
        resolve: (value) => end(() => resolve(value)),
        reject: (error) => end(() => reject(error)),
      })
      const onAbort = () => {
        cancel()
        reject(signal.reason)
      }
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#fatal(error)
    }
  }

  #fatalIfRejected(work: Promise<void>): void {
    work.catch((error) => this.#fatal(error))
  }

  #fatal(error: unknown): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#options.onFatal(error)
  }
}
