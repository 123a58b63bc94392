// Topics by name, a page at a time, each with its number of events. Choosing one shows its newest events.

import { AskError, ask } from './ask.mjs'
import { byId, element, reconcile, setAttributes, setText } from './dom.mjs'
import { filterBy } from './events.mjs'
import { whole } from './format.mjs'

/**
 * @typedef {object} TopicSummary
 * @property {string} topic
 * @property {number} events
 * @property {number} last_position
 */

const TOPICS_SHOWN = 12
/** Counts of topics need not be as quick as the rest. */
const EVERY_MS = 2_000

const total = byId('topics-total', HTMLParagraphElement)
const list = byId('topics', HTMLUListElement)
const first = byId('topics-first', HTMLButtonElement)
const next = byId('topics-next', HTMLButtonElement)

/** The page begins behind this topic; null: at the first. */
let after = /** @type {string | null} */ (null)
let nextAfter = /** @type {string | null} */ (null)
let shownAt = /** @type {number | null} */ (null)
let askedMs = Number.NEGATIVE_INFINITY
let asking = false

first.addEventListener('click', () => turnTo(null))
next.addEventListener('click', () => turnTo(nextAfter))

/** @param {string | null} behind */
function turnTo(behind) {
  after = behind
  shownAt = null
  askedMs = Number.NEGATIVE_INFINITY
  void refreshTopics(-1, null)
}

/**
 * @param {number} lastPosition what the node has stored by now
 * @param {number | null} count of all topics, as far as it is known
 */
export async function refreshTopics(lastPosition, count) {
  if (count !== null) setText(total, `${whole(count)} in all`)
  const nowMs = performance.now()
  if (asking || shownAt === lastPosition || nowMs - askedMs < EVERY_MS) return
  asking = true
  askedMs = nowMs
  const from = after
  try {
    const query = new URLSearchParams({ limit: String(TOPICS_SHOWN) })
    if (from !== null) query.set('after', from)
    const page = /** @type {{ topics: TopicSummary[], next: string | null }} */ (
      await ask(`/topics?${query}`)
    )
    if (from !== after) return
    shownAt = lastPosition
    show(page.topics, page.next)
  } catch (error) {
    if (!(error instanceof AskError)) throw error // the page says in its headline that the node is silent
  } finally {
    asking = false
  }
}

/**
 * @param {readonly TopicSummary[]} topics
 * @param {string | null} behind
 */
function show(topics, behind) {
  nextAfter = behind
  const most = Math.max(1, ...topics.map(({ events }) => events))
  reconcile(
    list,
    topics,
    ({ topic }) => topic,
    makeRow,
    (row, { events }) => {
      const count = row.querySelector('.count')
      const bar = row.querySelector('.bar')
      if (count !== null) setText(count, whole(events))
      if (bar instanceof HTMLElement) bar.style.width = `${(100 * events) / most}%`
    },
  )
  setAttributes(first, { hidden: after === null })
  setAttributes(next, { hidden: behind === null })
}

/** @param {TopicSummary} summary */
function makeRow({ topic }) {
  const button = element('button', { type: 'button', class: 'topic' }, topic)
  button.addEventListener('click', () => filterBy(topic))
  return element(
    'li',
    {},
    element('span', { class: 'bar', 'aria-hidden': 'true' }),
    button,
    element('span', { class: 'count' }),
  )
}
