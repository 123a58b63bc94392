// What the state machine should answer, in the simplest way there is: one Map, one event at a time.

import type { TestEntry, TestEvent } from './logs.ts'

export interface Decided {
  readonly position: number
  readonly outcome: 'accepted' | 'duplicate' | 'conflict'
}

export interface ModelEvent {
  readonly position: number
  readonly topic: string
  readonly event_id: string
  readonly source: string
  readonly timestamp: string
  readonly payload: object
  readonly received_at: string
}

export class Model {
  readonly events: ModelEvent[] = []
  received = 0
  conflicts = 0
  #index = 0
  readonly #byId = new Map<string, ModelEvent>()

  /** null: an entry without events. */
  apply(entry: TestEntry): Decided[] | null {
    this.#index += 1
    return entry === 'noop' ? null : entry.map((event) => this.#decide(event))
  }

  get topics(): string[] {
    const names = [...new Set(this.events.map(({ topic }) => topic))]
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }

  #decide({ topic, event_id, source = '', timestamp, payload = {} }: TestEvent): Decided {
    this.received += 1
    const receivedAt = new Date(1_000 * this.#index).toISOString()
    const key = JSON.stringify([topic, event_id])
    const known = this.#byId.get(key)
    if (known !== undefined) {
      const same =
        JSON.stringify([known.source, known.payload]) === JSON.stringify([source, payload])
      if (!same) this.conflicts += 1
      return { position: known.position, outcome: same ? 'duplicate' : 'conflict' }
    }
    const position = this.events.length + 1
    const event = {
      ...{ position, topic, event_id, timestamp: timestamp ?? receivedAt, source, payload },
      received_at: receivedAt,
    }
    this.#byId.set(key, event)
    this.events.push(event)
    return { position, outcome: 'accepted' }
  }
}
