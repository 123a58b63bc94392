// Everybody who follows the events of this node: each is given all that match, in order, once, from its own position on.
//
// Most stand at the *tail*: what is newly applied is read from the store once, rendered once for each filter, and the same
// bytes are given to all of them. Who cannot take more leaves the tail and costs nothing; when it can, it is *behind* and
// reads pages of its own (a few at a time among all, so that publishes go on) until it has reached the tail again. Nobody
// is dropped and nothing is kept for anybody: the store is the queue.
//
// Positions are the same on every node. Who asks for one that this node has not reached *waits* for it, and so does
// everybody while the store is being built again: nothing is skipped, nothing told twice.
//
// It has no timer: the backend says when anything has moved, its clock included.

import { SUBSCRIBE_HEARTBEAT_MS } from '../../client/contract/limits.ts'
import { SekaliError } from '../../client/errors.ts'
import type { Backend } from '../http/backend.ts'
import type { Log } from '../log.ts'
import type { EventBlock } from '../store/types.ts'
import { Channel } from './channel.ts'
import type { EventFormat } from './format.ts'
import { TopicRouter } from './topic-router.ts'

/** Bytes read from the store at once for all at the tail; what one entry accepted is not divided. */
const BLOCK_BYTES = 256 * 1024
/** Rendered bytes given at once to one at the tail: with one event, the most that can lie here for it. */
const GIVEN_BYTES_MAX = 512 * 1024
/** One page of who is behind, and how many such pages are read at the same time. */
const PAGE_EVENTS_MAX = 1_000
const PAGE_BYTES_MAX = 128 * 1024
const PAGE_SCAN_MAX = 4_000
const PAGES_AT_ONCE = 4
/** Giving something to one of them costs a system call. With many at the tail, more is gathered before it is given. */
const GIFTS_PER_SECOND = 10_000
/** So many are given something before whatever else has arrived gets its turn: publishes do not wait for all of them. */
const GIFTS_A_TURN = 32
const SWEEP_MS = 1_000

/** Where events go. It keeps nothing back: what it is given it has taken. */
export interface Sink {
  /** Called once, before anything else, when the follower did not say where it begins: it is told all above `position`. */
  begin(position: number): void
  /** Events up to `position`; false: nothing more is to be given until resume(). */
  take(events: Uint8Array, position: number): boolean
  /** Nothing was given for a while; all up to `position` has been (null: where it begins is not known yet). */
  idle(position: number | null): void
  /** No more will come: this node stops, or cannot read. */
  end(): void
}

export interface Wanted {
  /** A topic or a pattern; null: all. */
  readonly topic: string | null
  /** Excluded; null: what is accepted from now on. */
  readonly after: number | null
  readonly format: EventFormat
  /** Ended then, on the injected clock. Absent: never. */
  readonly deadlineMs?: number
}

/** How a follower speaks to us. */
export interface Following {
  /** The sink takes events again. */
  resume(): void
  close(): void
}

export interface FollowersOptions {
  readonly backend: Pick<Backend, 'events' | 'unready' | 'onMoved'>
  readonly monotonicMs: () => number
  /** Runs the work soon, after what has already arrived. */
  readonly schedule: (work: () => void) => void
  readonly followersMax: number
  readonly log: Pick<Log, 'error'>
}

/** tail: is given what arrives. behind: pages are read for it. waits: for the store. full: for its sink. */
type State = 'tail' | 'behind' | 'waits' | 'full' | 'closed'

interface Follower {
  readonly topic: string | null
  readonly sink: Sink
  /** While it stands at the tail, shared with all of the same key. */
  channel: Channel<Follower>
  readonly key: string
  state: State
  /** Given up to here; at the tail, `#tail` is. Null: not begun. */
  position: number | null
  givenMs: number
  readonly deadlineMs: number
}

export class Followers {
  readonly #options: FollowersOptions
  readonly #all = new Set<Follower>()
  readonly #waiting = new Set<Follower>()
  readonly #behind: Follower[] = []
  readonly #channels = new Map<string, Channel<Follower>>()
  readonly #router = new TopicRouter<Follower>()
  /** All at the tail have been given what they wanted up to here. */
  #tail = 0
  #atTail = 0
  #reading = false
  /** Some at the tail have not been given yet what they are counted to have. */
  #giving = false
  #dueMs = 0
  #sweptMs = 0
  /** Of the follower that ends first. */
  #deadlineMs = Number.POSITIVE_INFINITY
  #pages = 0
  #closed = false
  /** What everybody could read when those who wait were last looked at. */
  #seen: number | null = null

