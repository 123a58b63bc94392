// Correct histories by construction: one log, three nodes that apply it each at its own pace, clients whose calls, effects
// and returns are spread over time at random. What it lacks is everything that makes a cluster hard; what it
// has is every answer that a correct cluster may give.

import type { NodeContents } from '../../../client/ledger/final.ts'
import type {
  Answer,
  Counters,
  History,
  Operation,
  Outcome,
  Reading,
  Request,
  SentEvent,
  ShownEvent,
} from '../../../client/ledger/history.ts'
import { topicMatches } from '../../../client/ledger/lists.ts'
import { Random } from './random.ts'

export interface Run {
  readonly history: History
  readonly contents: readonly NodeContents[]
}

export interface Workload {
  readonly operations: number
  /** Different events, few: so that they collide. */
  readonly events: number
  /** False: publishes of one event and linearizable gets, each tried once; for the whole-store checker. */
  readonly everything: boolean
}

const TOPICS = ['orders', 'orders.eu', 'logs']
const PATTERNS = [null, 'orders', 'orders.**', 'orders.>', '*', 'logs', 'nothing']
const NODES = ['n1', 'n2', 'n3']

interface Node {
  readonly name: string
  life: number
  applied: number
}

/** A request on its way: it looks again and again whether its turn has come. */
interface Pending {
  readonly call: number
  readonly node: Node
  readonly life: number
  readonly request: Request
  /** Publish: the entry its outcome stands in. Linearizable read: the index it must see. */
  index: number | null
  readonly tries: number
  readonly fate: 'answered' | 'refused' | 'unknown'
}

export function correctRun(seed: number, workload: Workload): Run {
  return new TinyCluster(new Random(seed), workload).run()
}

class TinyCluster {
  readonly #random: Random
  readonly #workload: Workload
  readonly #nodes = NODES.map((name): Node => ({ name, life: 0, applied: 0 }))
  readonly #history: Operation[] = []
  readonly #pending: Pending[] = []
  /** Publishes of which nobody will hear, that may still come into the log. */
  #ghosts: (readonly SentEvent[])[] = []
  #now = 0

