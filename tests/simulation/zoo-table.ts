// What a hunt through the zoo looks like to a person: a line as each plant is done, and a table at the end.

import type { Caught } from './run-zoo.ts'

const SENTENCE_MAX = 110

/** As soon as a plant is done: what caught it, in its own words. */
export function huntLine(
  { plant, seeds, failure }: Caught,
  done: number,
  of: number,
  sinceStartMs: number,
): string {
  const verdict =
    failure === null ? 'NOT CAUGHT' : `seed ${seeds}: ${failure.message.slice(0, SENTENCE_MAX)}`
  return `${done} of ${of}, ${(sinceStartMs / 1000).toFixed(0)} s  ${plant.bug}\n    ${verdict}`
}

/** Plant, file, seeds until it was caught, and the invariant or checker that complained; the hardest last. */
export function zooTable(all: readonly Caught[]): readonly string[] {
  const cost = ({ seeds }: Caught) => seeds ?? Number.MAX_SAFE_INTEGER
  const rows = [...all]
    .sort((a, b) => cost(a) - cost(b))
    .map(({ plant, seeds, failure }) => [
      plant.bug,
      plant.file,
      seeds === null ? 'missed' : String(seeds),
      failure?.what ?? '',
    ])
  const table = [['planted bug', 'file', 'seeds', 'caught by'], ...rows]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

/** How many were caught, and within how many seeds half of them. */
export function zooSummary(all: readonly Caught[]): string {
  const seeds = all.flatMap((caught) => (caught.seeds === null ? [] : [caught.seeds]))
  seeds.sort((a, b) => a - b)
  const median = seeds[seeds.length >> 1] ?? 0
  return `${seeds.length} of ${all.length} planted bugs caught, half of them within ${median} seeds, the last after ${seeds.at(-1) ?? 0}`
}
