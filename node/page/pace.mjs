// The panel of the last two minutes: chart, legend, the list of reigns, and the same figures as a table.

import { chartSummary, drawChart, WINDOW_MS } from './chart.mjs'
import { byId, element, reconcile, setAttributes, setText, svg } from './dom.mjs'
import { coarseSpan, rate, span, whole } from './format.mjs'
import { reignsOf } from './reigns.mjs'

/**
 * @typedef {import('../../client/contract/overview.ts').Overview} Overview
 * @typedef {import('../../client/contract/overview.ts').Rates} Rates
 * @typedef {import('./reigns.mjs').Reign} Reign
 */

const REIGNS_SHOWN = 6
const TABLE_STEP_MS = 10_000

const chart = byId('chart', HTMLDivElement)
const scope = byId('scope', HTMLParagraphElement)
const legend = byId('legend', HTMLParagraphElement)
const list = byId('reigns', HTMLOListElement)
const figures = byId('figures', HTMLDetailsElement)
const rows = byId('figures-rows', HTMLTableSectionElement)
chart.setAttribute('role', 'img')

/**
 * @param {Overview} overview
 * @param {number} elapsedMs
 * @param {boolean} live
 */
export function showPace({ node_id, rates, leadership, nodes }, elapsedMs, live) {
  const reigns = reignsOf(leadership, elapsedMs, live)
  /** @param {string} id */
  const hueOf = (id) => nodes.findIndex(({ node_id }) => node_id === id) + 1
  const widthPx = Math.max(240, chart.clientWidth)
  const unknownMs = live ? 0 : elapsedMs
  const upSeconds = nodes.find(({ self }) => self)?.report?.uptime_seconds ?? 0
  const startedMs = upSeconds * 1_000 + elapsedMs
  chart.replaceChildren(
    drawChart({ widthPx, rates, reigns, elapsedMs, unknownMs, startedMs, hueOf }),
  )
  setAttributes(chart, {
    'aria-label': `Events a second applied by this node, and who led. ${chartSummary(rates)}`,
  })
  setText(scope, `events a second, as ${node_id} applied them`)
  showLegend(rates, live)
  showReigns(reigns, hueOf)
  if (figures.open) showTable(rates, reigns, elapsedMs)
}

/**
 * @param {Rates} rates
 * @param {boolean} live
 */
function showLegend({ accepted, duplicates }, live) {
  const now = live ? [accepted.at(-1) ?? null, duplicates.at(-1) ?? null] : [null, null]
  const names = ['accepted', 'duplicates']
  reconcile(
    legend,
    names,
    (name) => name,
    (name) =>
      element(
        'span',
        {},
        svg(
          'svg',
          { class: `swatch ${name}`, width: 10, height: 10, 'aria-hidden': 'true' },
          svg('rect', { width: 10, height: 10, rx: 2 }),
        ),
        ` ${name} `,
        element('b'),
      ),
    (item, name) => {
      const figure = item.querySelector('b')
      if (figure !== null) setText(figure, `${rate(now[names.indexOf(name)] ?? null)}/s`)
    },
  )
}

/**
 * Newest first.
 * @param {readonly Reign[]} reigns
 * @param {(id: string) => number} hueOf
 */
function showReigns(reigns, hueOf) {
  const shown = reigns
    .map((reign, place) => ({ reign, before: reigns[place - 1] }))
    .filter(({ reign }, place) => reign.leader !== null || place === reigns.length - 1)
    .slice(-REIGNS_SHOWN)
    .reverse()
  reconcile(
    list,
    shown,
    ({ reign }) => `${reign.term} ${reign.leader}`,
    () =>
      element(
        'li',
        {},
        element('span', { class: 'dot', 'aria-hidden': 'true' }),
        element('span', { class: 'reign-text' }),
        element('span', { class: 'muted' }),
      ),
    (item, { reign, before }) => {
      const [dot, text, more] = item.children
      if (dot === undefined || text === undefined || more === undefined) return
      setAttributes(dot, { 'data-hue': reign.leader === null ? null : hueOf(reign.leader) })
      setAttributes(item, { 'data-gap': reign.leader === null ? 'yes' : null })
      setText(
        text,
        reign.leader === null ? 'no leader' : `${reign.leader} · term ${whole(reign.term)}`,
      )
      setText(more, reignDetail(reign, before))
    },
  )
}

/**
 * @param {Reign} reign
 * @param {Reign | undefined} before
 */
function reignDetail({ leader, fromMs, toMs, election }, before) {
  const began = `${coarseSpan(fromMs)} ago`
  if (leader === null) {
    return `for ${span(fromMs - toMs)}${election ? '; this node stands for election' : ''}`
  }
  const gap = before !== undefined && before.leader === null ? before.fromMs - before.toMs : null
  return gap === null ? `began ${began}` : `began ${began}, after ${span(gap)} without a leader`
}

/**
 * @param {Rates} rates
 * @param {readonly Reign[]} reigns
 * @param {number} elapsedMs
 */
function showTable(
  { accepted, duplicates, interval_ms: intervalMs, age_ms: age },
  reigns,
  elapsedMs,
) {
  const offset = age + elapsedMs
  const steps = Array.from({ length: WINDOW_MS / TABLE_STEP_MS }, (_, step) => step * TABLE_STEP_MS)
  /** Of what was measured between these ages. @param {readonly (number | null)[]} values @param {number} from @param {number} to */
  const mean = (values, from, to) => {
    const found = values.flatMap((value, place) => {
      const ageMs = offset + (values.length - place - 0.5) * intervalMs
      return value !== null && ageMs <= from && ageMs > to ? [value] : []
    })
    return found.length === 0 ? null : found.reduce((sum, value) => sum + value, 0) / found.length
  }
  reconcile(
    rows,
    steps,
    String,
    () => element('tr', {}, ...[0, 1, 2, 3].map((place) => element(place === 0 ? 'th' : 'td'))),
    (row, to) => {
      const from = to + TABLE_STEP_MS
      const leaders = reigns
        .filter((reign) => reign.toMs < from && reign.fromMs > to)
        .map(({ leader }) => leader ?? 'none')
      const texts = [
        `${to / 1_000} to ${from / 1_000}`,
        rate(mean(accepted, from, to)),
        rate(mean(duplicates, from, to)),
        leaders.length === 0 ? 'not known' : leaders.join(', then '),
      ]
      for (const [place, cell] of [...row.children].entries()) {
        if (place === 0) setAttributes(cell, { scope: 'row' })
        setText(cell, texts[place] ?? '')
      }
    },
  )
}
