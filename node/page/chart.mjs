// The chart: events a second above, who led below, on one axis of time that ends now. Drawn anew at each look; the figures
// stand beside it as text and as a table.

import { svg } from './dom.mjs'
import { rate, span } from './format.mjs'

/**
 * @typedef {import('../../client/contract/overview.ts').Rates} Rates
 * @typedef {import('./reigns.mjs').Reign} Reign
 *
 * @typedef {object} Plot
 * @property {number} widthPx
 * @property {Rates} rates
 * @property {readonly Reign[]} reigns
 * @property {number} elapsedMs since the node answered
 * @property {number} unknownMs until now, of which nothing is known
 * @property {number} startedMs when the node was started: its age
 * @property {(leader: string) => number} hueOf
 */

export const WINDOW_MS = 120_000

const HEIGHT = 216
const TOP = 10
const BASE = 150
const BAND_TOP = 162
const BAND_HEIGHT = 26
const LEFT = 44
const RIGHT = 8
/** An election is over in a fraction of a pixel; it is drawn so wide that it can be seen. */
const GAP_PX_MIN = 4
/** A label needs so much room. */
const LABEL_PX_PER_LETTER = 7.2

/** @param {Plot} plot */
export function drawChart(plot) {
  const { widthPx, rates, reigns, elapsedMs, unknownMs, startedMs, hueOf } = plot
  const right = widthPx - RIGHT
  /** @param {number} ageMs */
  const x = (ageMs) =>
    LEFT + (right - LEFT) * (1 - Math.min(Math.max(ageMs, 0), WINDOW_MS) / WINDOW_MS)
  const max = niceMax(rates)
  /** @param {number} value */
  const y = (value) => BASE - ((BASE - TOP) * value) / max

  return svg(
    'svg',
    { width: widthPx, height: HEIGHT, viewBox: `0 0 ${widthPx} ${HEIGHT}`, 'aria-hidden': 'true' },
    hatch(),
    ...gridLines(max, y, right),
    ...gapShades(reigns, x),
    ...areas(rates, elapsedMs, x, y),
    ...band(reigns, x, hueOf),
    beforeStart(x(startedMs)),
    unknownTail(unknownMs, x),
    ...timeAxis(x, widthPx),
  )
}

/** @param {Rates} rates */
export function chartSummary(rates) {
  const accepted = measured(rates.accepted)
  const duplicates = measured(rates.duplicates)
  if (accepted.length === 0) return 'Nothing has been measured yet.'
  const most = Math.max(...accepted)
  return `Accepted ${rate(accepted.at(-1) ?? null)} a second, at most ${rate(most)} in the last two minutes; duplicates ${rate(duplicates.at(-1) ?? null)} a second.`
}

/** @param {readonly (number | null)[]} values */
const measured = (values) => values.filter((value) => value !== null)

/**
 * A round number that nothing reaches above.
 * @param {Rates} rates
 */
function niceMax({ accepted, duplicates }) {
  const most = Math.max(4, ...accepted.map((value, i) => (value ?? 0) + (duplicates[i] ?? 0)))
  const unit = 10 ** Math.floor(Math.log10(most))
  return unit * (NICE.find((step) => step * unit >= most) ?? 10)
}

const NICE = [1, 2, 4, 6, 8]

/**
 * @param {number} max
 * @param {(value: number) => number} y
 * @param {number} right
 */
function gridLines(max, y, right) {
  return [0, max / 2, max].flatMap((value) => [
    svg('line', { class: 'grid', x1: LEFT, x2: right, y1: y(value), y2: y(value) }),
    svg('text', { class: 'tick', x: LEFT - 8, y: y(value) + 4, 'text-anchor': 'end' }, rate(value)),
  ])
}

/**
 * Accepted from the base line, duplicates on top of them. What was not measured is a hole.
 * @param {Rates} rates
 * @param {number} elapsedMs
 * @param {(ageMs: number) => number} x
 * @param {(value: number) => number} y
 */
function areas({ accepted, duplicates, interval_ms: intervalMs, age_ms: age }, elapsedMs, x, y) {
  /** Age of the middle of an interval. @param {number} place */
  const middle = (place) => age + elapsedMs + (accepted.length - place - 0.5) * intervalMs
  /** @type {SVGElement[]} */
  const drawn = []
  for (const run of runs(accepted)) {
    /** @param {number} place */
    const low = (place) => y(accepted[place] ?? 0)
    /** @param {number} place */
    const high = (place) => y((accepted[place] ?? 0) + (duplicates[place] ?? 0))
    const points = run.filter((place) => middle(place) <= WINDOW_MS + intervalMs)
    if (points.length === 0) continue
    const lows = points.map((place) => `${round(x(middle(place)))},${round(low(place))}`)
    const highs = points.map((place) => `${round(x(middle(place)))},${round(high(place))}`)
    const first = round(x(middle(points[0] ?? 0)))
    const last = round(x(middle(points.at(-1) ?? 0)))
    drawn.push(
      svg('polygon', {
        class: 'area accepted',
        points: `${first},${BASE} ${lows.join(' ')} ${last},${BASE}`,
      }),
      svg('polygon', { class: 'area duplicates', points: [...lows, ...highs.reverse()].join(' ') }),
      svg('polyline', { class: 'line duplicates', points: highs.join(' ') }),
      svg('polyline', { class: 'line accepted', points: lows.join(' ') }),
    )
  }
  return drawn
}

