// The network between simulated nodes: what may happen to links and messages, and nothing that TCP rules out.
//
// A link is directed, as the real ones are: its sender dialled it. It is met before it carries anything, and lost
// before it is met again. Beyond that messages may vanish, come twice, late, in any order, in a burst after a clog,
// and, if told so, out of an earlier life of either end, as long as the sender still shows the same store.
//
// Messages are handed over as they are: they are immutable, and the codec has tests of its own.

import type { NodeId, StoreId, WireMessage } from '../../raft/core/types.ts'
import type { Transport, TransportEvents } from '../../raft/ports.ts'
import type { Stream } from './stream.ts'
import { MS, type World } from './world.ts'

/** What may happen to a message, and how often. Times in microseconds, rates from 0 to 1. */
export interface NetworkWeather {
  readonly latencyMinUs: number
  readonly latencyMeanUs: number
  readonly loss: number
  readonly repeat: number
  /** A repeated or reordered message comes later by up to this much. */
  readonly strayUs: number
  readonly reorder: number
  /** Messages of an earlier life still arrive. */
  readonly acrossLives: boolean
}

export const CLEAR: NetworkWeather = {
  latencyMinUs: 100,
  latencyMeanUs: 400,
  loss: 0,
  repeat: 0,
  strayUs: 0,
  reorder: 0,
  acrossLives: false,
}

/** Messages under way on one link; more are dropped, as a full queue drops them. */
const IN_FLIGHT_MAX = 4_096
const DIAL_MAX_US = 30 * MS

interface Connection {
  readonly sender: SimTransport
  readonly receiver: SimTransport
  readonly store: StoreId
  /** The receiver has met the sender on it. */
  met: boolean
  inFlight: number
  /** Nothing sent later arrives earlier, unless reordered. */
  lastArrivalUs: number
}

interface Link {
  readonly from: NodeId
  readonly to: NodeId
  connection: Connection | null
  /** The receiver believes the link is up: it must hear that it is lost before it meets anew. */
  known: SimTransport | null
  cut: boolean
  cutCount: number
  cloggedUntilUs: number
  dialling: boolean
}

/**
 * Runs an event in the process: at once, later if it is paused, or never if it is dead. `quiet`: it settles no promise.
 */
export type Enter = (run: () => void, quiet?: boolean) => void

export interface NetworkEvents {
  /** Before the message takes its way; for invariants about what leaves. */
  sent(message: WireMessage, sender: SimTransport): void
  dropped(message: WireMessage): void
  /** It has been handed to its receiver, who has taken it in unless it is paused. */
  arrived?(message: WireMessage): void
}

export class SimNetwork {
  weather: NetworkWeather = CLEAR
  /** A link that is cut for longer is lost by its receiver. */
  silenceUs = 300 * MS
  readonly #world: World
  readonly #random: Stream
  readonly #links: Link[] = []
  /** The same, by who sends and who hears. */
  readonly #linksFrom = new Map<NodeId, Map<NodeId, Link>>()
  readonly #nodes: readonly NodeId[]
  readonly #present = new Map<NodeId, SimTransport>()
  /** Messages that wait on their way, and how each arrives. */
  readonly #held = new Map<WireMessage, () => void>()
  readonly events: NetworkEvents
  sentCount = 0
  deliveredCount = 0
  /** Messages under way that may still add something: forwarded proposals, and what takes a longer way than others. */
  strays = 0

  constructor(
    world: World,
    nodes: readonly NodeId[],
    events: NetworkEvents = { sent: () => {}, dropped: () => {} },
  ) {
    this.#world = world
    this.#random = world.streams.network
    this.#nodes = nodes
    this.events = events
    for (const from of nodes) {
      const linksFrom = new Map<NodeId, Link>()
      this.#linksFrom.set(from, linksFrom)
      for (const to of nodes) if (from !== to) linksFrom.set(to, newLink(from, to))
      this.#links.push(...linksFrom.values())
    }
  }

  attach(id: NodeId, store: StoreId, enter: Enter): SimTransport {
    return new SimTransport(this, id, store, enter)
  }

  linked(from: NodeId, to: NodeId): boolean {
    return this.#link(from, to).connection?.met === true
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#link(from, to).cut
  }

  /** Nothing is cut or clogged. */
  get isWhole(): boolean {
    for (const link of this.#links)
      if (link.cut || link.cloggedUntilUs > this.#world.nowUs) return false
    return true
  }

  // ---- What happens to links ----

  /** One direction only. What is on its way is lost. */
  cut(from: NodeId, to: NodeId): void {
    const link = this.#link(from, to)
    if (link.cut) return
    link.cut = true
    const cutCount = ++link.cutCount
    this.#world.after(this.silenceUs, 'silence', () => {
      if (link.cut && link.cutCount === cutCount) this.#close(link)
    })
  }

