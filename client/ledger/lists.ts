// Pages: ascending, within what was asked for, nothing twice, and no event missing between their ends. Since each event
// has one position for ever, two pages that are complete in this sense are prefix-consistent with each other.
//
// Order and range are judged at once; what is missing only at the end, when all positions are known. Until then a
// page costs 8 bytes an event.

import { isPattern, topicLevels } from '../contract/topic.ts'
import type { Facts } from './facts.ts'
import type { Answer, ListRequest } from './history.ts'
import type { Owed } from './horizon.ts'
import { named, type Violations } from './violations.ts'

type Page = Extract<Answer, { type: 'page' }>

interface KeptPage {
  readonly topic: string | null
  readonly after: number
  /** Everything up to here must be there: the last one shown, what the read owed, or the end it claimed. */
  readonly through: number
  readonly positions: Float64Array
  readonly node: string
  readonly calledAt: number
  readonly owed: Owed
}

export class Lists {
  readonly #facts: Facts
  readonly #violations: Violations
  readonly #pages: KeptPage[] = []

  constructor(facts: Facts, violations: Violations) {
    this.#facts = facts
    this.#violations = violations
  }

  page(request: ListRequest, page: Page, owed: Owed, node: string, calledAt: number): void {
    const where = `A page of ${node}, called at ${calledAt}`
    let last = request.after
    for (const event of page.events) {
      if (request.topic !== null && !topicMatches(request.topic, event.topic)) {
        this.#violations.add(
          'list-range',
          `${where}, shows ${named(event)}, which ${JSON.stringify(request.topic)} does not match.`,
        )
      }
      if (event.position <= request.after || event.position > (page.through ?? Infinity)) {
        this.#violations.add(
          'list-range',
          `${where}, shows position ${event.position} of ${named(event)}, ` +
            `outside (${request.after}, ${page.through ?? 'end'}].`,
        )
      } else if (event.position <= last) {
        this.#violations.add(
          'list-order',
          `${where}, shows position ${event.position} of ${named(event)} after position ${last}.`,
        )
      }
      last = Math.max(last, event.position)
    }
    this.#pages.push({
      topic: request.topic,
      after: request.after,
      through: page.through ?? Math.max(last, owed.position),
      positions: Float64Array.from(page.events, (event) => event.position).sort(),
      node,
      calledAt,
      owed,
    })
  }

  /** Once, when every position that anybody has shown is known. */
  finish(): void {
    const byTopic = this.#facts.positionsByTopic()
    const all = [...byTopic.values()].flat().sort((a, b) => a - b)
    for (const page of this.#pages) {
      if (page.topic === null) this.#judge(page, all)
      else if (!isPattern(page.topic)) this.#judge(page, byTopic.get(page.topic) ?? [])
      else {
        for (const [topic, positions] of byTopic) {
          if (topicMatches(page.topic, topic)) this.#judge(page, positions)
        }
      }
    }
  }

  /** Names the first of these positions, all of which match, that the page should show and does not. */
  #judge(page: KeptPage, known: readonly number[]): void {
    let next = firstAbove(page.positions, page.after)
    for (let i = firstAbove(known, page.after); known[i]! <= page.through; i += 1) {
      while (page.positions[next]! < known[i]!) next += 1
      if (page.positions[next] === known[i]) continue
      this.#violations.add(
        'list-gap',
        `A page of ${page.node}, called at ${page.calledAt}, shows ${page.positions.length} events above position ` +
          `${page.after}, but not ${named(this.#facts.at(known[i]!)!)} at position ${known[i]}, ` +
          `though ${reason(page, known[i]!)}.`,
      )
      return
    }
  }
}

/** Why the page has to show this position. */
function reason(page: KeptPage, position: number): string {
  const last = page.positions.at(-1) ?? page.after
  if (position < last) return `it shows position ${last}`
  if (position <= page.owed.position) return page.owed.because
  return `it claims to cover all up to ${page.through}`
}

/**
 * Whether a topic is one that the pattern asks for: '*' is one level, '**' none or more at the end, '>' one or more.
 * Written apart from the node's own matching on purpose: a judge that shares the code shares the mistake.
 */
export function topicMatches(pattern: string, topic: string): boolean {
  if (!isPattern(pattern)) return pattern === topic
  const levels = topicLevels(topic)
  const wanted = topicLevels(pattern)
  const end = wanted.at(-1)
  const open = end === '**' || end === '>'
  const fixed = open ? wanted.slice(0, -1) : wanted
  const levelsMin = end === '>' ? fixed.length + 1 : fixed.length
  if (levels.length < levelsMin || (!open && levels.length > levelsMin)) return false
  return fixed.every((level, place) => level === '*' || level === levels[place])
}

/** Index of the first of these ascending numbers above the limit. */
function firstAbove(ascending: ArrayLike<number>, limit: number): number {
  let from = 0
  let to = ascending.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (ascending[middle]! > limit) to = middle
    else from = middle + 1
  }
  return from
}
