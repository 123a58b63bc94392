// Majorities. One place for the arithmetic, so that nobody writes `majority - 1` by hand.

import type { Index } from './types.ts'

export function majority(members: number): number {
  return Math.floor(members / 2) + 1
}

/**
 * The highest index that a majority of all members holds. `matches` has one number for each member that counts;
 * those missing to `members` count as holding nothing.
 */
export function committedByMajority(matches: readonly Index[], members: number): Index {
  const descending = [...matches].sort((a, b) => b - a)
  return descending[majority(members) - 1] ?? 0
}
