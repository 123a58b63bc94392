// A chaos run while it runs, as text: a block that is redrawn on a terminal, or one line for a pipe. Pure.
//
// Untrusted text (digests, ids) comes from the nodes we started; colours are the sixteen of the terminal, so that they
// fit its theme, and the text says everything without them.

import { grouped, milliseconds, percent } from '../format.ts'
import type { FaultNote } from './injector.ts'
import type { Second } from './meter.ts'
import type { Counts } from './recorder.ts'
import { type Look, type NodeLook, type Phase, phaseOf } from './watcher.ts'

export interface Moment {
  readonly scenario: string
  readonly seed: number
  readonly nowMs: number
  /** What is left to do, for people: "of 1:00", "step 3 of 50". */
  readonly goal: string
  readonly look: Look
  readonly inForce: readonly Readonly<FaultNote>[]
  /** All so far. */
  readonly faults: readonly Readonly<FaultNote>[]
  readonly seconds: readonly Second[]
  readonly longestGapMs: number
  readonly counts: Counts
  readonly errors: { readonly sdk: number; readonly http: number; readonly surviving: number }
  readonly violations: number
}

type Paint = (style: Style, text: string) => string
type Style = 'dim' | 'bold' | 'red' | 'green' | 'yellow' | 'cyan'

const CODES: Record<Style, number> = { dim: 2, bold: 1, red: 31, green: 32, yellow: 33, cyan: 36 }
export const colours: Paint = (style, text) => `\x1b[${CODES[style]}m${text}\x1b[0m`
export const plain: Paint = (_, text) => text

const BLOCKS = ' ▁▂▃▄▅▆▇█'
const LABEL_WIDTH = 13
/** Longest gap that fills a column of the chart; longer ones do as well. */
const GAP_MS_FULL = 1_500

/** `width`: columns of the terminal. */
export function liveBlock(moment: Moment, width: number, paint: Paint): string {
  const { counts, errors, violations, seconds } = moment
  const columns = Math.max(10, Math.min(60, width - LABEL_WIDTH - 26))
  // The present second is not a whole one yet.
  const recent = seconds.slice(0, -1).slice(-columns)
  const events = recent.map((second) => second.events)
  const gaps = recent.map((second) => second.gapMs)
  const whole = seconds.at(-2) ?? seconds.at(-1)
  const label = (text: string) => paint('dim', text.padEnd(LABEL_WIDTH))
  const sent = counts.accepted + counts.duplicates
  return [
    '',
    `${paint('bold', `sekali chaos · ${moment.scenario}`)} · seed ${moment.seed} · ${clock(moment.nowMs)} ${moment.goal}`,
    faultLine(moment, paint),
    '',
    ...nodeRows(moment.look, paint),
    '',
    `${label('events/s')}${paint('cyan', chart(events, Math.max(...events, 1)).padEnd(columns))}  ${grouped(whole?.events ?? 0)}`,
    `${label('longest gap')}${paint('yellow', chart(gaps, GAP_MS_FULL).padEnd(columns))}  ${milliseconds(moment.longestGapMs)}`,
    `${label('faults')}${paint('red', faultMarks(moment, recent.length).padEnd(columns))}  ${grouped(moment.faults.length)}`,
    '',
    `${label('ledger')}${paint('green', grouped(counts.accepted))} events accepted · ${grouped(counts.duplicates)} duplicates (${percent(counts.duplicates, sent)}) · ${grouped(counts.conflicts)} conflicts · ${grouped(counts.unknown)} left open`,
    `${label('')}${grouped(counts.reads)} reads · violations ${alarm(violations, paint)}`,
    `${label('errors')}SDK ${alarm(errors.sdk, paint)} · HTTP through surviving nodes ${alarm(errors.surviving, paint)}, through others ${grouped(errors.http - errors.surviving)}`,
    '',
  ].join('\n')
}

