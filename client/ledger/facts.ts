// What is known of each event and of each position. Memory is per event, not per operation: once some publish of an
// event was told `accepted`, its position and content are settled, every later answer is judged on the spot, and what
// was kept to decide it is dropped.
//
// Keeps: an event has one position and a position one event; the first claim stands, every other is a violation.

import type { Owed, Shown } from './horizon.ts'
import { named, type Violations } from './violations.ts'

export class EventFacts {
  readonly topic: string
  readonly eventId: string
  /** 0 until known. */
  position = 0
  /** Of what is stored; null until known. */
  hash: string | null = null
  /** A publish of it was called. */
  sent = false
  /** A publisher was told `accepted` or `duplicate`. */
  acknowledged = false
  /** A publisher was told `accepted`. */
  accepted = false
  /** Tries whose outcome nobody saw. */
  unknown = 0
  /** Null once accepted. */
  open: OpenQuestions | null = { contents: [], absence: null }

  constructor(topic: string, eventId: string) {
    this.topic = topic
    this.eventId = eventId
  }
}

/** What decides, later, whether the answers about an event fit together. */
export interface OpenQuestions {
  /** One for each different content that was sent under this id. */
  readonly contents: SentContent[]
  /** Of all reads that found it absent, the one that owed most. */
  absence: Absence | null
}

export interface SentContent {
  readonly hash: string
  /** The earliest publish with an open outcome: it may be the one that stored the event. */
  inserter: { readonly calledAt: number; readonly shown: Shown } | null
  toldSame: boolean
  toldConflict: boolean
  refused: boolean
}

export interface Absence {
  readonly owed: Owed
  readonly node: string
  readonly calledAt: number
}

export class Facts {
  readonly #topics = new Map<string, Map<string, EventFacts>>()
  readonly #positions = new Map<number, EventFacts>()
  readonly #violations: Violations

  constructor(violations: Violations) {
    this.#violations = violations
  }

  of(topic: string, eventId: string): EventFacts {
    let events = this.#topics.get(topic)
    if (events === undefined) {
      events = new Map()
      this.#topics.set(topic, events)
    }
    let event = events.get(eventId)
    if (event === undefined) {
      event = new EventFacts(topic, eventId)
      events.set(eventId, event)
    }
    return event
  }

  at(position: number): EventFacts | undefined {
    return this.#positions.get(position)
  }

  *all(): Iterable<EventFacts> {
    for (const events of this.#topics.values()) yield* events.values()
  }

  /** Known positions of each topic, ascending. */
  positionsByTopic(): Map<string, number[]> {
    const byTopic = new Map<string, number[]>()
    for (const [topic, events] of this.#topics) {
      const positions = [...events.values()].map((event) => event.position).filter((p) => p > 0)
      byTopic.set(
        topic,
        positions.sort((a, b) => a - b),
      )
    }
    return byTopic
  }

  /** Somebody says that this event stands at this position. */
  place(event: EventFacts, position: number, saidBy: string): void {
    if (!Number.isSafeInteger(position) || position < 1) {
      this.#violations.add('malformed', `${saidBy}: ${position} is not a position.`)
      return
    }
    if (event.position === position) return
    if (event.position !== 0) {
      this.#violations.add(
        'two-positions',
        `${saidBy}: ${named(event)} stands at position ${position}, but it was at ${event.position} before.`,
      )
      return
    }
    event.position = position
    const other = this.#positions.get(position)
    if (other === undefined) this.#positions.set(position, event)
    else {
      this.#violations.add(
        'position-shared',
        `${saidBy}: ${named(event)} stands at position ${position}, where ${named(other)} was before.`,
      )
    }
    const absence = event.open?.absence
    if (absence) this.judgeAbsence(event, absence)
  }

  /** A read that found the event absent, once its position is known. */
  judgeAbsence(event: EventFacts, { owed, node, calledAt }: Absence): void {
    if (event.position > owed.position) return
    this.#violations.add(
      owed.rule,
      `A read at ${node}, called at ${calledAt}, found ${named(event)} absent, ` +
        `which stands at position ${event.position}, though ${owed.because}.`,
    )
  }
}
