// The replicated state machine: every event once, in one order, with what was decided about each copy.
//
// It decides nothing itself (decide.ts does) and serves no reader itself (queries.ts does): it keeps the order of
// effects. One batch a group; what is decided is answered while the batch is on its way, and who reads waits for it. A
// checkpoint is answered only when the store has proved that it holds; a snapshot is out of everyone's sight until it is
// verified and restored.
//
// LevelDB is trusted with nothing that a log has not promised: every start redoes from the checkpoint.

import { SekaliError } from '../../client/errors.ts'
import {
  type Checkpoint,
  type Entry,
  type EntryId,
  type Index,
  ORIGIN,
  type Term,
} from '../../raft/core/types.ts'
import { type StateMachine, StoreBehindError } from '../../raft/ports.ts'
import { openCommand } from '../command/format.ts'
import { clearContent, dropAbove, endsAt } from './content.ts'
import type { Decision } from './decide.ts'
import { DigestRing } from './digest-ring.ts'
import { scanDigest } from './digest-scan.ts'
import { FirstTopics } from './first-topics.ts'
import { Frontier } from './frontier.ts'
import { KeyFilter } from './key-filter.ts'
import { APPLIED_MARK, FORMAT_MARK, FORMAT_VERSION, INSTALL_MARK, REFILL_MARK } from './keys.ts'
import {
  decodeAppliedMark,
  decodeInstallMark,
  encodeAppliedMark,
  encodeInstallMark,
  type InstallMark,
} from './marks.ts'
import { StoreQueries } from './queries.ts'
import { readChunk } from './snapshot-chunk.ts'
import { SnapshotReceiver } from './snapshot-receiver.ts'
import type { MakeDurable, SortedStore } from './sorted-store.ts'
import { ForeignStoreError, StoreDamagedError } from './store-errors.ts'
import { decodeTotals, digestText, EMPTY_TOTALS, encodeTotals, type Totals } from './totals.ts'
import type {
  CloudEventId,
  Digest,
  DigestScan,
  EntryOutcome,
  EventBlock,
  EventId,
  EventReader,
  Page,
  PageQuery,
  RenderEvent,
  StoreStats,
  TopicsPage,
} from './types.ts'

const NOTHING_APPLIED: Checkpoint = { index: 0, term: 0, state: encodeTotals(EMPTY_TOTALS) }

export class DedupStateMachine implements StateMachine<EntryOutcome>, EventReader {
  readonly #store: SortedStore
  readonly #makeDurable: MakeDurable
  readonly #queries: StoreQueries
  readonly #ring: DigestRing
  readonly #firstTopics = new FirstTopics()

  #shownApplied: EntryId
  /** What stands in the store beside or above what is in force; null: nothing does. */
  #mark: InstallMark | null
  #frontier: Frontier
  #filter = new KeyFilter()
  #index: Index = 0
  #term: Term = 0
  /** Emptied, and not durable since: whatever index it shows, it may have holes below it. */
  #refilling: boolean
  #receiver: SnapshotReceiver | null = null
  #stats: StoreStats | null = null
  /** The batch of what was applied last. */
  #storing: Promise<void> = Promise.resolve()
  /** How often the store was emptied. */
  #lives = 0

  private constructor(
    store: SortedStore,
    makeDurable: MakeDurable,
    shownApplied: EntryId,
    mark: InstallMark | null,
    refilling: boolean,
    digestsNoted: number | undefined,
  ) {
    this.#ring = new DigestRing(digestsNoted)
    this.#store = store
    this.#makeDurable = makeDurable
    this.#shownApplied = shownApplied
    this.#mark = mark
    this.#refilling = refilling
    this.#frontier = new Frontier(store, this.#filter, EMPTY_TOTALS)
    this.#queries = new StoreQueries(store)
  }

