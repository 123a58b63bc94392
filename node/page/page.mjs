// The page: asks its node twice a second for the whole picture and shows it. Here is only the rhythm, and what is true of
// the page itself (live, paused, without an answer); each part is shown by its own file.
//
// Keeps: nothing is shown as live that is older than LIVE_MS; a hidden page asks nothing.

import { AskError, ask } from './ask.mjs'
import { byId, setAttributes, setText } from './dom.mjs'
import { refreshEvents } from './events.mjs'
import { coarseSpan } from './format.mjs'
import { showNodes } from './nodes.mjs'
import { showPace } from './pace.mjs'
import { watchSeen } from './seen.mjs'
import { refreshTopics } from './topics.mjs'
import { judge, LIVE_MS } from './verdict.mjs'

/** @typedef {import('../../client/contract/overview.ts').Overview} Overview */

const ASK_EVERY_MS = 500

const headline = byId('headline', HTMLHeadingElement)
const detail = byId('detail', HTMLParagraphElement)
const verdict = byId('verdict', HTMLElement)
const spoken = byId('spoken', HTMLParagraphElement)
const viewpoint = byId('viewpoint', HTMLSpanElement)
const liveness = byId('liveness', HTMLSpanElement)
const beat = byId('beat', HTMLSpanElement)
const pause = byId('pause', HTMLButtonElement)
const nodes = byId('nodes', HTMLUListElement)

/** The latest answer. */
let overview = /** @type {Overview | null} */ (null)
let answeredMs = performance.now()
/** The last look, and the first of a row without a pause: hidden, asleep or paused, the page does not ask. */
let lookedMs = performance.now()
let resumedMs = performance.now()
let asking = false
let paused = false

async function look() {
  if (document.hidden) {
    document.title = `${overview?.node_id ?? ''} sekali`.trim() // nothing that may be wrong by now
    return
  }
  if (!paused) {
    if (performance.now() - lookedMs > LIVE_MS) resumedMs = performance.now()
    lookedMs = performance.now()
  }
  show()
  if (asking || paused) return
  asking = true
  try {
    overview = /** @type {Overview} */ (await ask('/overview'))
    answeredMs = performance.now()
  } catch (error) {
    if (!(error instanceof AskError)) throw error // the age of the last answer says it
  } finally {
    asking = false
  }
  show()
  await refreshLists()
}

function show() {
  const nowMs = performance.now()
  const elapsedMs = nowMs - answeredMs
  const askingMs = nowMs - Math.max(answeredMs, resumedMs)
  const live = overview !== null && elapsedMs <= LIVE_MS
  const { tone, ...words } = judge({ overview, elapsedMs, askingMs, paused })
  setText(headline, words.headline)
  setText(detail, words.detail)
  setText(spoken, words.spoken)
  setAttributes(verdict, { 'data-tone': tone })
  const asleep = paused || (!live && askingMs <= LIVE_MS)
  setAttributes(beat, { 'data-tone': asleep ? 'unknown' : live ? 'good' : 'bad' })
  setText(liveness, livenessText(live, asleep, elapsedMs))
  setAttributes(document.body, { 'data-live': live ? 'yes' : 'no' })
  document.title = `${tone === 'bad' ? '⚠ ' : ''}${words.headline.replace(/\.$/, '')} · sekali`
  if (overview === null) return
  setText(viewpoint, `as ${overview.node_id} sees it`)
  showNodes(nodes, overview.nodes, { live, asleep, elapsedMs, term: overview.term })
  showPace(overview, elapsedMs, live)
}

/**
 * @param {boolean} live
 * @param {boolean} asleep
 * @param {number} elapsedMs
 */
function livenessText(live, asleep, elapsedMs) {
  if (paused) return 'paused'
  if (asleep) return overview === null ? 'connecting' : 'asking again'
  if (live) return 'live'
  return overview === null ? 'no answer' : `no answer for ${coarseSpan(elapsedMs)}`
}

async function refreshLists() {
  if (overview === null || paused) return
  const stored = overview.nodes.find(({ self }) => self)?.report?.last_position ?? 0
  await Promise.all([refreshEvents(stored), refreshTopics(stored, overview.topics_total)])
}

pause.addEventListener('click', () => {
  paused = !paused
  setAttributes(pause, { 'aria-pressed': String(paused) })
  void look()
})
document.addEventListener('visibilitychange', () => void look())
window.addEventListener('resize', show)
watchSeen(() => overview?.node_id ?? 'this node')
setInterval(() => void look(), ASK_EVERY_MS)
void look()