  constructor(options: FollowersOptions) {
    this.#options = options
    options.backend.onMoved(() => this.#moved())
  }

  get count(): number {
    return this.#all.size
  }

  /** Those who are given what arrives, as it arrives. */
  get countAtTail(): number {
    return this.#atTail
  }

  /** Throws SekaliError: overloaded, or bad_parameter for the topic. The sink is called later, never within. */
  follow(wanted: Wanted, sink: Sink): Following {
    const { topic, after, format, deadlineMs = Number.POSITIVE_INFINITY } = wanted
    const { followersMax, schedule } = this.#options
    if (this.#all.size >= followersMax) {
      throw new SekaliError('overloaded', 'as many follow this node already as it takes', {
        limit: { name: 'subscribersMax', value: followersMax },
      })
    }
    const follower: Follower = {
      topic,
      sink,
      channel: new Channel(topic, format),
      key: JSON.stringify([format.name, topic]),
      state: 'waits',
      position: after,
      givenMs: this.#options.monotonicMs(),
      deadlineMs,
    }
    this.#all.add(follower)
    this.#deadlineMs = Math.min(this.#deadlineMs, deadlineMs)
    schedule(() => {
      if (follower.state === 'closed') return
      if (this.#closed) this.#end(follower)
      else this.#place(follower)
    })
    return {
      resume: () => {
        if (follower.state === 'full') this.#place(follower)
      },
      close: () => this.#close(follower),
    }
  }

  /** Ends everybody's stream, and at once that of whoever still comes. */
  close(): void {
    this.#closed = true
    for (const follower of this.#all) this.#end(follower)
  }

  /** Up to where the store can be read; null: not at all now. */
  #readable(): number | null {
    const { backend } = this.#options
    return backend.unready().includes('rebuilding') ? null : backend.events.stats().lastPosition
  }

  #moved(): void {
    if (this.#all.size === 0) return
    const nowMs = this.#options.monotonicMs()
    const last = this.#readable()
    if (last !== this.#seen) {
      this.#seen = last
      this.#placeWaiting()
    }
    if (last !== null && last > this.#tail && this.#atTail > 0 && nowMs >= this.#dueMs) {
      void this.#readTail()
    }
    if (nowMs >= this.#deadlineMs) this.#endLate(nowMs)
    if (nowMs - this.#sweptMs >= SWEEP_MS && !this.#giving) this.#sweep(nowMs)
  }

  #placeWaiting(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const follower of waiting) this.#place(follower)
  }

  /** Finds out how a follower goes on. The only place that leads to the tail. */
  #place(follower: Follower): void {
    if (follower.state === 'closed') return
    const last = this.#readable()
    // With nobody there the tail is wherever the store is.
    if (this.#atTail === 0 && !this.#reading && last !== null) this.#tail = last
    if (last !== null && follower.position === null) {
      follower.position = last
      follower.givenMs = this.#options.monotonicMs()
      follower.sink.begin(last)
    }
    const { position } = follower
    if (last === null || position === null) this.#wait(follower)
    else if (position === this.#tail) this.#join(follower)
    else if (position < Math.min(this.#tail, last)) this.#fallBehind(follower)
    else this.#wait(follower)
  }

  #wait(follower: Follower): void {
    follower.state = 'waits'
    this.#waiting.add(follower)
  }

  #join(follower: Follower): void {
    const { channel, key } = follower
    const shared = this.#channels.get(key)
    if (shared === undefined) {
      this.#channels.set(key, channel)
      this.#router.add(channel)
    } else follower.channel = shared
    follower.channel.members.add(follower)
    follower.state = 'tail'
    this.#atTail += 1
  }

  /** Its position is that of the tail from here on. */
  #leave(follower: Follower): void {
    const { channel, key } = follower
    follower.position = this.#tail
    this.#atTail -= 1
    channel.members.delete(follower)
    if (channel.members.size > 0) return
    this.#channels.delete(key)
    this.#router.delete(channel)
    channel.take()
  }

  #fallBehind(follower: Follower): void {
    follower.state = 'behind'
    this.#behind.push(follower)
    this.#readPages()
  }

  #close(follower: Follower): void {
    if (follower.state === 'closed') return
    if (follower.state === 'tail') this.#leave(follower)
    follower.state = 'closed'
    this.#waiting.delete(follower)
    this.#all.delete(follower)
  }

  #end(follower: Follower): void {
    if (follower.state === 'closed') return
    this.#close(follower)
    follower.sink.end()
  }