  // The log by index; entry 0 is the empty store.
  readonly #outcomes: (readonly Outcome[])[] = [[]]
  readonly #counters: Counters[] = [
    {
      applied: 0,
      received: 0,
      unique: 0,
      duplicates: 0,
      conflicts: 0,
      lastPosition: 0,
      digest: 'empty',
    },
  ]
  /** By position - 1. */
  readonly #stored: (ShownEvent & { readonly hash: string })[] = []

  constructor(random: Random, workload: Workload) {
    this.#random = random
    this.#workload = workload
  }

  run(): Run {
    let calls = 0
    while (calls < this.#workload.operations || this.#pending.length > 0) {
      this.#now += this.#random.below(3)
      if (calls < this.#workload.operations && this.#random.chance(0.3)) {
        this.#start()
        calls += 1
      }
      if (this.#pending.length > 0) this.#advance(this.#random.pick(this.#pending))
      const node = this.#random.pick(this.#nodes)
      if (node.applied < this.#lastIndex && this.#random.chance(0.6)) node.applied += 1
      if (this.#ghosts.length > 0 && this.#random.chance(0.1)) this.#append(this.#ghosts.pop()!)
      if (this.#workload.everything && this.#random.chance(0.01)) this.#restart(node)
    }
    while (this.#ghosts.length > 0 && this.#random.chance(0.5)) this.#append(this.#ghosts.pop()!)
    const counters = this.#counters.at(-1)!
    const contents = NODES.map((node) => ({ node, counters, events: [...this.#stored] }))
    return { history: this.#history, contents }
  }

  get #lastIndex(): number {
    return this.#counters.length - 1
  }

  #start(): void {
    const node = this.#random.pick(this.#nodes)
    const request = this.#request()
    const fates = ['answered', 'answered', 'answered', 'answered', 'refused', 'unknown'] as const
    const tries =
      this.#workload.everything && request.type === 'publish' && this.#random.chance(0.1) ? 2 : 1
    this.#pending.push({
      call: this.#now,
      node,
      life: node.life,
      request,
      index: null,
      tries,
      fate: this.#random.pick(fates),
    })
    // The first of two tries: it may be stored before the second, after it, or never.
    if (tries > 1 && request.type === 'publish' && this.#random.chance(0.7)) {
      this.#ghosts.push(request.events)
    }
  }

  #request(): Request {
    const random = this.#random
    const kind = random.below(10)
    if (!this.#workload.everything) {
      return kind < 6
        ? { type: 'publish', events: [this.#event()] }
        : { type: 'get', ...this.#identity(), consistency: 'linearizable' }
    }
    const reading: Reading = {
      consistency: random.pick(['local', 'linearizable']),
      ...(random.chance(0.2) && { minPosition: random.below(this.#stored.length + 1) }),
    }
    if (kind < 5) {
      return {
        type: 'publish',
        events: Array.from({ length: 1 + random.below(3) }, () => this.#event()),
      }
    }
    if (kind < 7) return { type: 'get', ...this.#identity(), ...reading }
    if (kind < 9) {
      const after = random.below(this.#stored.length + 1)
      return { type: 'list', topic: random.pick(PATTERNS), after, ...reading }
    }
    return { type: 'stats', ...reading }
  }

  #identity() {
    const number = this.#random.below(this.#workload.events)
    return { topic: TOPICS[number % TOPICS.length]!, eventId: `e${number}` }
  }

  #event(): SentEvent {
    return { ...this.#identity(), hash: this.#random.chance(0.8) ? 'same' : 'other' }
  }

  /** One step of one request: take effect, or be answered, if its turn has come. */
  #advance(pending: Pending): void {
    const { node, request, fate } = pending
    const crashed = node.life !== pending.life
    if (request.type === 'publish') {
      if (crashed || fate === 'unknown') {
        if (pending.index === null && this.#random.chance(0.5)) this.#ghosts.push(request.events)
        this.#answer(pending, { type: 'unknown' })
      } else if (fate === 'refused') this.#answer(pending, { type: 'refused' })
      else if (pending.index === null) pending.index = this.#append(request.events)
      else if (node.applied >= pending.index) {
        this.#answer(pending, { type: 'published', outcomes: this.#outcomes[pending.index]! })
      }
    } else if (crashed || fate === 'unknown') this.#answer(pending, { type: 'unknown' })
    else if (pending.index === null) {
      pending.index = request.consistency === 'linearizable' ? this.#lastIndex : 0
    } else if (
      node.applied >= pending.index &&
      this.#counters[node.applied]!.lastPosition >= (request.minPosition ?? 0)
    ) {
      this.#answer(pending, this.#read(request, node))
    }
  }

  #answer(pending: Pending, answer: Answer): void {
    const { call, node, life, request, tries } = pending
    this.#pending.splice(this.#pending.indexOf(pending), 1)
    // The answer was made now, and takes its time to arrive.
    this.#history.push({
      client: 'c1',
      node: node.name,
      life,
      tries,
      call,
      return: this.#now + this.#random.below(4),
      request,
      answer,
      ...(this.#workload.everything &&
        this.#random.chance(0.3) &&
        life === node.life && { lastPosition: this.#counters[node.applied]!.lastPosition }),
    })
  }

  #read(request: Exclude<Request, { type: 'publish' }>, node: Node): Answer {
    const counters = this.#counters[node.applied]!
    const here = this.#stored.slice(0, counters.lastPosition)
    if (request.type === 'stats') return { type: 'counted', counters }
    if (request.type === 'get') {
      const { topic, eventId } = request
      const found = here.find((event) => event.topic === topic && event.eventId === eventId)
      if (found === undefined) return { type: 'absent' }
      const hash = this.#random.chance(0.5) ? found.hash : null
      return { type: 'present', position: found.position, hash }
    }
    const { topic, after } = request
    const matching = here.filter(
      (event) => event.position > after && (topic === null || topicMatches(topic, event.topic)),
    )
    const limit = 1 + this.#random.below(4)
    if (matching.length <= limit) return { type: 'page', events: matching, through: null }
    const events = matching.slice(0, limit)
    // A page may look further than it shows, up to just before the next that matches.
    const through = this.#random.pick([events.at(-1)!.position, matching[limit]!.position - 1])
    return { type: 'page', events, through }
  }

  #append(events: readonly SentEvent[]): number {
    const counters = { ...this.#counters.at(-1)! }
    const outcomes = events.map((sent): Outcome => {
      counters.received += 1
      const first = this.#stored.find(
        (event) => event.topic === sent.topic && event.eventId === sent.eventId,
      )
      if (first !== undefined) {
        const conflict = first.hash !== sent.hash
        counters.duplicates += 1
        if (conflict) counters.conflicts += 1
        return { type: 'duplicate', position: first.position, conflict }
      }
      const position = this.#stored.length + 1
      this.#stored.push({ ...sent, position })
      counters.unique += 1
      counters.lastPosition = position
      return { type: 'accepted', position }
    })
    counters.applied += 1
    counters.digest = JSON.stringify(this.#stored.at(-1) ?? 'empty')
    this.#outcomes.push(outcomes)
    this.#counters.push(counters)
    return this.#lastIndex
  }

  /** The next life of a node may begin with less than the last one had shown. */
  #restart(node: Node): void {
    node.life += 1
    node.applied = this.#random.below(node.applied + 1)
  }
}