/** For a pipe. */
export function liveLine(moment: Moment): string {
  const { counts, errors, seconds, inForce } = moment
  const last = seconds.at(-2) ?? seconds.at(-1)
  const roles = [...moment.look].map(([id, look]) => `${id} ${phaseOf(look)}`)
  return [
    `${clock(moment.nowMs)} ${moment.goal}`,
    roles.join(' '),
    inForce.length === 0 ? 'no fault' : inForce.map(({ text }) => text).join(' and '),
    `${grouped(last?.events ?? 0)} events/s`,
    `longest gap ${milliseconds(moment.longestGapMs)}`,
    `accepted ${grouped(counts.accepted)}`,
    `duplicates ${grouped(counts.duplicates)}`,
    `open ${grouped(counts.unknown)}`,
    `errors SDK ${grouped(errors.sdk)}, surviving ${grouped(errors.surviving)}, other ${grouped(errors.http - errors.surviving)}`,
    `violations ${grouped(moment.violations)}`,
  ].join(' · ')
}

function nodeRows(look: Look, paint: Paint): string[] {
  const cells = (...texts: string[]) => {
    const widths = [6, 14, 6, 12, 12, 12]
    return texts.map((text, place) => text.padEnd(widths[place] ?? 0)).join('')
  }
  const rows = [...look].map(([id, node]) => {
    const { stats } = node
    const facts =
      stats === null
        ? ['–', '–', '–', '–']
        : [
            String(stats.term),
            grouped(stats.applied_index),
            grouped(stats.last_position),
            stats.digest.slice(0, 8),
          ]
    // Padded before it is painted: escapes have a length, but no width.
    const [role, ...rest] = [phaseText(phaseOf(node)).padEnd(14), ...facts]
    return `${cells(id)}${paint(styleOf(node), role!)}${cellsOf(rest)}`
  })
  return [paint('dim', cells('node', 'role', 'term', 'applied', 'events', 'digest')), ...rows]
}

function cellsOf([term, applied, events, digest]: readonly string[]): string {
  return `${term!.padEnd(6)}${applied!.padEnd(12)}${events!.padEnd(12)}${digest!}`
}

function phaseText(phase: Phase): string {
  const marks: Record<Phase, string> = {
    leader: '★ leader',
    follower: '● follower',
    candidate: '◐ candidate',
    preCandidate: '◐ pre-candidate',
    'no answer': '? no answer',
    killed: '✖ killed',
    stopped: '✖ stopped',
    paused: '‖ paused',
  }
  return marks[phase]
}

function styleOf(node: NodeLook): Style {
  switch (phaseOf(node)) {
    case 'leader':
      return 'green'
    case 'follower':
      return 'cyan'
    case 'candidate':
    case 'preCandidate':
    case 'no answer':
      return 'yellow'
    default:
      return 'red'
  }
}

function faultLine({ inForce, faults, nowMs }: Moment, paint: Paint): string {
  if (inForce.length > 0) {
    const texts = inForce.map(({ text, fromMs }) => `${text} (${seconds(nowMs - fromMs)})`)
    return paint('red', `✖ ${texts.join(' · ')}`)
  }
  const last = faults.at(-1)
  if (last === undefined) return paint('green', '● no fault yet')
  const after =
    last.firstAckMs === null ? '' : `, first acknowledgement after ${milliseconds(last.firstAckMs)}`
  return `${paint('green', '● no fault')} · the last: ${last.text}${after}`
}

/** One mark for each of the last seconds. */
function faultMarks({ faults, seconds, nowMs }: Moment, columns: number): string {
  const first = seconds.length - 1 - columns
  return Array.from({ length: columns }, (_, place) => {
    const fromMs = 1_000 * (first + place)
    const hit = faults.some(
      (fault) => fault.fromMs < fromMs + 1_000 && (fault.toMs ?? nowMs) >= fromMs,
    )
    return hit ? '▀' : '·'
  }).join('')
}

export function chart(values: readonly number[], full: number): string {
  const steps = BLOCKS.length - 1
  return values
    .map((value) => BLOCKS[Math.min(steps, Math.ceil((steps * value) / full))] ?? BLOCKS[steps])
    .join('')
}

function alarm(count: number, paint: Paint): string {
  return paint(count === 0 ? 'green' : 'red', grouped(count))
}

export function clock(ms: number): string {
  const whole = Math.floor(ms / 1_000)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
