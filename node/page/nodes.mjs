// One card for each node: what it said of itself, and how long ago. A node that is not heard any more keeps its last words,
// marked as such.

import { element, reconcile, setAttributes, setText } from './dom.mjs'
import { coarseSpan, shortDigest, webUrl, whole } from './format.mjs'

/**
 * @typedef {import('../../client/contract/overview.ts').OverviewNode} OverviewNode
 *
 * @typedef {object} Moment
 * @property {boolean} live the answer is of now
 * @property {boolean} asleep the page has not asked since: nobody is to blame
 * @property {number} elapsedMs since the answer
 * @property {number} term of the answering node
 */

/** While it is heard, and once it is not. */
const ROLES = /** @type {const} */ ({
  leader: ['leader', 'was leader'],
  follower: ['follower', 'was follower'],
  candidate: ['candidate', 'was candidate'],
  preCandidate: ['asks for votes', 'asked for votes'],
})

const FACTS = /** @type {const} */ ([
  ['term', 'Term'],
  ['applied', 'Applied'],
  ['lag', 'Lag'],
  ['events', 'Events'],
  ['digest', 'Digest'],
])

/**
 * @param {Element} parent
 * @param {readonly OverviewNode[]} nodes
 * @param {Moment} moment
 */
export function showNodes(parent, nodes, moment) {
  reconcile(
    parent,
    nodes,
    (node) => node.node_id,
    makeCard,
    (card, node) => updateCard(card, node, nodes.indexOf(node), moment),
  )
}

/** @param {OverviewNode} node */
function makeCard({ node_id }) {
  const facts = FACTS.map(([name, title]) =>
    element('div', {}, element('dt', {}, title), element('dd', { 'data-fact': name })),
  )
  return element(
    'li',
    { class: 'node' },
    element(
      'div',
      { class: 'node-head' },
      element('h3', {}, node_id),
      element('span', { class: 'role', 'data-fact': 'role' }),
      element('span', { class: 'muted', 'data-fact': 'which' }),
    ),
    element('p', { class: 'trouble', 'data-fact': 'trouble' }),
    element('dl', {}, ...facts),
    element('p', { class: 'heard', 'data-fact': 'heard' }),
  )
}

/**
 * @param {HTMLElement} card
 * @param {OverviewNode} node
 * @param {number} place
 * @param {Moment} moment
 */
function updateCard(card, node, place, { live, asleep, elapsedMs, term }) {
  const { report, lag, self } = node
  const deposed = report?.role === 'leader' && report.term < term
  const fresh = live && node.fresh
  const ageMs = node.age_ms === null ? null : node.age_ms + elapsedMs
  const old = asleep && node.fresh && !fresh
  const trouble = old ? `This is from ${coarseSpan(elapsedMs)} ago.` : troubleOf(node, fresh, ageMs)
  setAttributes(card, {
    'data-hue': place + 1,
    'data-fresh': fresh ? 'yes' : 'no',
    'data-role': fresh && !deposed ? report?.role : null,
  })
  /**
   * @param {string} name
   * @param {string} text
   * @param {string | null} [tone]
   */
  const fact = (name, text, tone) => {
    const target = card.querySelector(`[data-fact=${name}]`)
    if (target === null) return
    setText(target, text)
    setAttributes(target, { 'data-tone': tone })
  }
  fact('role', fresh && deposed ? 'still thinks it leads' : roleText(node, fresh))
  fact('trouble', trouble)
  fact('term', report === null ? '–' : whole(report.term))
  fact('applied', report === null ? '–' : whole(report.applied_index))
  fact('lag', fresh && lag !== null ? entries(lag) : 'not known')
  fact('events', report === null ? '–' : whole(report.last_position))
  fact('digest', ...digestFact(node, fresh, elapsedMs))
  fact('heard', heardText(node, fresh, ageMs))
  showWhich(card, node, self)
}

/** @param {number} lag */
const entries = (lag) => (lag === 0 ? 'none' : `${whole(lag)} ${lag === 1 ? 'entry' : 'entries'}`)

/**
 * @param {OverviewNode} node
 * @param {boolean} fresh
 */
function roleText({ report, linked }, fresh) {
  if (report === null) return linked ? 'linked' : 'not heard'
  return ROLES[report.role][fresh ? 0 : 1]
}

/**
 * @param {OverviewNode} node
 * @param {boolean} fresh
 * @param {number | null} ageMs
 */
function troubleOf({ report, self, linked }, fresh, ageMs) {
  if (report === null && linked) return 'Linked, but tells nothing of itself: of an older version?'
  if (report === null) return 'Not heard since this node was started.'
  if (!fresh) {
    const justNow = ageMs === null || ageMs < JUST_NOW_MS
    const what =
      justNow && !linked ? 'Its link has just gone down' : `Not heard for ${coarseSpan(ageMs ?? 0)}`
    return `${self ? what.replace('Not heard', 'No answer') : what}; these are its last words.`
  }
  if (report.rebuilding) return 'Builds its store again from a peer; it is not read.'
  if (report.standing === 'suspect') {
    return 'Suspect: it lost its memory, and does not count until the others know it again.'
  }
  if (report.standing === 'forming') return 'Forming: it has not met all others yet.'
  if (!report.fsync) return 'FSYNC=off: a power cut can take what it acknowledged.'
  return ''
}

/**
 * @param {OverviewNode} node
 * @param {boolean} fresh
 * @param {number | null} ageMs
 */
function heardText({ report }, fresh, ageMs) {
  if (report === null || ageMs === null) return ''
  const upMs = report.uptime_seconds * 1_000
  if (fresh) return `up ${coarseSpan(upMs)}`
  return `had been up ${coarseSpan(upMs)}`
}

/**
 * Text, and whether it is good or bad news.
 * @param {OverviewNode} node
 * @param {boolean} fresh
 * @param {number} elapsedMs
 * @returns {[string, string | null]}
 */
function digestFact({ report, self, digest_check: check }, fresh, elapsedMs) {
  if (report === null) return ['–', null]
  const digest = shortDigest(report.digest)
  if (self) return [digest, null]
  if (check === null) return [`${digest}, not compared`, null]
  const at = `at ${whole(check.index)}`
  if (check.verdict === 'differs') return [`${digest}, differs ${at}`, 'bad']
  const ageMs = check.age_ms + elapsedMs
  if (!fresh) return [`${digest}, equal ${at}`, null]
  const old = ageMs > OLD_CHECK_MS
  return [`${digest}, equal ${at}${old ? `, ${coarseSpan(ageMs)} ago` : ''}`, old ? null : 'good']
}

/** A link that is down tells of itself at once. */
const JUST_NOW_MS = 1_000
/** Digests are compared twice a second; one compared longer ago is told with its age. */
const OLD_CHECK_MS = 3_000

/**
 * "this node", or the way to the other's own page.
 * @param {HTMLElement} card
 * @param {OverviewNode} node
 * @param {boolean} self
 */
function showWhich(card, { url, node_id }, self) {
  const place = card.querySelector('[data-fact=which]')
  if (place === null) return
  const href = self ? null : webUrl(url)
  if (href === null) setText(place, self ? 'this node' : '')
  else if (place.querySelector('a')?.href !== href) {
    const whose = element('span', { class: 'unseen' }, ` of the cluster: ${node_id}`)
    place.replaceChildren(element('a', { href, rel: 'noreferrer' }, 'its view', whose))
  }
}
