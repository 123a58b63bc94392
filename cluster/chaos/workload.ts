// What chaos publishes: small events, now and then one that was sent before, sometimes under the same id with another
// content. From a seed, so that two runs differ only by what the cluster does.

import type { Event } from '../../client/contract/event.ts'
import { seededRandom } from '../publish/synthetic.ts'

export type ChaosEvent = Required<Omit<Event, 'timestamp'>>

export interface WorkloadOptions {
  readonly seed: number
  /** Share of events that were sent before, 0 to 1. */
  readonly duplicateShare: number
  /** Share of those that come with another content. */
  readonly conflictShare: number
}

/** Duplicates are drawn from so many of the latest events, acknowledged or not. */
const RECENT_MAX = 4_000
const BATCH_MAX = 20
const TOPICS = [
  'shop.orders',
  'shop.orders.paid',
  'shop.returns',
  'billing/invoices',
  'system.logs',
  'iot.sensors.heat',
] as const
const PATTERNS = ['shop.**', '*.orders', 'iot.>'] as const

export class Workload {
  readonly #options: WorkloadOptions
  readonly #random: () => number
  readonly #recent: ChaosEvent[] = []
  #count = 0

  constructor(options: WorkloadOptions) {
    this.#options = options
    this.#random = seededRandom(options.seed)
  }

  chance(share: number): boolean {
    return this.#random() < share
  }

  below(bound: number): number {
    return Math.floor(this.#random() * bound)
  }

  /** Mostly short ones. */
  batch(): ChaosEvent[] {
    const count = this.chance(0.5) ? 1 + this.below(3) : 1 + this.below(BATCH_MAX)
    return Array.from({ length: count }, () => this.#event())
  }

  /** One that was drawn before; null at the very start. */
  known(): ChaosEvent | null {
    return this.#recent[this.below(this.#recent.length)] ?? null
  }

  /** A topic, a pattern, or null for all. */
  topic(): string | null {
    const places = TOPICS.length + PATTERNS.length + 1
    return [...TOPICS, ...PATTERNS][this.below(places)] ?? null
  }

  #event(): ChaosEvent {
    const known = this.chance(this.#options.duplicateShare) ? this.known() : null
    if (known !== null) return this.#again(known)
    this.#count += 1
    const event: ChaosEvent = {
      topic: TOPICS[this.below(TOPICS.length)]!,
      event_id: `chaos-${this.#options.seed}-${this.#count}`,
      source: `service-${1 + this.below(50)}`,
      payload: { number: this.#count, note: 'x'.repeat(this.below(200)) },
    }
    this.#recent[this.#count % RECENT_MAX] = event
    return event
  }

  #again(event: ChaosEvent): ChaosEvent {
    if (!this.chance(this.#options.conflictShare)) return event
    return { ...event, payload: { ...event.payload, changed: 1 + this.below(3) } }
  }
}
