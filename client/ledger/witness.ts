// The witness check: the positions that nodes answer with claim to be the order in which everything happened, so the
// history is correct exactly when that one order fits the times. No search is needed. Per position p the instant of
// storing lies between the call of the publish that stored it and the return of whoever showed p or a larger position;
// the horizon at a call is that upper bound, kept as the run goes, so each answer costs O(1).
//
// Publishes of which nobody knows the outcome are settled at the end: an event that is found was stored by one of them
// that fits; an event that is found nowhere needs none.

import type { EventFacts, Facts, SentContent } from './facts.ts'
import type { SentEvent } from './history.ts'
import { hadShown, type Owed, type Shown } from './horizon.ts'
import { named, type Violations } from './violations.ts'

/** The publish an outcome belongs to. */
export interface PublishContext {
  readonly node: string
  readonly calledAt: number
  /** What had been shown, anywhere, before it was called. */
  readonly shown: Shown
}

export class Witness {
  /** Different events of which a publish was called. */
  eventsSent = 0
  /** Different events that were shown though nobody had sent them. */
  phantoms = 0
  readonly #facts: Facts
  readonly #violations: Violations
  readonly #exclusive: boolean

  /** `exclusive`: nobody else publishes to this store, so that whatever was not sent here is a phantom. */
  constructor(facts: Facts, violations: Violations, exclusive: boolean) {
    this.#facts = facts
    this.#violations = violations
    this.#exclusive = exclusive
  }

  called(sent: SentEvent): void {
    const event = this.#facts.of(sent.topic, sent.eventId)
    if (!event.sent) {
      event.sent = true
      this.eventsSent += 1
    }
    if (event.open !== null) contentOf(event.open.contents, sent.hash)
  }

