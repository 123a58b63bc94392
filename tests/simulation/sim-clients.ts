// Simulated clients: they publish through any node, again through others when nobody answered, the same event through
// two nodes at once, sometimes with another content, and read in every way there is. All they see goes to the ledger.
//
// A request is what an HTTP request is: it may be lost on its way, its answer too, the connection may break, the node
// may be down. Every try is a call of its own in the ledger; an unknown outcome is retried with the same ids.

import { contentHash } from '../../client/ledger/content-hash.ts'
import type {
  Answer,
  Counters,
  Request,
  SentEvent,
  ShownEvent,
} from '../../client/ledger/history.ts'
import type { Ledger } from '../../client/ledger/ledger.ts'
import { ledgerId } from '../../client/ledger/wire.ts'
import { ACCEPTED, CONFLICT, type EntryOutcome, type StoreStats } from '../../node/store/types.ts'
import type { Mark } from './marks.ts'
import type { Observed, Observer } from './observer.ts'
import {
  cloudEventOf,
  eventAt,
  isCloudEventId,
  isOfCloudEvents,
  readBody,
} from './sim-cloud-events.ts'
import type { Running, SimNode } from './sim-node.ts'
import type { Stream } from './stream.ts'
import { MS, type World } from './world.ts'

export interface Workload {
  readonly clients: number
  /** Mean pause of a client between two operations. */
  readonly thinkUs: number
  readonly topics: number
  /** Different event ids in each topic. */
  readonly ids: number
  readonly batchMax: number
  /** Bytes of padding in a payload, at most. */
  readonly paddingMax: number
  readonly reads: number
  readonly linearizable: number
  /** The same event is sent through two nodes at once. */
  readonly twice: number
  readonly otherContent: number
  /** A client sends many publishes through one node at once: windows fill, and logs get ends that others lack. */
  readonly burst: number
  /** A request, or its answer, is lost. */
  readonly loss: number
  readonly deadlineMs: number
  readonly triesMax: number
}

const PUBLISH_LIMITS = { batchEventsMax: 100, eventBytesMax: 64 * 1024, bodyBytesMax: 1024 * 1024 }
const LATENCY_US = 1 * MS
/** Codes that promise that nothing of the publish is stored. */
const NOT_STORED = new Set(['no_leader', 'stopping', 'rebuilding'])

export interface Event extends SentEvent {
  readonly json: string
}

interface Call {
  readonly number: number
  readonly node: SimNode
  readonly life: number
  settled: boolean
  readonly settle: (answer: Answer, lastPosition?: number) => void
}

export class SimClients implements Observer {
  readonly #world: World
  readonly #nodes: readonly SimNode[]
  readonly #ledger: Ledger
  readonly #workload: Workload
  readonly #random: Stream
  readonly #open = new Set<Call>()
  #running = false
  #loss: number
  #count = 0
  /** Operations answered, by kind of answer. */
  readonly answers = new Map<string, number>()
  readonly #reached: (mark: Mark) => void

  constructor(
    world: World,
    nodes: readonly SimNode[],
    ledger: Ledger,
    workload: Workload,
    reached: (mark: Mark) => void = () => {},
  ) {
    this.#reached = reached
    this.#world = world
    this.#nodes = nodes
    this.#ledger = ledger
    this.#workload = workload
    this.#loss = workload.loss
    this.#random = world.streams.workload
  }

  start(): void {
    this.#running = true
    for (let client = 0; client < this.#workload.clients; client++) this.#thinkThen(client)
  }

  /** Nothing new is begun, and requests are no longer lost on their way. */
  stop(): void {
    this.#running = false
    this.#loss = 0
  }

  get open(): number {
    return this.#open.size
  }

  /** Requests that wait at one of these nodes. */
  openAt(nodes: readonly SimNode[]): number {
    let open = 0
    for (const { node } of this.#open) if (nodes.includes(node)) open++
    return open
  }

  // ---- What they do ----

  #thinkThen(client: number): void {
    const us = this.#random.exponential(this.#workload.thinkUs)
    this.#world.after(us, 'client', () => {
      if (this.#running) this.#act(client).then(() => this.#thinkThen(client))
    })
  }

