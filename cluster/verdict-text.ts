// The ledger's verdict in words: the same lines at the end of chaos and of check.

import type { Verdict } from '../client/ledger/ledger.ts'
import { RULES } from '../client/ledger/violations.ts'
import { grouped, percent } from './format.ts'

/** Sentences shown; each names an event, and one rule that is broken is broken often. */
const SENTENCES_MAX = 20

export function verdictLines(verdict: Verdict, nodeCount: number): string[] {
  const { acknowledged, publishes, lost, storedTwice, phantoms, positionsDense } = verdict
  const { accepted, duplicate, refused, unknown } = publishes
  return [
    `acknowledged   ${grouped(acknowledged)} different events ` +
      `(${grouped(accepted)} accepted, ${grouped(duplicate)} duplicates: ` +
      `${percent(duplicate, accepted + duplicate)})`,
    `open           ${grouped(refused)} refused, ${grouped(unknown)} unknown`,
    `lost           ${countOf(lost)}`,
    `stored twice   ${countOf(storedTwice)}`,
    `phantoms       ${grouped(phantoms)}`,
    `positions      ${positionsText(positionsDense)}`,
    `digests        ${digestsText(verdict, nodeCount)}`,
    `counters       ${verdict.countersEqual === null ? 'not read' : verdict.countersEqual ? 'equal' : 'DIFFERENT'}`,
    ...violationLines(verdict),
  ]
}

function violationLines({ violations, violationsCount }: Verdict): string[] {
  if (violationsCount === 0) return ['violations     none']
  const shown = violations.slice(0, SENTENCES_MAX)
  const more = violationsCount - shown.length
  return [
    `violations     ${grouped(violationsCount)}`,
    ...shown.map(({ rule, sentence }) => `  ${rule} (${RULES[rule]}): ${sentence}`),
    ...(more > 0 ? [`  and ${grouped(more)} more`] : []),
  ]
}

function countOf(events: number | null): string {
  return events === null ? 'not known: no node was read' : grouped(events)
}

function positionsText(dense: boolean | null): string {
  return dense === null ? 'not read' : dense ? 'dense' : 'NOT DENSE'
}

function digestsText({ digestsEqualAt, lost }: Verdict, nodeCount: number): string {
  if (lost === null) return 'not read'
  if (digestsEqualAt === null) return 'DIFFERENT'
  return `equal on ${nodeCount} nodes at index ${grouped(digestsEqualAt)}`
}
