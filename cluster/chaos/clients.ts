// The clients of a chaos run, all at once: plain HTTP to each node, the SDK to the cluster, and readers. Each does one
// thing after another at a steady pace, and tells the recorder what it sent and what it saw.
//
// A plain client keeps to its node and never retries by itself: what it sees is that node's own doing. Whatever was left
// open it sends again through the next node, under the same ids, as anybody would.

import { storedEventSchema } from '../../client/contract/event.ts'
import { eventsPageSchema } from '../../client/contract/read.ts'
import { statsSchema } from '../../client/contract/state.ts'
import type {
  Answer as LedgerAnswer,
  PublishRequest,
  Request,
} from '../../client/ledger/history.ts'
import { countersOf, sentEvent, shownEvent } from '../../client/ledger/wire.ts'
import { type Answer, failureText, type NodeClient } from '../http.ts'
import { errorKind, lostOutcome, publishOutcome } from '../ledger-answer.ts'
import type { Recorder, Returned } from './recorder.ts'
import type { ChaosEvent, Workload } from './workload.ts'

/** What one call of the SDK came to. Never rejects: an error is an answer, too. */
export interface SdkOutcome {
  readonly answer: LedgerAnswer
  /** How often it was sent, as far as a try may have taken effect. */
  readonly tries: number
  readonly error: string | null
}

/** One publisher that uses the SDK; it has one call at a time. */
export interface SdkPublisher {
  publish(events: readonly ChaosEvent[]): Promise<SdkOutcome>
  close(): Promise<void>
}

export interface ClientPorts {
  readonly nodes: readonly NodeClient[]
  readonly ids: readonly string[]
  readonly sdks: readonly SdkPublisher[]
  readonly recorder: Recorder
  readonly workload: Workload
  now(): number
  sleep(ms: number): Promise<void>
}

export interface ClientOptions {
  /** Events a second that all publishers together try for. */
  readonly rate: number
  readonly publishersPerNode: number
  /** Reads a second, of each node. */
  readonly readsPerNode: number
  /** False where a node may be started again without our knowledge: it may then show less than before. */
  readonly localReads: boolean
}

/** An event is sent through two nodes at the same instant. */
const TWICE_SHARE = 0.05
/** The mean of what Workload draws: (2 + 10.5) / 2. */
const BATCH_MEAN = 6.25
/** After an error a client waits a little: a node that is down answers at once. */
const ERROR_PAUSE_MS = 100
const PAGE_EVENTS = 50
/** Above the node's own deadline of 10 s. */
const TIMEOUT_MS = 12_000

export class Clients {
  readonly #ports: ClientPorts
  readonly #options: ClientOptions
  readonly #loops: Promise<void>[] = []
  #stopped = false
  /** The last position any publish was told. */
  #position = 0

  constructor(ports: ClientPorts, options: ClientOptions) {
    this.#ports = ports
    this.#options = options
  }

  start(): void {
    const { nodes, sdks } = this.#ports
    const { rate, publishersPerNode, readsPerNode } = this.#options
    const publishers = nodes.length * publishersPerNode + sdks.length
    const publishEveryMs = (1_000 * BATCH_MEAN * publishers) / rate
    for (const place of nodes.keys()) {
      for (let number = 0; number < publishersPerNode; number += 1) {
        this.#loop(publishEveryMs, () => this.#publish(place))
      }
      this.#loop(1_000 / readsPerNode, () => this.#read(place))
    }
    for (const sdk of sdks) this.#loop(publishEveryMs, () => this.#publishBySdk(sdk))
  }

  /** Resolves when the last answer has come, or is not waited for any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
  }

  #loop(everyMs: number, act: () => Promise<unknown>): void {
    const run = async (): Promise<void> => {
      // Not all at the same instant.
      let nextMs = this.#ports.now() + everyMs * Math.random()
      while (!this.#stopped) {
        await act()
        // One that was held up does not make up for it in a burst.
        nextMs = Math.max(this.#ports.now(), nextMs + everyMs)
        const waitMs = nextMs - this.#ports.now()
        if (waitMs > 0) await this.#ports.sleep(waitMs)
      }
    }
    this.#loops.push(run())
  }

  async #publish(place: number): Promise<void> {
    const events = this.#ports.workload.batch()
    const other = (place + 1) % this.#ports.nodes.length
    const twice = this.#ports.workload.chance(TWICE_SHARE)
    const tries = [this.#publishThrough(place, events)]
    if (twice) tries.push(this.#publishThrough(other, events))
    const [known] = await Promise.all(tries)
    if (!known) await this.#settle(other, events)
  }

  /** Until somebody answers, or the run is over: the ledger can judge an open outcome, but a known one tells more. */
  async #settle(first: number, events: readonly ChaosEvent[]): Promise<void> {
    const { nodes, sleep } = this.#ports
    for (let place = first; !this.#stopped; place = (place + 1) % nodes.length) {
      await sleep(ERROR_PAUSE_MS)
      if (await this.#publishThrough(place, events)) return
    }
  }

