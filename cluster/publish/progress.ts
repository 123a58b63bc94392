// How far a run of the publisher is, and how it went in the end, as text. Pure.

import { grouped, milliseconds, percent, seconds, table } from '../format.ts'
import type { Tally } from './publisher.ts'

export interface Progress {
  readonly tally: Tally
  readonly elapsedMs: number
  /** Events to come in all; null where nobody knows. */
  readonly total: number | null
  /** How much of the input is behind us, 0 to 1; null where it has no known end. */
  readonly share: number | null
}

const BAR_CELLS = 24

/** Events whose outcome is known. */
export function settledCount(tally: Tally): number {
  return tally.accepted + tally.duplicates
}

export function progressLine({ tally, elapsedMs, total, share }: Progress): string {
  const settled = settledCount(tally)
  const rate = elapsedMs <= 0 ? 0 : (1000 * settled) / elapsedMs
  const facts = [
    total === null ? grouped(settled) : `${grouped(settled)} / ${grouped(total)}`,
    `${grouped(rate)}/s`,
  ]
  if (total !== null && rate > 0 && settled < total) {
    facts.push(`${seconds((total - settled) / rate)} left`)
  }
  if (tally.retries > 0) facts.push(`${grouped(tally.retries)} retries`)
  if (tally.errors > 0) facts.push(`${grouped(tally.errors)} errors`)
  const line = facts.join(' · ')
  return share === null ? line : `${bar(share)} ${line}`
}

export function bar(share: number): string {
  const full = Math.floor(Math.min(1, share) * BAR_CELLS)
  return `[${'█'.repeat(full)}${'·'.repeat(BAR_CELLS - full)}]`
}

export function finalTable({ tally, elapsedMs }: Pick<Progress, 'tally' | 'elapsedMs'>): string {
  const settled = settledCount(tally)
  const rate = elapsedMs <= 0 ? 0 : (1000 * settled) / elapsedMs
  return table([
    ['sent', grouped(tally.sent)],
    ['accepted', grouped(tally.accepted)],
    ['duplicates', `${grouped(tally.duplicates)} (${percent(tally.duplicates, settled)})`],
    ['conflicts', grouped(tally.conflicts)],
    ['retries', grouped(tally.retries)],
    ['errors', grouped(tally.errors)],
    ['time', seconds(elapsedMs / 1000)],
    ['events/s', grouped(rate)],
    ['p50', milliseconds(tally.latency.percentileMs(0.5))],
    ['p95', milliseconds(tally.latency.percentileMs(0.95))],
    ['p99', milliseconds(tally.latency.percentileMs(0.99))],
  ])
}