  /** One at a time; block by block, until all has been given that was stored when it began. */
  async #readTail(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    try {
      const last = this.#readable()
      while (last !== null && this.#tail < last && this.#atTail > 0) {
        const block = await this.#options.backend.events.block(this.#tail, BLOCK_BYTES)
        if (block === null) break
        await this.#give(block)
      }
    } catch (error) {
      this.#failed(
        error,
        [...this.#all].filter((follower) => follower.state === 'tail'),
      )
    }
    this.#reading = false
    const gatherMs = Math.floor((this.#atTail * 1_000) / GIFTS_PER_SECOND)
    this.#dueMs = this.#options.monotonicMs() + gatherMs
    this.#placeWaiting()
    this.#moved() // what came meanwhile
  }

  async #give(block: EventBlock): Promise<void> {
    let bytes = 0
    for (const { walk, position } of block.events()) {
      if (bytes >= GIVEN_BYTES_MAX) {
        await this.#giveUpTo(position - 1)
        bytes = 0
        await this.#turn() // who has taken it all is back at the tail
        if (this.#atTail === 0) return
      }
      let format: EventFormat | null = null
      let rendered: Uint8Array = walk.bytes
      for (const channel of this.#router.of(walk)) {
        if (channel.format !== format) {
          format = channel.format
          rendered = format.render(walk, position)
          bytes += rendered.length
        }
        channel.add(rendered)
      }
    }
    await this.#giveUpTo(block.upTo)
  }

  /** Who is given something is settled in one step with the tail's moving on: who joins later has it already. */
  async #giveUpTo(position: number): Promise<void> {
    this.#tail = position
    this.#giving = true
    const gifts: { readonly events: Uint8Array; readonly members: readonly Follower[] }[] = []
    for (const channel of this.#channels.values()) {
      const events = channel.take()
      if (events !== null) gifts.push({ events, members: [...channel.members] })
    }
    let given = 0
    try {
      for (const { events, members } of gifts) {
        for (const follower of members) {
          given += 1
          if (given % GIFTS_A_TURN === 0) await this.#turn()
          this.#giveOne(follower, events)
        }
      }
    } finally {
      this.#giving = false
    }
  }

  #giveOne(follower: Follower, events: Uint8Array): void {
    if (follower.state !== 'tail') return // closed meanwhile
    follower.givenMs = this.#options.monotonicMs()
    if (follower.sink.take(events, this.#tail) || follower.state !== 'tail') return
    this.#leave(follower)
    follower.state = 'full'
  }

  /** Everything that has arrived meanwhile comes first. */
  #turn(): Promise<void> {
    return new Promise((resolve) => this.#options.schedule(resolve))
  }

  #readPages(): void {
    while (this.#pages < PAGES_AT_ONCE && this.#behind.length > 0) {
      const follower = this.#behind.shift()!
      if (follower.state === 'behind') void this.#readPage(follower)
    }
  }

  async #readPage(follower: Follower): Promise<void> {
    this.#pages += 1
    try {
      const upTo = Math.min(this.#readable() ?? 0, this.#tail)
      if (upTo <= follower.position!) this.#wait(follower)
      else await this.#givePage(follower, upTo)
    } catch (error) {
      this.#failed(error, [follower])
    }
    this.#pages -= 1
    this.#readPages()
  }

  async #givePage(follower: Follower, upTo: number): Promise<void> {
    const { topic, sink, channel } = follower
    const { events, reached } = await this.#options.backend.events.page({
      ...(topic !== null && { topic }),
      after: follower.position!,
      upTo,
      order: 'asc',
      limit: PAGE_EVENTS_MAX,
      bytesMax: PAGE_BYTES_MAX,
      scanMax: PAGE_SCAN_MAX,
      render: channel.format.render,
    })
    if (follower.state !== 'behind') return
    follower.position = reached
    if (events.length > 0) {
      follower.givenMs = this.#options.monotonicMs()
      if (!sink.take(Buffer.concat(events), reached)) {
        // It may have closed itself just now.
        if (follower.state === 'behind') follower.state = 'full'
        return
      }
    }
    if (follower.state === 'behind') this.#place(follower)
  }

  /** A store that was emptied while it was read comes back; anything else is a fault of ours, or of the disk. */
  #failed(error: unknown, followers: readonly Follower[]): void {
    if (error instanceof SekaliError && error.code === 'rebuilding') {
      for (const follower of followers) if (follower.state === 'behind') this.#wait(follower)
      return
    }
    const cause = error instanceof Error ? error.stack : String(error)
    this.#options.log.error('events cannot be followed', { cause })
    for (const follower of followers) this.#end(follower)
  }

  #endLate(nowMs: number): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY
    for (const follower of this.#all) {
      if (follower.deadlineMs <= nowMs) this.#end(follower)
      else this.#deadlineMs = Math.min(this.#deadlineMs, follower.deadlineMs)
    }
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs
    this.#placeWaiting()
    for (const follower of this.#all) {
      if (follower.state === 'full' || nowMs - follower.givenMs < SUBSCRIBE_HEARTBEAT_MS) continue
      follower.givenMs = nowMs
      follower.sink.idle(follower.state === 'tail' ? this.#tail : follower.position)
    }
  }
}
