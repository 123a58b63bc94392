// A chaos run as plain data: what was done to the cluster, what clients saw, and the verdict. What `--report` writes, and
// what the page and the last lines on the terminal are made of.

import type { Verdict } from '../../client/ledger/ledger.ts'
import { grouped, milliseconds, percent } from '../format.ts'
import { verdictLines } from '../verdict-text.ts'
import type { FaultNote } from './injector.ts'
import { type Second, type Spread, spreadOf } from './meter.ts'
import type { Counts } from './recorder.ts'
import type { Phase } from './watcher.ts'

export const REPORT_VERSION = 1

/** Of one kind of client, by kind of error. */
export interface ErrorReport {
  readonly all: Readonly<Record<string, number>>
  readonly surviving: Readonly<Record<string, number>>
}

export interface PhaseSpan {
  readonly phase: Phase
  readonly term: number
  readonly fromMs: number
  readonly toMs: number
}

/** Times are milliseconds since the start of the load. */
export interface Report {
  readonly version: typeof REPORT_VERSION
  readonly scenario: string
  readonly seed: number
  readonly engine: string
  /** RFC 3339. */
  readonly startedAt: string
  readonly durationMs: number
  readonly options: Readonly<Record<string, string | number | boolean>>
  readonly steps: number
  readonly faults: readonly Readonly<FaultNote>[]
  /** Faults of the scenario that could not be had here, and why. */
  readonly lacking: readonly string[]
  readonly timelines: readonly { readonly node: string; readonly spans: readonly PhaseSpan[] }[]
  readonly seconds: readonly Second[]
  readonly longestGap: { readonly gapMs: number; readonly endMs: number }
  readonly counts: Counts
  readonly errors: Readonly<Record<'sdk' | 'http' | 'read', ErrorReport>>
  readonly crashes: readonly string[]
  /** What went wrong beside the ledger. */
  readonly complaints: readonly string[]
  /** Null: the nodes could not be read back. */
  readonly verdict: Verdict | null
}

/** Sentences about all that is wrong; none: the run is clean. */
export function faultsFound(report: Report): string[] {
  const { verdict, errors, crashes, complaints } = report
  const found = [...complaints, ...crashes.map((crash) => `a node ended by itself: ${crash}`)]
  if (verdict !== null && !verdict.clean) {
    found.push(`the ledger found ${grouped(verdict.violationsCount)} violations`)
  }
  const sdk = total(errors.sdk.all)
  if (sdk > 0) found.push(`${grouped(sdk)} calls of the SDK ended in an error`)
  const surviving = total(errors.http.surviving)
  if (surviving > 0) {
    found.push(`${grouped(surviving)} publishes through surviving nodes ended in an error`)
  }
  return found
}

/** The last lines of a run. */
export function reportLines(report: Report): string[] {
  const { verdict, counts, errors, longestGap, lacking } = report
  const found = faultsFound(report)
  return [
    `${report.scenario}, seed ${report.seed}, ${report.engine}: ${report.steps} steps in ${seconds(report.durationMs)}`,
    ...lacking.map((sentence) => `skipped        ${sentence}`),
    ...(verdict === null
      ? ['NOT VERIFIED: the nodes could not be read back']
      : verdictLines(verdict, report.timelines.length)),
    `throughput     ${grouped(eventsPerSecond(report))} events/s acknowledged, longest gap ${milliseconds(longestGap.gapMs)}`,
    ...recoveryLines(report),
    `errors, SDK    ${errorText(errors.sdk.all)} (${grouped(counts.sdkCalls)} calls, ${grouped(counts.sdkRetries)} retries that may have been stored)`,
    `errors, HTTP   ${errorText(errors.http.all)}`,
    `  of these through surviving nodes: ${errorText(errors.http.surviving)}`,
    `errors, reads  ${errorText(errors.read.all)} (${grouped(counts.reads)} reads)`,
    `  of these through surviving nodes: ${errorText(errors.read.surviving)}`,
    ...found.map((sentence) => `WRONG          ${sentence}`),
    found.length === 0 ? 'VERDICT        clean' : 'VERDICT        NOT CLEAN',
  ]
}

export interface Recovery {
  /** "kill of the leader" */
  readonly what: string
  readonly spread: Spread
  /** Faults after which nothing was acknowledged any more. */
  readonly never: number
}

/** From a fault to the first acknowledgement of a publish sent after it, by kind of fault. */
export function recoveries(faults: readonly Readonly<FaultNote>[]): Recovery[] {
  const kinds = new Map<string, Readonly<FaultNote>[]>()
  for (const fault of faults) {
    const whom =
      fault.nodes.length > 1 ? 'all nodes' : fault.hitLeader ? 'the leader' : 'a follower'
    const what = `${fault.type} of ${whom}`
    kinds.set(what, [...(kinds.get(what) ?? []), fault])
  }
  return [...kinds].sort().flatMap(([what, notes]) => {
    const times = notes.flatMap(({ firstAckMs }) => firstAckMs ?? [])
    const spread = spreadOf(times)
    return spread === null ? [] : [{ what, spread, never: notes.length - times.length }]
  })
}

function recoveryLines({ faults }: Report): string[] {
  const found = recoveries(faults)
  if (found.length === 0) return ['first ack      there was no fault of ours']
  const width = Math.max(...found.map(({ what }) => what.length))
  return [
    'first acknowledgement after the fault, min / median / max:',
    ...found.map(({ what, spread: { count, min, median, max } }) => {
      const times = [min, median, max].map((ms) => grouped(ms)).join(' / ')
      return `  ${what.padEnd(width)}  ${times} ms (${grouped(count)} times)`
    }),
  ]
}

export function eventsPerSecond({ counts, durationMs }: Report): number {
  return durationMs <= 0 ? 0 : (1_000 * (counts.accepted + counts.duplicates)) / durationMs
}

export function duplicateShare({ counts }: Report): string {
  return percent(counts.duplicates, counts.accepted + counts.duplicates)
}

/** "3 connection refused, 1 503 no_leader" */
export function errorText(errors: Readonly<Record<string, number>>): string {
  const kinds = Object.entries(errors).sort((a, b) => b[1] - a[1])
  return kinds.length === 0
    ? 'none'
    : kinds.map(([kind, count]) => `${grouped(count)} × ${kind}`).join(', ')
}

export function total(errors: Readonly<Record<string, number>>): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0)
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(0)} s`
}