  async #act(client: number): Promise<void> {
    const random = this.#random
    const node = this.#anyNode(client)
    if (!random.chance(this.#workload.reads)) {
      if (random.chance(this.#workload.burst)) this.burst(node, random.between(3, 30))
      const events = this.#draw()
      if (random.chance(this.#workload.twice))
        this.publish(events, this.#anyNode(client)).catch((error) => this.#world.fail(error))
      return this.publish(events, node)
    }
    const consistency = random.chance(this.#workload.linearizable) ? 'linearizable' : 'local'
    const reading = { consistency } as const
    switch (random.below(4)) {
      case 0:
      case 1: {
        const [event] = this.#draw()
        const { topic, eventId } = event!
        await this.call({ type: 'get', topic, eventId, ...reading }, node)
        return
      }
      case 2: {
        const topic = random.chance(0.5) ? this.#topic() : null
        const after = random.chance(0.7) ? 0 : random.below(this.#count + 1)
        await this.call({ type: 'list', topic, after, ...reading }, node)
        return
      }
      default:
        await this.call({ type: 'stats', ...reading }, node)
    }
  }

  burst(node: SimNode, publishes: number): void {
    for (let i = 0; i < publishes; i++)
      this.publish(this.#draw(), node).catch((error) => this.#world.fail(error))
  }

  /** Somebody asks this node, and no other, for all that is acknowledged. */
  readAt(node: SimNode): void {
    const request = { type: 'stats', consistency: 'linearizable' } as const
    this.call(request, node).catch((error) => this.#world.fail(error))
  }

  /** Until somebody answers, or nobody has for too long. */
  async publish(events: readonly Event[], first: SimNode): Promise<void> {
    let node = first
    for (let tries = 0; tries < this.#workload.triesMax; tries++) {
      const answer = await this.call({ type: 'publish', events }, node, bodyOf(events))
      if (answer.type === 'published') return
      node = this.#random.pick(this.#nodes)
      const us = this.#random.exponential(100 * MS)
      await new Promise<void>((resolve) => this.#after(us, 'retry', resolve))
      if (!this.#running) return
    }
  }

  /** One try. */
  publishEvents(events: readonly Event[], node: SimNode): Promise<Answer> {
    return this.call({ type: 'publish', events }, node, bodyOf(events))
  }

  /** One try, with one new draw of events; `number` tells how many were answered. */
  async publishOnce(node: SimNode): Promise<{ number: number }> {
    const events = this.#draw()
    const answer = await this.call({ type: 'publish', events }, node, bodyOf(events))
    if (answer.type !== 'published') {
      const us = this.#random.exponential(100 * MS)
      await new Promise<void>((resolve) => this.#after(us, 'retry', resolve))
    }
    return { number: answer.type === 'published' ? events.length : 0 }
  }

  #draw(): readonly Event[] {
    const { batchMax, otherContent, paddingMax } = this.#workload
    const random = this.#random
    const count = random.chance(0.7) ? 1 : random.between(1, batchMax)
    const events = Array.from({ length: count }, () => {
      const eventId = `e${random.below(this.#workload.ids)}`
      const topic = this.#topic()
      const variant = random.chance(otherContent) ? random.between(1, 3) : 0
      const padding = 'x'.repeat((topic.length * 7 + eventId.length * 13) % (paddingMax + 1))
      const payload = { variant, padding }
      const source = variant === 2 ? 'elsewhere' : 'here'
      return { topic, eventId, source, payload }
    })
    const asCloudEvents = isCloudEventId(events[0]!.eventId)
    return events.map(({ topic, eventId, source, payload }) =>
      asCloudEvents
        ? cloudEventOf(topic, eventId, payload)
        : eventOf(topic, eventId, source, payload),
    )
  }

  #topic(): string {
    return `t.${this.#random.below(this.#workload.topics)}`
  }

  /** A client keeps to its node, mostly. */
  #anyNode(client: number): SimNode {
    if (this.#random.chance(0.3)) return this.#random.pick(this.#nodes)
    return this.#nodes[client % this.#nodes.length]!
  }

  // ---- One request ----

  /** Resolves with what the client learns. */
  call(request: Request, node: SimNode, body: string | null = null): Promise<Answer> {
    const { deadlineMs } = this.#workload
    const number = this.#ledger.call(request, this.#world.nowMs)
    this.#count++
    return new Promise((resolve) => {
      const life = node.life
      const call: Call = {
        number,
        node,
        life,
        settled: false,
        settle: (answer, lastPosition) => {
          if (call.settled) return
          call.settled = true
          this.#open.delete(call)
          this.#note(request, answer)
          const at = this.#world.nowMs
          const shown = lastPosition === undefined ? {} : { lastPosition }
          this.#ledger.return(number, answer, { at, node: node.id, life, ...shown })
          resolve(answer)
        },
      }
      this.#open.add(call)
      this.#after(deadlineMs * MS + 1_000 * MS, 'timeout', () => call.settle({ type: 'unknown' }))
      if (this.#random.chance(this.#loss)) return
      this.#after(this.#latencyUs(), 'request', () => this.#arrive(call, request, body))
    })
  }

  #arrive(call: Call, request: Request, body: string | null): void {
    const { node } = call
    const { running, process } = node
    if (running === null || node.life !== call.life) return call.settle({ type: 'refused' })
    process.enter(() => {
      if (call.settled) return
      node.waiting++
      this.#serve(node, running, request, body).then(
        ({ answer, lastPosition }) => {
          node.waiting--
          if (this.#random.chance(this.#loss)) return
          this.#after(this.#latencyUs(), 'answer', () => call.settle(answer, lastPosition))
        },
        (error) => this.#world.fail(error),
      )
    })
  }

  /** What the HTTP layer does between a request and its answer. */
  async #serve(
    node: SimNode,
    running: Running,
    request: Request,
    body: string | null,
  ): Promise<{ answer: Answer; lastPosition: number }> {
    const { aggregator, machine, replica } = running
    const deadlineMs = this.#world.nowMs + this.#workload.deadlineMs
    const told = (answer: Answer) => ({ answer, lastPosition: machine.stats().lastPosition })
    const refused = { answer: { type: 'refused' } as const, lastPosition: 0 }
    if (request.type === 'publish') {
      const batch = readBody(body!, PUBLISH_LIMITS, this.#world.nowMs)
      try {
        const outcome = await aggregator.publish(batch, deadlineMs)
        return told(published(outcome))
      } catch (error) {
        const { code } = error as { code?: string }
        if (code === 'outcome_unknown') return { answer: { type: 'unknown' }, lastPosition: 0 }
        if (NOT_STORED.has(code ?? '')) return refused
        throw error
      }
    }
    if (replica.rebuilding) return refused
    if (request.consistency === 'linearizable' && !(await aggregator.linearize(deadlineMs)))
      return refused
    if (replica.rebuilding || node.running !== running) return refused
    try {
      return told(await readFrom(machine, request))
    } catch (error) {
      if ((error as { code?: string }).code === 'rebuilding') return refused
      throw error
    }
  }

  /** A process that dies takes its connections with it. */
  died(observed: Observed): void {
    for (const call of this.#open) {
      if (call.node !== observed || call.life !== observed.life) continue
      this.#after(this.#latencyUs(), 'reset', () => call.settle({ type: 'unknown' }))
    }
  }

  #note(request: Request, answer: Answer): void {
    const kind = `${request.type} ${answer.type}`
    this.answers.set(kind, (this.answers.get(kind) ?? 0) + 1)
    this.#world.trace.note('client', kind)
    if (answer.type === 'published') {
      for (const outcome of answer.outcomes)
        if (outcome.type === 'accepted') {
          this.#reached('a publish is accepted')
          if (isOfCloudEvents(request)) this.#reached('a CloudEvent is accepted')
        } else if (outcome.type === 'duplicate') {
          this.#reached('a publish is a duplicate')
          if (outcome.conflict) this.#reached('a publish is a duplicate with other content')
        }
    } else if (request.type === 'publish') {
      if (answer.type === 'unknown') this.#reached('a publish has no known outcome')
      if (answer.type === 'refused') this.#reached('a publish is refused')
    } else if (answer.type === 'refused') this.#reached('a read is refused')
    else if (answer.type !== 'unknown' && request.consistency === 'linearizable')
      this.#reached('a linearizable read is answered')
  }

  #latencyUs(): number {
    return this.#random.exponential(LATENCY_US)
  }

  #after(us: number, label: string, run: () => void): void {
    this.#world.after(us, label, () => {
      this.#world.unsettled()
      run()
    })
  }
}

export function eventOf(topic: string, eventId: string, source: string, payload: object): Event {
  const json = JSON.stringify({ topic, event_id: eventId, source, payload })
  return remembered(DRAWN, json, () => {
    return { topic, eventId, hash: contentHash({ source, payload }), json }
  })
}

type ReadRequest = Exclude<Request, { type: 'publish' }>

export async function readFrom(machine: Running['machine'], request: ReadRequest): Promise<Answer> {
  switch (request.type) {
    case 'get': {
      const found = await eventAt(machine, request.topic, request.eventId)
      if (found === null) return { type: 'absent' }
      const { position, hash } = shownIn(found)
      return { type: 'present', position, hash }
    }
    case 'list': {
      const { topic, after } = request
      const query = { after, limit: 50, order: 'asc' as const }
      const page = await machine.page(topic === null ? query : { ...query, topic })
      return { type: 'page', events: page.events.map(shownIn), through: page.next }
    }
    case 'stats':
      return { type: 'counted', counters: countersOf(machine.stats()) }
  }
}

export function countersOf(stats: StoreStats): Counters {
  const { appliedIndex, received, unique, duplicates, conflicts, lastPosition, digest } = stats
  return { applied: appliedIndex, received, unique, duplicates, conflicts, lastPosition, digest }
}

export function shownIn(json: Uint8Array): ShownEvent {
  const text = Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString()
  return remembered(SHOWN, text, () => {
    const event = JSON.parse(text)
    const { topic, position } = event
    return { topic, eventId: ledgerId(event), position, hash: contentHash(event) }
  })
}

/** What a client computes is a function of the bytes alone, and it meets the same ones again and again. */
const SHOWN = new Map<string, ShownEvent>()
const DRAWN = new Map<string, Event>()
const REMEMBERED_MAX = 20_000

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  const before = known.get(key)
  if (before !== undefined) return before
  const made = make()
  if (known.size >= REMEMBERED_MAX) known.clear()
  known.set(key, made)
  return made
}

const bodyOf = (events: readonly Event[]): string => `[${events.map(({ json }) => json).join()}]`

function published({ positions, flags }: EntryOutcome): Answer {
  const outcomes = Array.from(positions, (position, i) =>
    flags[i] === ACCEPTED
      ? ({ type: 'accepted', position } as const)
      : ({ type: 'duplicate', position, conflict: flags[i] === CONFLICT } as const),
  )
  return { type: 'published', outcomes }
}
