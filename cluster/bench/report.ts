// Runs → what a person reads: a table of loads (min / median / max over the repeats), single values, and what was wrong.
//
// Pure.

import { spreadOf } from '../chaos/meter.ts'
import { grouped, table } from '../format.ts'
import type { Line, Value } from './arena.ts'
import type { Measured } from './measure.ts'
import { NOT_DURABLE, OUR_NAME, type Report, type Run } from './results.ts'

const MIB = 1024 * 1024
const HEAD = [
  ...['', '/s min', 'median', 'max', 'p50 ms', 'p95', 'p99'],
  ...['CPU-s/100k', 'nodes', 'client', 'RSS MiB', 'anon', 'PSS', 'bytes/op', 'fsync/s'],
]

export function reportLines(report: Report): string[] {
  const groups = Map.groupBy(linesOf(report.runs), ({ key }) => key)
  const loads = [...groups].flatMap(([key, lines]) => {
    const measured = lines.flatMap(({ line }) => line.load ?? [])
    return measured.length === 0 ? [] : [loadRow(key, measured)]
  })
  const values = [...groups].flatMap(([key, lines]) => valueRows(key, lines))
  return [
    ...(loads.length === 0 ? [] : [table([HEAD, ...loads]).trimEnd(), '', LEGEND]),
    ...(values.length === 0 ? [] : [table([VALUES_HEAD, ...values]).trimEnd()]),
    ...ratioLines(report),
    ...promiseLines(report),
    ...verdictLines(report),
  ]
}

const LEGEND =
  'Medians over the repeats but for min and max. CPU seconds for 100,000 operations: of each node, and of the load generator\n' +
  'in this process. RSS: of the largest node, anon: of that, what is no mapped file; PSS: of all nodes together. bytes/op and fsync/s: of the disk, all nodes together.'

const VALUES_HEAD = ['', 'min', 'median', 'max', '']

/** Of each measurement that both made: how many times theirs ours is, by the medians. */
function ratioLines({ runs, against }: Report): string[] {
  if (against === null) return []
  const rates = (by: string, label: string): number[] =>
    runs
      .filter((run) => run.by === by)
      .flatMap(({ lines }) => lines.filter((line) => line.label === label))
      .flatMap(({ load }) => load?.perSecond ?? [])
  const labels = new Set(runs.flatMap(({ lines }) => lines.map(({ label }) => label)))
  return [...labels].flatMap((label) => {
    const [ours, theirs] = [spreadOf(rates(OUR_NAME, label)), spreadOf(rates(against, label))]
    if (ours === null || theirs === null) return []
    const ratio = figure(ours.median / theirs.median)
    return `${label}: ${ratio} × ${against} (${grouped(ours.median)}/s to ${grouped(theirs.median)}/s)`
  })
}

/** What an acknowledgement of the opponent means, where it is not what one of ours does. */
function promiseLines({ runs, against }: Report): string[] {
  const promises = new Set(runs.filter(({ by }) => by === against).map(({ promise }) => promise))
  return [...promises].map((promise) => `What ${against} has acknowledged is ${promise}.`)
}

/** One line while the runs go on. */
export function runLine(run: Run): string {
  const parts = run.lines.map(({ label, load, values = {} }) => {
    const shown = Object.entries(values).map(([name, value]) =>
      `${name} ${amount(value)} ${value.unit}`.trimEnd(),
    )
    if (load !== undefined) {
      shown.unshift(
        `${grouped(load.perSecond)}/s, p50 ${figure(load.p50Ms)} ms, p99 ${figure(load.p99Ms)} ms`,
      )
    }
    return `${label}: ${shown.join(', ')}`
  })
  const proof = run.faults.length === 0 ? proofText(run) : `${run.faults.length} FAULTS`
  return `${nameOf(run, `${run.mode} ${run.repeat}`)}: ${parts.join('; ')}; ${proof}`
}

