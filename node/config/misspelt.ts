// Variables that look like ours but are not: a setting that silently does not take effect is worse than a refused start.
// Named are those with our prefix, and those a slip of the finger away from a name we know.

const PREFIX = 'SEKALI_'

/** Kubernetes sets these in every pod beside a service called sekali. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT)(_|$)|_PORT(_|$)/

/** Common names of others that happen to be close to one of ours. */
const NOT_OURS = new Set(['NODE_IP', 'POST', 'HOSTS', 'PORTS'])

/** One sentence for each name that was probably meant for us. */
export function misspeltVariables(names: Iterable<string>, known: readonly string[]): string[] {
  const faults: string[] = []
  for (const name of names) {
    if (known.includes(name) || NOT_OURS.has(name)) continue
    const upper = name.toUpperCase()
    const prefixed = upper.startsWith(PREFIX)
    if (prefixed && SERVICE_LINK.test(upper)) continue
    const bare = prefixed ? upper.slice(PREFIX.length) : upper
    const meant = known.find((candidate) => distance(bare, candidate) <= slips(candidate))
    if (meant !== undefined) faults.push(`${name} is not a variable of sekali; is ${meant} meant?`)
    else if (prefixed) faults.push(`${name} is not a variable of sekali`)
  }
  return faults
}

const slips = (name: string): number => (name.length >= 8 ? 2 : 1)

/** Letters to put in, leave out, change or swap with their neighbour, to get from a to b. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Number.POSITIVE_INFINITY
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, change)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) least = Math.min(least, rows[i - 2]![j - 2]! + 1)
      row.push(least)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
