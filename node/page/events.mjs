// The newest events, of one topic, a pattern or all. Asks again only when the node has stored something new, and never
// spends more than a small share of the time on it: events may be large.

import { AskError, ask } from './ask.mjs'
import { byId, element, reconcile, setText } from './dom.mjs'
import { clockTime, whole } from './format.mjs'

/**
 * @typedef {object} StoredEvent
 * @property {number} position
 * @property {string} topic
 * @property {string} event_id
 * @property {string} received_at
 * @property {string} [timestamp]
 * @property {string} [source]
 * @property {unknown} [payload]
 * @property {true} [cloudevent] the payload is the whole of it, as it came
 */

const EVENTS_SHOWN = 12
const PAYLOAD_LETTERS_MAX = 4_000
/** The next question comes no sooner than this many times as long as the last one took, within a bound. */
const REST_FACTOR = 10
const REST_MS_MAX = 5_000

const form = byId('filter', HTMLFormElement)
const input = byId('topic', HTMLInputElement)
const note = byId('events-note', HTMLParagraphElement)
const list = byId('events', HTMLOListElement)

let topic = ''
/** What the list shows; null: ask again in any case. */
let shownAt = /** @type {number | null} */ (null)
let asking = false
let restUntilMs = 0
/** Counts changes of the filter, so that a late answer to an earlier one is dropped. */
let generation = 0

form.addEventListener('submit', (event) => {
  event.preventDefault()
  filterBy(input.value.trim())
})
// The little cross in the field, and Escape.
input.addEventListener('search', () => {
  if (input.value === '') filterBy('')
})

/** @param {string} wanted */
export function filterBy(wanted) {
  input.value = wanted
  topic = wanted
  generation++
  shownAt = null
  restUntilMs = 0
  asking = false
  void refreshEvents(0)
}

/**
 * @param {number} lastPosition what the node has stored by now
 */
export async function refreshEvents(lastPosition) {
  const beganMs = performance.now()
  if (asking || beganMs < restUntilMs || shownAt === lastPosition) return
  asking = true
  const mine = generation
  try {
    const events = await newest()
    if (mine !== generation) return
    shownAt = lastPosition
    show(events)
    setText(note, noteOf(events.length))
  } catch (error) {
    if (mine !== generation) return
    if (!(error instanceof AskError)) throw error
    setText(note, error.message)
    shownAt = null // asked again, and the note goes, as soon as there is an answer
  } finally {
    if (mine === generation) {
      asking = false
      const endedMs = performance.now()
      restUntilMs = endedMs + Math.min(REST_MS_MAX, REST_FACTOR * (endedMs - beganMs))
    }
  }
}

/** @returns {Promise<StoredEvent[]>} */
async function newest() {
  const query = new URLSearchParams({ order: 'desc', limit: String(EVENTS_SHOWN) })
  if (topic !== '') query.set('topic', topic)
  const page = /** @type {{ events: StoredEvent[] }} */ (await ask(`/events?${query}`))
  return page.events
}

/** @param {number} count */
function noteOf(count) {
  const where = topic === '' ? '' : ` in ${topic}`
  if (count === 0) return topic === '' ? 'No event has been stored yet.' : `No event${where}.`
  return topic === '' ? '' : `The newest${where}.`
}

/** @param {readonly StoredEvent[]} events */
function show(events) {
  reconcile(list, events, ({ position }) => String(position), makeRow)
}

/** @param {StoredEvent} event */
function makeRow(event) {
  const { position, event_id, received_at } = event
  const details = element(
    'details',
    {},
    element(
      'summary',
      {},
      element('span', { class: 'position' }, whole(position)),
      element('span', { class: 'event-topic' }, event.topic),
      element('span', { class: 'event-id' }, event_id),
      element('time', { datetime: received_at }, clockTime(Date.parse(received_at))),
    ),
  )
  // Only then: most are never opened.
  details.addEventListener('toggle', () => details.append(contentOf(event)), { once: true })
  return element('li', {}, details)
}

/** @param {StoredEvent} event */
function contentOf({ position, source, timestamp, payload, cloudevent }) {
  const text = JSON.stringify(payload ?? {}, null, 2)
  const cut = text.length > PAYLOAD_LETTERS_MAX
  // By its position: an identity may be one of two kinds, and a name like `..` is no part of a path.
  const path = `/events?after=${position - 1}&limit=1`
  return element(
    'div',
    { class: 'event-content' },
    element(
      'p',
      { class: 'muted' },
      `${cloudevent ? 'CloudEvent, ' : ''}timestamp ${timestamp ?? '–'}${source ? `, source ${source}` : ''}`,
    ),
    element('pre', { tabindex: 0 }, cut ? `${text.slice(0, PAYLOAD_LETTERS_MAX)} …` : text),
    element('p', {}, element('a', { href: path }, cut ? 'All of it, as JSON' : 'As JSON')),
  )
}