  /** Over an open database with `view` encodings. Nothing is in force until redoFrom() or restore(). */
  static async open(
    store: SortedStore,
    makeDurable: MakeDurable,
    digestsNoted?: number,
  ): Promise<DedupStateMachine> {
    const marks = [APPLIED_MARK, INSTALL_MARK, REFILL_MARK]
    const [applied, mark, refill] = await store.getMany(marks)
    return new DedupStateMachine(
      store,
      makeDurable,
      applied === undefined ? ORIGIN : idOf(decodeAppliedMark(applied)),
      mark === undefined ? null : decodeInstallMark(mark),
      refill !== undefined,
      digestsNoted,
    )
  }

  shownApplied(): EntryId {
    return this.#shownApplied
  }

  async redoFrom(checkpoint: Checkpoint | null): Promise<void> {
    const start = checkpoint ?? NOTHING_APPLIED
    const totals = decodeTotals(start.state)
    if (this.#mark?.phase === 'emptying') await this.empty()
    if (!(await this.#holds(start, totals.position))) {
      throw new StoreBehindError(
        `the log promises position ${totals.position} at index ${start.index}; the store, which ` +
          `shows index ${this.#shownApplied.index}, does not hold it`,
      )
    }

    this.#receiver = null
    if (this.#mark?.phase === 'receiving') await this.#dropReceived(totals.position)
    await this.#enforce(start, totals)
    void this.#filter.fill(this.#store)
  }

  async empty(): Promise<void> {
    this.#lives += 1
    this.#receiver = null
    this.#filter.abandon()
    this.#filter = new KeyFilter()
    await this.#enforce(NOTHING_APPLIED, EMPTY_TOTALS)
    await this.#setRefilling(true)
    await this.#setMark({ phase: 'emptying', offer: NOTHING_APPLIED })
    await clearContent(this.#store)
    await this.#flush()

    const batch = this.#store.batch()
    batch.del(APPLIED_MARK)
    batch.del(INSTALL_MARK)
    await batch.write()
    this.#mark = null
    this.#shownApplied = ORIGIN
    void this.#filter.fill(this.#store)
  }

  async apply(entries: readonly Entry[]): Promise<readonly (EntryOutcome | null)[]> {
    const last = entries.at(-1)
    if (last === undefined) return []
    if (entries[0]!.index !== this.#index + 1) {
      throw new Error(`apply of index ${entries[0]!.index} after index ${this.#index}`)
    }
    await this.#storing
    await this.#settleInstall(last.index)

    const decision = await this.#decide(entries)
    const mark = { index: last.index, term: last.term, state: encodeTotals(decision.totalsAfter) }
    const before = this.#frontier.totals
    this.#storing = this.#frontier.advance(decision, APPLIED_MARK, encodeAppliedMark(mark))

    this.#index = last.index
    this.#term = last.term
    this.#shownApplied = idOf(last)
    this.#firstTopics.add(decision.newTopics)
    this.#stats = null
    this.#restartReceiver()

    let decided = 0
    return entries.map((entry) => {
      const outcome = entry.type === 'normal' ? decision.outcomes[decided++]! : null
      this.#ring.note(entry.index, (decision.totals[decided - 1] ?? before).digest)
      return outcome
    })
  }

  stored(): Promise<void> {
    return this.#storing
  }

  async checkpoint(): Promise<Checkpoint> {
    const checkpoint = this.offer()
    await this.#storing
    await this.#flush()
    if (this.#refilling) {
      await this.#setRefilling(false)
      // Else a power cut brings the mark back, and the store denies what the log is about to promise.
      await this.#flush()
    }
    return checkpoint
  }

  offer(): Checkpoint {
    return { index: this.#index, term: this.#term, state: encodeTotals(this.#frontier.totals) }
  }

  async readChunk(
    offer: Checkpoint,
    after: number,
    bytesMax: number,
  ): Promise<{ next: number; data: Uint8Array }> {
    await this.#storing
    return readChunk(this.#store, after, decodeTotals(offer.state).position, bytesMax)
  }

  async beginInstall(offer: Checkpoint): Promise<number> {
    if (this.#receiver?.retarget(offer) !== true) {
      if (this.#mark?.phase === 'receiving') await this.#dropReceived(this.#position)
      this.#receiver = new SnapshotReceiver(this.#store, this.#filter, this.#frontier.totals, offer)
    }
    return this.#receiver!.position
  }

  async installChunk(data: Uint8Array): Promise<number> {
    if (this.#receiver === null) return this.#position // a late one
    this.#mark = { phase: 'receiving', offer: this.#receiver.offer }
    await this.#receiver.add(data)
    return this.#receiver.position
  }

  installComplete(): boolean {
    return this.#receiver?.complete === true
  }

  async verifyInstall(): Promise<boolean> {
    if (this.#receiver === null) throw new Error('no install is under way')
    if (!this.#receiver.agrees()) {
      await this.empty()
      return false
    }
    await this.#setMark({ phase: 'verified', offer: this.#receiver.offer })
    return true
  }

  async restore(checkpoint: Checkpoint): Promise<void> {
    if (!this.#verified(checkpoint)) throw new Error('restore of what was not verified')
    this.#receiver = null
    await this.#enforce(checkpoint, decodeTotals(checkpoint.state))
  }

  close(): Promise<void> {
    this.#filter.abandon()
    return this.#store.close()
  }

  stats(): StoreStats {
    const totals = this.#frontier.totals
    this.#stats ??= {
      appliedIndex: this.#index,
      lastPosition: totals.position,
      received: totals.position + totals.duplicates,
      unique: totals.position,
      duplicates: totals.duplicates,
      conflicts: totals.conflicts,
      topics: this.#firstTopics.names(),
      topicsTotal: totals.topics,
      digest: digestText(totals.digest),
    }
    return this.#stats
  }

  digest(): Digest {
    return { index: this.#index, digest: digestText(this.#frontier.totals.digest) }
  }

  digestAt(index: Index): string | null {
    const digest = this.#ring.at(index)
    return digest === null ? null : digestText(digest)
  }

  page(query: PageQuery): Promise<Page> {
    return this.#read((position) => this.#queries.page(query, position))
  }

  block(after: number, bytesMax: number): Promise<EventBlock | null> {
    return this.#read((position) => this.#queries.block(after, bytesMax, position))
  }

  get(topic: string, eventId: string, render?: RenderEvent): Promise<Uint8Array | null> {
    return this.#read((position) => this.#queries.get(topic, eventId, position, render))
  }

  positionsOf(ids: readonly (EventId | CloudEventId)[]): Promise<readonly (number | null)[]> {
    return this.#read((position) => this.#queries.positionsOf(ids, position))
  }

  topics(after: string | null, limit: number): Promise<TopicsPage> {
    return this.#read((position) => this.#queries.topics(after, limit, position))
  }

  verifyDigest(): Promise<DigestScan> {
    const digest = this.digest()
    return this.#read((position) => scanDigest(this.#store, position, digest))
  }

  get #position(): number {
    return this.#frontier.totals.position
  }

  async #decide(entries: readonly Entry[]): Promise<Decision> {
    const normal = entries.filter((entry) => entry.type === 'normal')
    try {
      return await this.#frontier.decide(normal.map((entry) => openCommand(entry.data)))
    } catch (error) {
      if (error instanceof ForeignStoreError || error instanceof StoreDamagedError) {
        // The process will end on this; the next start finds the mark, and builds the store anew.
        await this.#setMark({ phase: 'emptying', offer: NOTHING_APPLIED })
      }
      throw error
    }
  }

  /** Did the store get as far as the log's checkpoint, by applying or by a verified snapshot? */
  async #holds(checkpoint: Checkpoint, position: number): Promise<boolean> {
    const applied = this.#shownApplied.index >= checkpoint.index
    const durable = !this.#refilling || checkpoint.index === 0
    const gotThere = (applied && durable) || this.#verified(checkpoint)
    return gotThere && (await endsAt(this.#store, position))
  }

  #verified({ index, term, state }: Checkpoint): boolean {
    if (this.#mark?.phase !== 'verified') return false
    const { offer } = this.#mark
    return offer.index === index && offer.term === term && Buffer.compare(offer.state, state) === 0
  }

  /** The checkpoint is what everyone sees from now on; nothing below it is looked at again. */
  async #enforce(checkpoint: Checkpoint, totals: Totals): Promise<void> {
    if (this.#verified(checkpoint)) {
      // One batch, so that the store shows at any time that it holds the checkpoint.
      const batch = this.#store.batch()
      batch.put(APPLIED_MARK, encodeAppliedMark(checkpoint))
      batch.del(INSTALL_MARK)
      batch.del(REFILL_MARK)
      await batch.write()
      this.#mark = null
      this.#refilling = false
      this.#shownApplied = idOf(checkpoint)
    }
    await this.#firstTopics.load(this.#store, totals.position)
    this.#frontier = new Frontier(this.#store, this.#filter, totals)
    this.#index = checkpoint.index
    this.#term = checkpoint.term
    this.#ring.forget()
    this.#ring.note(checkpoint.index, totals.digest)
    this.#stats = null
  }

  /**
   * The log goes on, up to `index`, while a snapshot is under way. What has been verified may stay until the log
   * has passed it. What has not is dropped, since entries must not be decided over it.
   */
  async #settleInstall(index: Index): Promise<void> {
    if (this.#mark?.phase === 'receiving') {
      await this.#dropReceived(this.#position)
    } else if (this.#mark !== null && index >= this.#mark.offer.index) {
      await this.#setMark(null)
      this.#receiver = null
    }
  }

  /** A transfer that is under way begins again behind what the log has brought meanwhile. */
  #restartReceiver(): void {
    if (this.#receiver === null || this.#mark !== null) return
    const { offer } = this.#receiver
    const ahead = decodeTotals(offer.state).position >= this.#position
    this.#receiver = ahead
      ? new SnapshotReceiver(this.#store, this.#filter, this.#frontier.totals, offer)
      : null
  }

  async #dropReceived(position: number): Promise<void> {
    await dropAbove(this.#store, position)
    await this.#flush()
    await this.#setMark(null)
  }

  /** A mark that is set is durable, with all that was written before it; one that is taken away need not be. */
  async #setMark(mark: InstallMark | null): Promise<void> {
    const batch = this.#store.batch()
    if (mark === null) batch.del(INSTALL_MARK)
    else batch.put(INSTALL_MARK, encodeInstallMark(mark))
    await batch.write()
    this.#mark = mark
    if (mark !== null) await this.#flush()
  }

  /** Set before a mark that is flushed; taken away only when all is durable. */
  async #setRefilling(refilling: boolean): Promise<void> {
    const batch = this.#store.batch()
    if (refilling) batch.put(REFILL_MARK, Uint8Array.of(FORMAT_VERSION))
    else batch.del(REFILL_MARK)
    await batch.write()
    this.#refilling = refilling
  }

  #flush(): Promise<void> {
    return this.#makeDurable(FORMAT_MARK, Uint8Array.of(FORMAT_VERSION))
  }

  /**
   * Of all that was answered before. A reader whose store was emptied under it is told so, whatever it found or stumbled
   * over: nothing is no answer.
   */
  async #read<T>(reading: (position: number) => Promise<T>): Promise<T> {
    const life = this.#lives
    const position = this.#position
    const [ended] = await Promise.allSettled([this.#storing.then(() => reading(position))])
    if (life !== this.#lives) {
      throw new SekaliError('rebuilding', 'the store was emptied while it was read')
    }
    if (ended.status === 'rejected') throw ended.reason
    return ended.value
  }
}

const idOf = ({ index, term }: EntryId): EntryId => ({ index, term })