function proofText({ proved, distinct, stored }: Run): string {
  if (proved) return `${grouped(distinct)} events checked on every node`
  const said = stored === null ? '' : `, it says it stores ${grouped(stored)}`
  return `${grouped(distinct)} events acknowledged${said}`
}

function verdictLines({ runs }: Report): string[] {
  const faults = runs.flatMap((run) =>
    run.faults.map((fault) => `FAULT ${run.mode} ${run.repeat}: ${fault}`),
  )
  const changes = runs
    .filter(({ leaderChanges }) => leaderChanges > 0)
    .map((run) => `note: the term rose by ${run.leaderChanges} during ${run.mode} ${run.repeat}`)
  const checked = runs
    .filter(({ proved }) => proved)
    .reduce((total, { distinct }) => total + distinct, 0)
  const verdict =
    faults.length === 0
      ? `${grouped(checked)} acknowledged events: each is stored once on every node, as it was sent.`
      : `${faults.length} FAULTS`
  return [...changes, ...faults, verdict]
}

interface NamedLine {
  readonly key: string
  readonly line: Line
}

function linesOf(runs: readonly Run[]): NamedLine[] {
  return runs.flatMap((run) => run.lines.map((line) => ({ key: nameOf(run, line.label), line })))
}

/** Never without a word about durability where there is none, nor about who it was where it was not us. */
function nameOf(run: Run, label: string): string {
  const notes = [
    ...(run.by === OUR_NAME ? [] : [run.by]),
    ...(run.promise === NOT_DURABLE ? [run.promise] : []),
  ]
  return notes.length === 0 ? label : `${label} (${notes.join(', ')})`
}

function loadRow(name: string, runs: readonly Measured[]): string[] {
  const perSecond = spreadOf(runs.map((run) => run.perSecond))!
  const median = (pick: (run: Measured) => number): number => spreadOf(runs.map(pick))!.median
  const largest = (bytes: Readonly<Record<string, number>>): number =>
    Math.max(...Object.values(bytes)) / MIB
  const ids = Object.keys(runs[0]!.cpu.nodes)
  const cpu = ids.map((_, place) => median((run) => sortedDown(run.cpu.nodes)[place]!))
  return [
    name,
    ...[perSecond.min, perSecond.median, perSecond.max].map(grouped),
    ...[median((run) => run.p50Ms), median((run) => run.p95Ms), median((run) => run.p99Ms)].map(
      figure,
    ),
    figure(median((run) => sum(run.cpu.nodes) + run.cpu.client)),
    cpu.map(figure).join(' + '),
    figure(median((run) => run.cpu.client)),
    grouped(median((run) => largest(run.rssBytes))),
    grouped(median((run) => largest(run.anonymousBytes))),
    grouped(median((run) => sum(run.pssBytes) / MIB)),
    disk(runs.map((run) => run.writtenBytes)),
    disk(runs.map((run) => run.flushesPerSecond)),
  ]
}

function valueRows(key: string, lines: readonly NamedLine[]): string[][] {
  const names = new Set(lines.flatMap(({ line }) => Object.keys(line.values ?? {})))
  return [...names].map((name) => {
    const found = lines.flatMap(({ line }) => line.values?.[name] ?? [])
    const { min, median, max } = spreadOf(found.map(({ value }) => value))!
    const { unit } = found[0]!
    return [`${key}: ${name}`, ...[min, median, max].map((value) => amount({ value, unit })), unit]
  })
}

function disk(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? '–' : grouped(spreadOf(known)!.median)
}

/** The node that worked most first: the leader, as a rule. */
function sortedDown(values: Readonly<Record<string, number>>): number[] {
  return Object.values(values).sort((a, b) => b - a)
}

function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((total, value) => total + value, 0)
}

/** What has no unit is a count, or a ratio. */
function amount({ value, unit }: Value): string {
  return unit === '' && Number.isInteger(value) ? grouped(value) : figure(value)
}

/** Three digits or more: 0.123, 1.23, 12.3, 1,234 */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size >= 100 || value === 0) return grouped(value)
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3)
}
