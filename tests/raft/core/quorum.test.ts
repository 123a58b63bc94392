// Majorities, against a naive count.

import { expect, test } from 'vitest'
import { committedByMajority, majority } from '../../../raft/core/quorum.ts'
import { Random } from '../../../raft/core/random.ts'

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
  [6, 4],
  [7, 4],
])('a majority of %i is %i', (members, expected) => {
  expect(majority(members)).toBe(expected)
})

/** Slow and plain: the highest index that more than half of all members hold. */
function naive(matches: readonly number[], members: number): number {
  let best = 0
  for (const index of matches) {
    const holders = matches.filter((match) => match >= index).length
    if (holders * 2 > members && index > best) best = index
  }
  return best
}

test('commit agrees with a naive count, also with members that do not count', () => {
  const random = new Random(1)
  for (let round = 0; round < 20_000; round++) {
    const members = 1 + random.below(7)
    const counting = random.below(members + 1)
    const matches = Array.from({ length: counting }, () => random.below(9))
    const given = [...matches]
    expect(committedByMajority(matches, members)).toBe(naive(matches, members))
    expect(matches).toEqual(given)
  }
})
