// What the state machine should answer, in the simplest way there is: one Map, one event at a time.

import { cloudEventOf, type TestEntry, type TestEvent } from './logs.ts'

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
  readonly cloudevent?: true
}

export class Model {
  readonly events: ModelEvent[] = []
  received = 0
  conflicts = 0
  #index = 0
  readonly #byId = new Map<string, { readonly position: number; readonly content: string }>()

  /** null: an entry without events. */
  apply(entry: TestEntry): Decided[] | null {
    this.#index += 1
    return entry === 'noop' ? null : entry.map((event) => this.#decide(event))
  }

  get topics(): string[] {
    const names = [...new Set(this.events.map(({ topic }) => topic))]
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }

  #decide(sent: TestEvent): Decided {
    const { topic, event_id, source = '', timestamp, payload = {}, cloudevent } = sent
    this.received += 1
    const receivedAt = new Date(1_000 * this.#index).toISOString()
    const key = JSON.stringify(cloudevent ? ['source', source, event_id] : [topic, event_id])
    const content = JSON.stringify([topic, source, payload])
    const known = this.#byId.get(key)
    if (known !== undefined) {
      const same = known.content === content
      if (!same) this.conflicts += 1
      return { position: known.position, outcome: same ? 'duplicate' : 'conflict' }
    }
    const position = this.events.length + 1
    this.#byId.set(key, { position, content })
    this.events.push({
      ...{ position, topic, event_id, timestamp: timestamp ?? receivedAt, source },
      payload: cloudevent ? cloudEventOf(sent) : payload,
      received_at: receivedAt,
      ...(cloudevent && { cloudevent }),
    })
    return { position, outcome: 'accepted' }
  }
}