  accepted(sent: SentEvent, position: number, context: PublishContext): void {
    const event = this.#facts.of(sent.topic, sent.eventId)
    if (event.accepted) {
      this.#violations.add(
        'accepted-twice',
        `${named(event)} was accepted at position ${event.position}, and again at position ${position} ` +
          `by the publish to ${context.node} called at ${context.calledAt}.`,
      )
      return
    }
    event.accepted = true
    event.acknowledged = true
    this.#facts.place(event, position, context.node)
    if (context.shown.position >= position) {
      this.#violations.add(
        'against-time',
        `${named(event)} was accepted at position ${position} by a publish called at ${context.calledAt}, ` +
          `though ${hadShown(context.shown)}.`,
      )
    }
    this.#learnContent(event, sent.hash, context.node)
    event.open = null
  }

  duplicate(sent: SentEvent, position: number, conflict: boolean, context: PublishContext): void {
    const event = this.#facts.of(sent.topic, sent.eventId)
    event.acknowledged = true
    this.#facts.place(event, position, context.node)
    if (event.hash !== null) this.#judgeConflict(event, sent.hash, conflict, context.node)
    else if (event.open !== null) {
      const content = contentOf(event.open.contents, sent.hash)
      if (conflict) content.toldConflict = true
      else content.toldSame = true
    }
  }

  refused(sent: SentEvent): void {
    const { open } = this.#facts.of(sent.topic, sent.eventId)
    if (open !== null) contentOf(open.contents, sent.hash).refused = true
  }

  /** `tries` publishes of this event, all called when the context says, whose outcome nobody saw. */
  unknown(sent: SentEvent, tries: number, { calledAt, shown }: PublishContext): void {
    const event = this.#facts.of(sent.topic, sent.eventId)
    event.unknown += tries
    if (event.open === null) return
    const content = contentOf(event.open.contents, sent.hash)
    if (content.inserter === null || shown.position < content.inserter.shown.position) {
      content.inserter = { calledAt, shown }
    }
  }

  present(
    shown: { readonly topic: string; readonly eventId: string },
    position: number,
    hash: string | null,
    node: string,
  ): EventFacts {
    const event = this.#facts.of(shown.topic, shown.eventId)
    if (this.#exclusive && !event.sent) {
      this.#violations.add(
        'phantom',
        `${node} showed ${named(event)} at position ${position}, which nobody had sent.`,
      )
      this.phantoms += 1
      // Said once: whoever shows it again adds nothing.
      event.sent = true
      event.open = null
    }
    this.#facts.place(event, position, node)
    if (hash !== null) this.#learnContent(event, hash, node)
    return event
  }

  absent(topic: string, eventId: string, owed: Owed, node: string, calledAt: number): void {
    const event = this.#facts.of(topic, eventId)
    const absence = { owed, node, calledAt }
    if (event.position > 0) this.#facts.judgeAbsence(event, absence)
    else if (event.open && owed.position > (event.open.absence?.owed.position ?? 0)) {
      event.open.absence = absence
    }
  }

  /** Once, when nothing more will be told: whatever stands somewhere was stored by a publish that fits. */
  finish(): void {
    if (!this.#exclusive) return
    for (const event of this.#facts.all()) {
      if (event.open !== null && event.position > 0) this.#settle(event, event.open.contents)
    }
  }

  #settle(event: EventFacts, contents: readonly SentContent[]): void {
    const stored = (content: SentContent) =>
      event.hash !== null
        ? content.hash === event.hash
        : !content.toldConflict && contents.every((other) => other === content || !other.toldSame)
    const open = contents.filter((content) => content.inserter !== null)
    const fitting = open.filter(stored)
    if (fitting.some((content) => content.inserter!.shown.position < event.position)) return

    const place = `${named(event)} stands at position ${event.position}, but`
    const late = fitting[0]?.inserter
    if (late) {
      this.#violations.add(
        'against-time',
        `${place} the earliest publish that can have stored it was called at ${late.calledAt}, ` +
          `when ${hadShown(late.shown)}.`,
      )
    } else if (event.hash === null && open.length > 0) {
      this.#violations.add(
        'wrong-conflict',
        `${place} no publish with an open outcome carries a content that fits all answers about conflicts.`,
      )
    } else if (contents.some((content) => content.refused && stored(content))) {
      this.#violations.add('refused-but-stored', `${place} no publish but refused ones sent it.`)
    } else {
      this.#violations.add(
        'duplicate-of-nothing',
        `${place} each publish of it was answered, and none was accepted.`,
      )
    }
  }

  #learnContent(event: EventFacts, hash: string, node: string): void {
    if (event.hash !== null) {
      if (event.hash !== hash) {
        this.#violations.add(
          'content-changed',
          `${node}: ${named(event)} at position ${event.position} has content ${hash}, ` +
            `but it was ${event.hash} before.`,
        )
      }
      return
    }
    event.hash = hash
    const contents = event.open?.contents ?? []
    if (this.#exclusive && contents.length > 0 && !contents.some((sent) => sent.hash === hash)) {
      this.#violations.add(
        'content-changed',
        `${node}: ${named(event)} at position ${event.position} has content ${hash}, which nobody had sent.`,
      )
      event.open = null
    }
    for (const content of contents) {
      if (content.toldSame) this.#judgeConflict(event, content.hash, false, node)
      if (content.toldConflict) this.#judgeConflict(event, content.hash, true, node)
    }
  }

  #judgeConflict(event: EventFacts, hash: string, conflict: boolean, node: string): void {
    if (conflict === (hash !== event.hash)) return
    this.#violations.add(
      'wrong-conflict',
      `${node}: a duplicate of ${named(event)} with content ${hash} was told ${conflict ? '' : 'no '}conflict, ` +
        `while ${event.hash} is stored.`,
    )
  }
}

function contentOf(contents: SentContent[], hash: string): SentContent {
  let content = contents.find((known) => known.hash === hash)
  if (content === undefined) {
    content = { hash, inserter: null, toldSame: false, toldConflict: false, refused: false }
    contents.push(content)
  }
  return content
}
