// The plots of the report page as inline SVG: who was what and when, what was done to whom, throughput, and gaps.
//
// Pure text. All plots share one time axis and one width, so that they line up under each other; colours are classes,
// which the style sheet gives a light and a dark value.

import { grouped, milliseconds } from '../format.ts'
import { escaped } from './html-text.ts'
import type { PhaseSpan, Report } from './report.ts'
import { clock } from './view.ts'

const WIDTH = 1_000
const LEFT = 64
const RIGHT = 16
const AXIS_HEIGHT = 24
const LANE_HEIGHT = 22
const LANE_GAP = 16
const FAULT_HEIGHT = 6
const PLOT_HEIGHT = 120
const TOP = 10
/** Room for one label of the time axis. */
const TICKS_MAX = 12
const TICK_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600] as const

export const PHASE_CLASSES = {
  leader: 'leader',
  follower: 'follower',
  candidate: 'candidate',
  preCandidate: 'candidate',
  'no answer': 'silent',
  killed: 'down',
  stopped: 'down',
  paused: 'paused',
} as const

export function timelinePlot(report: Report): string {
  const { timelines, faults, durationMs } = report
  const laneTop = (lane: number) => TOP + lane * (LANE_HEIGHT + LANE_GAP)
  const height = laneTop(timelines.length) + AXIS_HEIGHT
  const lanes = timelines.map(({ node, spans }, lane) => {
    const y = laneTop(lane)
    const label = `<text class="label" x="${LEFT - 10}" y="${y + 15}" text-anchor="end">${escaped(node)}</text>`
    const bars = spans.map((span) => phaseBar(span, y, durationMs))
    const hits = faults
      .filter((fault) => fault.nodes.includes(node))
      .map((fault) => {
        const x = xOf(fault.fromMs, durationMs)
        const width = Math.max(2, xOf(fault.toMs ?? durationMs, durationMs) - x)
        const title = `${fault.text}, ${clock(fault.fromMs)} for ${seconds((fault.toMs ?? durationMs) - fault.fromMs)}`
        return `<rect class="fault" x="${at(x)}" y="${y + LANE_HEIGHT + 2}" width="${at(width)}" height="${FAULT_HEIGHT}" rx="2"><title>${escaped(title)}</title></rect>`
      })
    return [label, ...bars, ...hits].join('')
  })
  return svg(
    height,
    'Role of each node over time, and the faults that hit it',
    lanes.join('') + axis(durationMs, TOP, height - AXIS_HEIGHT),
  )
}

export function throughputPlot({ seconds: all, durationMs }: Report): string {
  // The last second is seldom a whole one.
  const values = all.slice(0, Math.max(1, Math.floor(durationMs / 1_000)))
  const most = niceAbove(Math.max(1, ...values.map(({ events }) => events)))
  const y = (events: number) => TOP + PLOT_HEIGHT * (1 - events / most)
  const points = values.map(({ events }, second) => {
    return `${at(xOf(1_000 * second + 500, durationMs))},${at(y(events))}`
  })
  const floor = TOP + PLOT_HEIGHT
  const [first, last] = [points[0]!.split(',')[0], points.at(-1)!.split(',')[0]]
  const dots = values.map(({ events }, second) => {
    const x = xOf(1_000 * second, durationMs)
    const width = xOf(1_000, durationMs) - LEFT
    return `<rect class="touch" x="${at(x)}" y="${TOP}" width="${at(width)}" height="${PLOT_HEIGHT}"><title>${clock(1_000 * second)}: ${grouped(events)} events acknowledged</title></rect>`
  })
  const content = [
    rules(most, (value) => y(value), grouped),
    `<polygon class="area" points="${first},${floor} ${points.join(' ')} ${last},${floor}"/>`,
    `<polyline class="line" points="${points.join(' ')}"/>`,
    ...dots,
    axis(durationMs, TOP, floor),
  ]
  return svg(floor + AXIS_HEIGHT, 'Events acknowledged in each second', content.join(''))
}

export function gapPlot({ seconds: all, durationMs }: Report): string {
  const most = niceAbove(Math.max(100, ...all.map(({ gapMs }) => gapMs)))
  const y = (gapMs: number) => TOP + PLOT_HEIGHT * (1 - gapMs / most)
  const floor = TOP + PLOT_HEIGHT
  const bars = all.map(({ gapMs }, second) => {
    const x = xOf(1_000 * second, durationMs)
    const width = Math.max(1, xOf(Math.min(durationMs, 1_000 * (second + 1)), durationMs) - x - 1)
    return `<rect class="gap" x="${at(x)}" y="${at(y(gapMs))}" width="${at(width)}" height="${at(floor - y(gapMs))}"><title>${clock(1_000 * second)}: ${milliseconds(gapMs)} without an acknowledgement</title></rect>`
  })
  const content = [
    rules(most, y, (value) => `${grouped(value)} ms`),
    ...bars,
    axis(durationMs, TOP, floor),
  ]
  return svg(
    floor + AXIS_HEIGHT,
    'Longest time without an acknowledgement, second by second',
    content.join(''),
  )
}

function phaseBar({ phase, term, fromMs, toMs }: PhaseSpan, y: number, durationMs: number): string {
  const x = xOf(fromMs, durationMs)
  const width = Math.max(0.5, xOf(toMs, durationMs) - x)
  const title = `${phase}, term ${term}, ${clock(fromMs)} for ${seconds(toMs - fromMs)}`
  return `<rect class="${PHASE_CLASSES[phase]}" x="${at(x)}" y="${y}" width="${at(width)}" height="${LANE_HEIGHT}"><title>${escaped(title)}</title></rect>`
}

function svg(height: number, title: string, content: string): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">${content}</svg>`
}

function xOf(ms: number, durationMs: number): number {
  const share = durationMs <= 0 ? 0 : Math.min(1, Math.max(0, ms / durationMs))
  return LEFT + share * (WIDTH - LEFT - RIGHT)
}

function axis(durationMs: number, top: number, bottom: number): string {
  const whole = durationMs / 1_000
  const step = TICK_SECONDS.find((size) => whole / size <= TICKS_MAX) ?? TICK_SECONDS.at(-1)!
  const ticks = Array.from({ length: Math.floor(whole / step) + 1 }, (_, place) => {
    const x = at(xOf(1_000 * step * place, durationMs))
    return `<line class="tick" x1="${x}" y1="${top}" x2="${x}" y2="${bottom}"/><text class="scale" x="${x}" y="${bottom + 16}" text-anchor="middle">${clock(1_000 * step * place)}</text>`
  })
  return ticks.join('')
}

/** Three lines across, and what they stand for. */
function rules(
  most: number,
  y: (value: number) => number,
  text: (value: number) => string,
): string {
  return [0, most / 2, most]
    .map(
      (value) =>
        `<line class="rule" x1="${LEFT}" y1="${at(y(value))}" x2="${WIDTH - RIGHT}" y2="${at(y(value))}"/><text class="scale" x="${LEFT - 8}" y="${at(y(value) + 4)}" text-anchor="end">${text(value)}</text>`,
    )
    .join('')
}

/** 1, 2 or 5 times a power of ten. */
export function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((factor) => factor * power).find((nice) => nice >= value)!
}

function at(value: number): string {
  return String(Math.round(10 * value) / 10)
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
