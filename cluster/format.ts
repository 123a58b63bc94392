// How figures are written for people, the same in every command.

/** 1234567 → 1,234,567 */
export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',')
}

/** 0.4 → 0.4 ms, 12.34 → 12.3 ms, 1234 → 1,234 ms */
export function milliseconds(value: number): string {
  return value < 100 ? `${value.toFixed(1)} ms` : `${grouped(value)} ms`
}

/** 12.345 → 12.3 s, 200 → 3 min 20 s */
export function seconds(value: number): string {
  if (value < 60) return `${value.toFixed(1)} s`
  return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`
}

/** part of whole; 0 when there is nothing yet. */
export function percent(part: number, whole: number): string {
  return `${whole === 0 ? '0.0' : ((100 * part) / whole).toFixed(1)} %`
}

/** Columns wide enough for their content; the first one left-aligned, the others right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    }
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}