  /** True when the outcome of every event is known. */
  async #publishThrough(place: number, events: readonly ChaosEvent[]): Promise<boolean> {
    const { nodes, ids, recorder } = this.#ports
    const call = recorder.call('http', publishRequest(events))
    const sentTo = ids[place]!
    let returned: Returned
    try {
      const answer = await nodes[place]!.publish(JSON.stringify({ events }), TIMEOUT_MS)
      const outcome = publishOutcome(answer, events)
      const error = outcome.type === 'published' ? null : errorKind(answer)
      returned = { answer: outcome, ...toldBy(answer), error, sentTo }
    } catch (error) {
      returned = { answer: lostOutcome(error), node: '', error: failureText(error), sentTo }
    }
    recorder.return(call, returned)
    this.#notePositions(returned.answer)
    return returned.answer.type === 'published'
  }

  async #publishBySdk(sdk: SdkPublisher): Promise<void> {
    const { recorder, workload } = this.#ports
    const events = workload.batch()
    const call = recorder.call('sdk', publishRequest(events))
    const { answer, tries, error } = await sdk.publish(events)
    recorder.return(call, { answer, node: '', tries, error, sentTo: null })
    this.#notePositions(answer)
  }

  async #read(place: number): Promise<void> {
    const { nodes, ids, recorder, workload } = this.#ports
    const reading = this.#reading()
    const draw = workload.below(10)
    const known = workload.known()
    const { request, path, read } =
      draw < 5 && known !== null
        ? getOf(known, reading)
        : draw < 8
          ? listOf(workload.topic(), workload.below(this.#position + 1), reading)
          : statsOf(reading)
    const call = recorder.call('read', request)
    const sentTo = ids[place]!
    try {
      const answer = await nodes[place]!.request('GET', path, null, TIMEOUT_MS)
      const learnt = read(answer)
      const error = learnt === null ? errorKind(answer) : null
      recorder.return(call, { answer: learnt ?? REFUSED, ...toldBy(answer), error, sentTo })
      if (error !== null) await this.#ports.sleep(ERROR_PAUSE_MS)
    } catch (error) {
      recorder.return(call, { answer: REFUSED, node: '', error: failureText(error), sentTo })
      await this.#ports.sleep(ERROR_PAUSE_MS)
    }
  }

  #reading(): Reading {
    const { workload } = this.#ports
    const local = this.#options.localReads && workload.chance(0.5)
    // What was told by one node, asked of another: it waits until it has got there.
    const minPosition = workload.chance(0.2) ? this.#position : 0
    return {
      consistency: local ? 'local' : 'linearizable',
      ...(minPosition > 0 && { minPosition }),
    }
  }

  #notePositions(answer: LedgerAnswer): void {
    if (answer.type !== 'published') return
    for (const outcome of answer.outcomes) {
      if ('position' in outcome) this.#position = Math.max(this.#position, outcome.position)
    }
  }
}

interface Reading {
  readonly consistency: 'local' | 'linearizable'
  readonly minPosition?: number
}

interface Read {
  readonly request: Request
  readonly path: string
  /** Null: the answer is an error. */
  readonly read: (answer: Answer) => LedgerAnswer | null
}

const REFUSED: LedgerAnswer = { type: 'refused' }

function getOf({ topic, event_id: eventId }: ChaosEvent, reading: Reading): Read {
  return {
    request: { type: 'get', topic, eventId, ...reading },
    path: `/events/${encodeURIComponent(topic)}/${encodeURIComponent(eventId)}?${queryOf(reading)}`,
    read: (answer) => {
      if (errorKind(answer) === '404 event_not_found') return { type: 'absent' }
      if (answer.status !== 200) return null
      const { position, hash } = shownEvent(storedEventSchema.parse(answer.body))
      return { type: 'present', position, hash }
    },
  }
}

function listOf(topic: string | null, after: number, reading: Reading): Read {
  const about = topic === null ? '' : `topic=${encodeURIComponent(topic)}&`
  return {
    request: { type: 'list', topic, after, ...reading },
    path: `/events?${about}after=${after}&limit=${PAGE_EVENTS}&${queryOf(reading)}`,
    read: ({ status, body }) => {
      if (status !== 200) return null
      const { events, next } = eventsPageSchema.parse(body)
      return {
        type: 'page',
        events: events.map(shownEvent),
        through: next === null ? null : Number(next),
      }
    },
  }
}

function statsOf(reading: Reading): Read {
  return {
    request: { type: 'stats', ...reading },
    path: `/stats?${queryOf(reading)}`,
    read: ({ status, body }) =>
      status === 200 ? { type: 'counted', counters: countersOf(statsSchema.parse(body)) } : null,
  }
}

function queryOf({ consistency, minPosition }: Reading): string {
  return minPosition === undefined
    ? `consistency=${consistency}`
    : `consistency=${consistency}&min_position=${minPosition}`
}

function publishRequest(events: readonly ChaosEvent[]): PublishRequest {
  return { type: 'publish', events: events.map(sentEvent) }
}

function toldBy({ node, position }: Answer): { node: string; lastPosition?: number } {
  return { node: node ?? '', ...(position !== null && { lastPosition: position }) }
}