  heal(from: NodeId, to: NodeId): void {
    const link = this.#link(from, to)
    link.cut = false
    this.#dial(link)
  }

  healAll(): void {
    this.#held.clear()
    for (const link of this.#links) {
      link.cloggedUntilUs = 0
      this.heal(link.from, link.to)
    }
  }

  /** Nothing arrives for so long; then all of it at once. */
  clog(from: NodeId, to: NodeId, forUs: number): void {
    const link = this.#link(from, to)
    link.cloggedUntilUs = Math.max(link.cloggedUntilUs, this.#world.nowUs + forUs)
  }

  /** The connection breaks and is made again. */
  reset(from: NodeId, to: NodeId): void {
    const link = this.#link(from, to)
    if (link.connection === null) return
    this.#close(link)
    this.#dial(link)
  }

  /** Said while the message is sent: it stays on its way until it is let go, and may then come out of an earlier life. */
  hold(message: WireMessage): void {
    this.#held.set(message, () => {})
  }

  letGo(message: WireMessage): void {
    this.#held.get(message)?.()
    this.#held.delete(message)
  }

  // ---- What transports ask ----

  started(transport: SimTransport): void {
    this.#present.set(transport.id, transport)
    for (const link of this.#linksOf(transport.id)) this.#dial(link)
  }

  announced(transport: SimTransport): void {
    for (const link of this.#linksOf(transport.id)) {
      if (link.from !== transport.id) continue
      this.#close(link)
      this.#dial(link)
    }
  }

  /** `silently`: the host is gone, so that peers hear nothing and find out by its silence. */
  ended(transport: SimTransport, silently: boolean): void {
    if (this.#present.get(transport.id) !== transport) return
    this.#present.delete(transport.id)
    for (const link of this.#linksOf(transport.id)) {
      if (link.to === transport.id) {
        link.connection = null
        link.known = null
        continue
      }
      if (!silently && !link.cut) this.#close(link)
      else {
        link.connection = null
        const known = link.known
        if (known === null) continue
        this.#world.after(this.silenceUs, 'silence', () => {
          if (link.connection === null && link.known === known) this.#tellLost(link)
        })
      }
    }
  }

  send(message: WireMessage, sender: SimTransport): void {
    const link = this.#linksFrom.get(message.from)?.get(message.to)
    if (link === undefined || message.from !== sender.id) return
    const connection = link.connection
    if (connection === null || !connection.met || connection.sender !== sender) {
      this.events.dropped(message)
      return
    }
    this.events.sent(message, sender)
    this.sentCount++
    if (this.#held.has(message)) {
      this.#held.set(message, () => this.#arrive(link, connection, message, true))
      return
    }
    const { weather } = this
    if (link.cut || connection.inFlight >= IN_FLIGHT_MAX || this.#random.chance(weather.loss)) {
      this.events.dropped(message)
      return
    }
    this.#fly(link, connection, message)
    if (this.#random.chance(weather.repeat)) {
      const strayUs = this.#random.float() * weather.strayUs
      this.strays++
      this.#world.after(this.#latencyUs() + strayUs, 'repeat', () => {
        this.strays--
        this.#arrive(link, connection, message)
      })
    }
  }

  // ---- Under way ----

  #fly(link: Link, connection: Connection, message: WireMessage): void {
    const { weather } = this
    const now = this.#world.nowUs
    let arrivalUs = now + Math.round(this.#latencyUs())
    if (link.cloggedUntilUs > now) arrivalUs += link.cloggedUntilUs - now
    const reordered = this.#random.chance(weather.reorder)
    const strays = reordered || message.type === 'Propose'
    if (strays) this.strays++
    if (reordered) {
      arrivalUs += Math.round(this.#random.float() * weather.strayUs)
    } else {
      arrivalUs = Math.max(arrivalUs, connection.lastArrivalUs)
      connection.lastArrivalUs = arrivalUs
    }
    connection.inFlight++
    this.#world.after(arrivalUs - now, message.type, () => {
      connection.inFlight--
      if (strays) this.strays--
      this.#arrive(link, connection, message)
    })
  }

  #latencyUs(): number {
    const { latencyMinUs, latencyMeanUs } = this.weather
    return latencyMinUs + this.#random.exponential(Math.max(1, latencyMeanUs - latencyMinUs))
  }

  #arrive(
    link: Link,
    connection: Connection,
    message: WireMessage,
    acrossLives = this.weather.acrossLives,
  ): void {
    const current = link.connection
    const fits =
      current === connection ||
      (acrossLives && current?.met === true && current.store === connection.store)
    if (link.cut || current === null || !fits) {
      this.events.dropped(message)
      return
    }
    this.deliveredCount++
    current.receiver.receive(message, current.store)
    this.events.arrived?.(message)
  }

  // ---- Links come and go ----

  #dial(link: Link): void {
    if (link.dialling || link.connection !== null || !this.#canConnect(link)) return
    link.dialling = true
    const delayUs = this.#latencyUs() + this.#random.float() * DIAL_MAX_US
    this.#world.after(delayUs, 'dial', () => {
      link.dialling = false
      if (link.connection === null && this.#canConnect(link)) this.#connect(link)
    })
  }

  /** A link that is cut one way still carries the other way: its acknowledgements take the open one. */
  #canConnect(link: Link): boolean {
    return !link.cut && this.#present.has(link.from) && this.#present.has(link.to)
  }

  #connect(link: Link): void {
    const sender = this.#present.get(link.from)!
    const receiver = this.#present.get(link.to)!
    const { store } = sender
    if (link.known === receiver) this.#tellLost(link)
    const connection: Connection = {
      sender,
      receiver,
      store,
      met: false,
      inFlight: 0,
      lastArrivalUs: 0,
    }
    link.connection = connection
    link.known = receiver
    receiver.hear(link.from, () => {
      connection.met = true
      receiver.met(link.from, store)
    })
  }

  #close(link: Link): void {
    if (link.connection === null) return
    link.connection = null
    this.#tellLost(link)
    // Whoever finds a link broken dials again by itself.
    this.#dial(link)
  }

  #tellLost(link: Link): void {
    const receiver = link.known
    link.known = null
    if (receiver !== null) receiver.hear(link.from, () => receiver.lost(link.from))
  }

  #link(from: NodeId, to: NodeId): Link {
    const link = this.#linksFrom.get(from)?.get(to)
    if (link === undefined) throw new RangeError(`no link from ${from} to ${to}`)
    return link
  }

  *#linksOf(id: NodeId): Generator<Link> {
    for (const other of this.#nodes) {
      if (other === id) continue
      yield this.#link(id, other)
      yield this.#link(other, id)
    }
  }
}

