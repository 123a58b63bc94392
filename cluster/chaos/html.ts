// The report as one page that needs nothing else: the verdict first, then what happened, then the figures.
//
// Pure: the same report gives the same page.

import { grouped, milliseconds } from '../format.ts'
import { gapPlot, throughputPlot, timelinePlot } from './html-plots.ts'
import { STYLE } from './html-style.ts'
import { escaped, tableOf } from './html-text.ts'
import { spreadOf } from './meter.ts'
import {
  duplicateShare,
  errorText,
  eventsPerSecond,
  faultsFound,
  type Report,
  recoveries,
} from './report.ts'
import { clock } from './view.ts'

const FAULT_ROWS_MAX = 200
const VIOLATIONS_MAX = 50

const LEGEND = [
  ['leader', 'leader'],
  ['follower', 'follower'],
  ['candidate', 'candidate'],
  ['down', 'killed or stopped'],
  ['paused', 'paused'],
  ['silent', 'no answer'],
  ['fault', 'a fault in force'],
] as const

export function htmlReport(report: Report): string {
  const found = faultsFound(report)
  const title = `sekali chaos: ${report.scenario}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body><main>
<header><h1>${escaped(title)}</h1><span class="badge${found.length === 0 ? '' : ' bad'}">${found.length === 0 ? 'clean' : 'not clean'}</span></header>
<p class="soft">${escaped(subtitle(report))}</p>
${tiles(report)}
${wrong(report, found)}
${section('Nodes', `Who led, who was down, and when; under each lane, what was done to the node.`, legend() + timelinePlot(report))}
${section('Throughput', 'Events acknowledged in each second, all clients together.', throughputPlot(report))}
${section('Gaps', 'The longest time in each second that not one publish was acknowledged.', gapPlot(report))}
${section('Recovery', 'From a fault to the first acknowledgement of a publish that was sent after it.', recoveryTable(report))}
${section('Errors seen by clients', 'A surviving node is one that no fault had touched, with a majority of such nodes: through it a client may see a pause, never an error.', errorTable(report))}
${section('Faults', `${grouped(report.faults.length)} in ${grouped(report.steps)} steps, planned by seed ${report.seed}.`, faultTable(report))}
<footer>${escaped(footer(report))}</footer>
</main></body>
</html>
`
}

function subtitle({ seed, engine, durationMs, startedAt, timelines, faults }: Report): string {
  const nodes = `${timelines.length} nodes (${engine})`
  return `seed ${seed} · ${nodes} · ${clock(durationMs)} min under load · ${grouped(faults.length)} faults · started ${startedAt.slice(0, 19)}Z`
}

function tiles(report: Report): string {
  const { verdict, longestGap } = report
  const leader = spreadOf(
    report.faults
      .filter(({ hitLeader, nodes }) => hitLeader && nodes.length === 1)
      .flatMap(({ firstAckMs }) => firstAckMs ?? []),
  )
  const count = (value: number | null | undefined) =>
    value === null || value === undefined ? 'not read' : grouped(value)
  const all: [value: string, text: string, bad: boolean][] = [
    [count(verdict?.acknowledged), 'events acknowledged', verdict === null],
    [count(verdict?.lost), 'lost', verdict?.lost !== 0],
    [count(verdict?.storedTwice), 'stored twice', verdict?.storedTwice !== 0],
    [
      verdict?.digestsEqualAt == null ? 'no' : 'equal',
      verdict?.digestsEqualAt == null
        ? 'digests equal'
        : `digests, at index ${grouped(verdict.digestsEqualAt)}`,
      verdict?.digestsEqualAt == null,
    ],
    [duplicateShare(report), 'of the answers: duplicates', false],
    [`${grouped(eventsPerSecond(report))}/s`, 'events acknowledged', false],
    [milliseconds(longestGap.gapMs), 'longest gap', false],
    [leader === null ? '–' : milliseconds(leader.median), 'median recovery, leader hit', false],
  ]
  const tile = ([value, text, bad]: (typeof all)[number]) =>
    `<div class="tile${bad ? ' bad' : ''}"><b>${escaped(value)}</b><span>${escaped(text)}</span></div>`
  return `<div class="tiles">${all.map(tile).join('')}</div>`
}

function wrong({ verdict }: Report, found: readonly string[]): string {
  if (found.length === 0) return ''
  const sentences = [
    ...found,
    ...(verdict?.violations ?? [])
      .slice(0, VIOLATIONS_MAX)
      .map(({ rule, sentence }) => `${rule}: ${sentence}`),
  ]
  const items = sentences.map((sentence) => `<li>${escaped(sentence)}</li>`).join('')
  return `<section class="wrong"><h2>What is wrong</h2><ul>${items}</ul></section>`
}

function section(title: string, caption: string, content: string): string {
  return `<section><h2>${escaped(title)}</h2><p class="caption">${escaped(caption)}</p>${content}</section>`
}

function legend(): string {
  const items = LEGEND.map(([name, text]) => `<span><i class="${name}"></i>${text}</span>`)
  return `<div class="legend">${items.join('')}</div>`
}

function recoveryTable({ faults }: Report): string {
  const rows = recoveries(faults).map(({ what, spread: { count, min, median, max }, never }) => [
    what,
    grouped(count),
    ...[min, median, max].map(milliseconds),
    grouped(never),
  ])
  return tableOf(['fault', 'times', 'min', 'median', 'max', 'never'], rows)
}

function errorTable({ errors, counts }: Report): string {
  return tableOf(
    ['clients', 'through surviving nodes', 'in all'],
    [
      [`SDK (${grouped(counts.sdkCalls)} calls)`, '–', errorText(errors.sdk.all)],
      ['plain HTTP, publishes', errorText(errors.http.surviving), errorText(errors.http.all)],
      [
        `plain HTTP, reads (${grouped(counts.reads)})`,
        errorText(errors.read.surviving),
        errorText(errors.read.all),
      ],
    ],
  )
}

function faultTable({ faults, durationMs }: Report): string {
  const rows = faults
    .slice(0, FAULT_ROWS_MAX)
    .map(({ step, text, fromMs, toMs, firstAckMs }) => [
      String(step),
      clock(fromMs),
      text,
      `${(((toMs ?? durationMs) - fromMs) / 1_000).toFixed(1)} s`,
      firstAckMs === null ? 'never' : milliseconds(firstAckMs),
    ])
  const more = faults.length - rows.length
  const note = more > 0 ? `<p class="caption">and ${grouped(more)} more</p>` : ''
  return tableOf(['step', 'at', 'fault', 'held', 'first acknowledgement'], rows) + note
}

function footer({ lacking, verdict, counts }: Report): string {
  const skipped = lacking.length === 0 ? '' : ` Skipped: ${lacking.join('; ')}.`
  const open = verdict === null ? 0 : verdict.publishes.unknown
  return (
    `${grouped(counts.accepted)} accepted, ${grouped(counts.duplicates)} duplicates, ` +
    `${grouped(counts.conflicts)} conflicts, ${grouped(open)} publishes whose outcome that call did not learn.${skipped}`
  )
}