/**
 * Places of values that follow each other without a hole.
 * @param {readonly (number | null)[]} values
 */
function runs(values) {
  /** @type {number[][]} */
  const found = []
  values.forEach((value, place) => {
    if (value === null) return
    const last = found.at(-1)
    if (last !== undefined && last.at(-1) === place - 1) last.push(place)
    else found.push([place])
  })
  return found
}

/**
 * @param {readonly Reign[]} reigns
 * @param {(ageMs: number) => number} x
 */
function gapShades(reigns, x) {
  return gapsIn(reigns, x).map(([from, to]) =>
    svg('rect', { class: 'gap-shade', x: from, width: to - from, y: TOP, height: BASE - TOP }),
  )
}

/**
 * @param {readonly Reign[]} reigns
 * @param {(ageMs: number) => number} x
 * @returns {[number, number][]}
 */
function gapsIn(reigns, x) {
  return reigns
    .filter(({ leader, toMs }) => leader === null && toMs < WINDOW_MS)
    .map(({ fromMs, toMs }) => {
      const to = x(toMs)
      return [Math.max(LEFT, Math.min(x(fromMs), to - GAP_PX_MIN)), to]
    })
}

/**
 * @param {readonly Reign[]} reigns
 * @param {(ageMs: number) => number} x
 * @param {(leader: string) => number} hueOf
 */
function band(reigns, x, hueOf) {
  /** @type {SVGElement[]} */
  const drawn = []
  for (const { leader, term, fromMs, toMs } of reigns) {
    if (leader === null || toMs >= WINDOW_MS) continue
    const from = x(fromMs)
    const width = Math.max(1, x(toMs) - from)
    const label = [`${leader} · term ${term}`, leader, ''].find(
      (text) => text.length * LABEL_PX_PER_LETTER + 12 <= width || text === '',
    )
    drawn.push(
      svg('rect', {
        class: 'reign',
        'data-hue': hueOf(leader),
        x: from,
        width,
        y: BAND_TOP,
        height: BAND_HEIGHT,
      }),
      svg('text', { class: 'reign-label', x: from + 7, y: BAND_TOP + 17 }, label ?? ''),
    )
  }
  // On top, since they are drawn wider than they were.
  for (const [from, to] of gapsIn(reigns, x)) {
    drawn.push(
      svg('rect', {
        class: 'gap-back',
        x: from,
        width: to - from,
        y: BAND_TOP,
        height: BAND_HEIGHT,
      }),
      svg('rect', { class: 'gap', x: from, width: to - from, y: BAND_TOP, height: BAND_HEIGHT }),
    )
    if (to - from > 88) {
      drawn.push(svg('text', { class: 'gap-label', x: from + 7, y: BAND_TOP + 17 }, 'no leader'))
    }
  }
  return drawn
}

/** @param {number} endPx */
function beforeStart(endPx) {
  if (endPx - LEFT < BEFORE_START.length * LABEL_PX_PER_LETTER) return null
  return svg('text', { class: 'tick', x: LEFT, y: BAND_TOP + 17 }, BEFORE_START)
}

const BEFORE_START = 'before this node was started'

/**
 * @param {number} unknownMs
 * @param {(ageMs: number) => number} x
 */
function unknownTail(unknownMs, x) {
  const from = x(unknownMs)
  const width = x(0) - from
  if (width < GAP_PX_MIN) return null
  return svg(
    'g',
    {},
    svg('rect', {
      class: 'unknown-back',
      x: from,
      width,
      y: TOP,
      height: BAND_TOP + BAND_HEIGHT - TOP,
    }),
    svg('rect', { class: 'unknown', x: from, width, y: TOP, height: BAND_TOP + BAND_HEIGHT - TOP }),
    width > 110
      ? svg('text', { class: 'gap-label', x: from + 8, y: TOP + 18 }, 'nothing heard')
      : null,
  )
}

/**
 * @param {(ageMs: number) => number} x
 * @param {number} widthPx
 */
function timeAxis(x, widthPx) {
  const stepMs = widthPx < 520 ? 60_000 : 30_000
  const marks = []
  for (let age = 0; age <= WINDOW_MS; age += stepMs) {
    const anchor = age === 0 ? 'end' : age === WINDOW_MS ? 'start' : 'middle'
    const text = age === 0 ? 'now' : `−${span(age).replace(' min 0 s', ' min')}`
    marks.push(
      svg('text', { class: 'tick', x: x(age), y: HEIGHT - 6, 'text-anchor': anchor }, text),
    )
  }
  return marks
}

function hatch() {
  /** @param {string} id */
  const pattern = (id) =>
    svg(
      'pattern',
      { id, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
      svg('line', { class: id, x1: 0, x2: 0, y1: 0, y2: 6 }),
    )
  return svg(
    'defs',
    {},
    pattern('hatch-gap'),
    pattern('hatch-unknown'),
    pattern('hatch-duplicates'),
  )
}

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10