function newLink(from: NodeId, to: NodeId): Link {
  return {
    from,
    to,
    connection: null,
    known: null,
    cut: false,
    cutCount: 0,
    cloggedUntilUs: 0,
    dialling: false,
  }
}

/** One life's end of all its links. */
export class SimTransport implements Transport {
  readonly id: NodeId
  store: StoreId
  readonly enter: Enter
  readonly #network: SimNetwork
  #events: TransportEvents | null = null
  #closed = false
  /** From each peer's link, what a paused process has still to hear of it. */
  readonly #news = new Map<NodeId, (() => void)[]>()
  /** The store that each peer has shown last. */
  readonly #shown = new Map<NodeId, StoreId>()

  constructor(network: SimNetwork, id: NodeId, store: StoreId, enter: Enter) {
    this.#network = network
    this.id = id
    this.store = store
    this.enter = enter
  }

  async start(events: TransportEvents): Promise<void> {
    this.#events = events
    if (!this.#closed) this.#network.started(this)
  }

  send(message: WireMessage): void {
    if (!this.#closed) this.#network.send(message, this)
  }

  announce(store: StoreId): void {
    if (store === this.store || this.#closed) return
    this.store = store
    if (this.#events !== null) this.#network.announced(this)
  }

  async close(): Promise<void> {
    this.kill(false)
  }

  kill(silently: boolean): void {
    if (this.#closed) return
    this.#closed = true
    this.#network.ended(this, silently)
  }

  /** `store`: of the link that it comes on. A process that was paused may wake to another one. */
  receive(message: WireMessage, store: StoreId): void {
    const bulk = message.type === 'Chunk' || message.type === 'ChunkAsk'
    this.enter(() => {
      if (!this.#closed && this.#shown.get(message.from) === store) this.#events?.message(message)
    }, !bulk)
  }

  /** Whatever else a process mixes up that was paused: that a link is up or lost it hears in the order of events. */
  hear(peer: NodeId, news: () => void): void {
    const waiting = this.#news.get(peer) ?? []
    this.#news.set(peer, waiting)
    waiting.push(news)
    this.enter(() => waiting.shift()?.())
  }

  met(peer: NodeId, store: StoreId): void {
    this.#shown.set(peer, store)
    if (!this.#closed) this.#events?.met(peer, store)
  }

  lost(peer: NodeId): void {
    if (!this.#closed) this.#events?.lost(peer)
  }
}
