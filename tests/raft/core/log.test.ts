// The log in memory: terms as runs, what is cut and what is kept, and the bounds on what stays.

import { describe, expect, test } from 'vitest'
import { compareLogs, entryBytes, RaftLog, termInRuns } from '../../../raft/core/log.ts'
import { Random } from '../../../raft/core/random.ts'
import { ORIGIN } from '../../../raft/core/types.ts'
import { entriesOf } from './network.ts'

/** A log of these terms behind `base`, of which everything up to `applied` has been applied. */
function logOf(terms: readonly number[], base = ORIGIN, applied = base.index): RaftLog {
  const entries = entriesOf(terms, base.index + 1)
  return new RaftLog({
    base,
    terms: entries.filter((entry, i) => entry.term !== entries[i - 1]?.term),
    entries: entries.filter((entry) => entry.index > applied),
    applied,
  })
}

const termsOf = (log: RaftLog) =>
  Array.from({ length: log.last.index - log.base.index }, (_, i) => log.term(log.firstIndex + i))

describe('what a start finds', () => {
  test('an empty log ends at its base', () => {
    expect(logOf([]).last).toEqual(ORIGIN)
    expect(logOf([], { index: 7, term: 3 }).last).toEqual({ index: 7, term: 3 })
    expect(logOf([1, 2], ORIGIN, 2).last).toEqual({ index: 2, term: 2 })
  })

  test('terms are known behind base, and nowhere else', () => {
    const log = logOf([2, 2, 3], { index: 5, term: 2 })
    expect([4, 5, 6, 7, 8, 9].map((i) => log.term(i))).toEqual([null, 2, 2, 2, 3, null])
    expect(log.matches({ index: 8, term: 3 })).toBe(true)
    expect(log.matches({ index: 9, term: 3 })).toBe(false)
  })

  test('a hole between what is applied and what is in memory breaks an invariant', () => {
    const entries = entriesOf([1], 3)
    expect(() => new RaftLog({ base: ORIGIN, terms: [], entries, applied: 1 })).toThrow(
      'entries to apply again',
    )
  })
})

test('§5.4.1 logs compare by last term, then by length', () => {
  const a = { index: 9, term: 1 }
  expect(compareLogs(a, { index: 1, term: 2 })).toBeLessThan(0)
  expect(compareLogs(a, { index: 8, term: 1 })).toBeGreaterThan(0)
  expect(compareLogs(a, { ...a })).toBe(0)
})

describe('append and merge', () => {
  test('holes and falling terms break invariants', () => {
    const log = logOf([2])
    expect(() => log.append(entriesOf([2], 3)[0]!)).toThrow('no holes')
    expect(() => log.append(entriesOf([1], 2)[0]!)).toThrow('never fall')
  })

  test('what agrees stays, a conflict cuts, and tells where', () => {
    const log = logOf([1, 1, 2, 2])
    expect(log.merge(entriesOf([1, 2], 2))).toBeNull()
    expect(log.last.index).toBe(4)
    expect(log.merge(entriesOf([3, 3], 4))).toBe(3)
    expect(termsOf(log)).toEqual([1, 1, 2, 3, 3])
  })

  test('nothing committed is overwritten', () => {
    const log = logOf([1, 1, 1])
    log.commitTo(2)
    expect(() => log.merge(entriesOf([2], 2))).toThrow('nothing committed is overwritten')
  })

  test('entries at or below base are skipped', () => {
    const log = logOf([2], { index: 5, term: 2 })
    expect(log.merge(entriesOf([1, 1, 2, 2], 4))).toBeNull()
    expect(termsOf(log)).toEqual([2, 2])
  })

  test('a cut takes back what was durable behind it', () => {
    const log = logOf([1, 1, 1])
    log.merge(entriesOf([2], 2))
    expect(log.stable).toBe(1)
    expect(log.unstable().map((entry) => entry.index)).toEqual([2])
  })

  test('a cut may reach below what is in memory', () => {
    const log = logOf([1, 1, 1, 1], ORIGIN)
    log.markDone(0)
    log.release(0)
    log.commitTo(2)
    log.takeApplicable(1e9)
    log.markDone(2)
    log.release(0)
    log.merge(entriesOf([2], 3))
    expect(termsOf(log)).toEqual([1, 1, 2])
    expect(log.slice(3, 3, 1e9)).toHaveLength(1)
  })
})

describe('memory', () => {
  test('a slice has at least one entry and about bytesMax; null if it is gone', () => {
    const log = logOf([1, 1, 1, 1])
    const size = entryBytes(entriesOf([1])[0]!)
    expect(log.slice(1, 4, 1)).toHaveLength(1)
    expect(log.slice(1, 4, 2 * size)).toHaveLength(2)
    expect(log.slice(1, 2, 1e9)).toHaveLength(2)
    expect(log.slice(5, 5, 1e9)).toHaveLength(0)

    log.commitTo(3)
    log.takeApplicable(1e9)
    log.markDone(3)
    log.release(0)
    expect(log.slice(3, 4, 1e9)).toBeNull()
    expect(log.slice(4, 4, 1e9)).toHaveLength(1)
    expect(log.bytesAbove(0)).toBe(size)
  })

  test('only what is applied and durable is let go', () => {
    const log = logOf([1])
    log.append(entriesOf([1], 2)[0]!)
    log.commitTo(2)
    expect(log.takeApplicable(1e9).map((entry) => entry.index)).toEqual([1])
    log.markDone(0)
    log.release(0)
    expect(log.slice(1, 2, 1e9)).toHaveLength(2)
    log.markDone(2)
    log.release(0)
    expect(log.slice(2, 2, 1e9)).toHaveLength(1)
    expect(log.slice(1, 2, 1e9)).toBeNull()
  })

  test('below the bound nothing is let go', () => {
    const log = logOf([1, 1])
    log.commitTo(2)
    log.takeApplicable(1e9)
    log.markDone(2)
    log.release(1e9)
    expect(log.slice(1, 2, 1e9)).toHaveLength(2)
  })
})

describe('commit and apply', () => {
  test('commit never moves back and never beyond the end', () => {
    const log = logOf([1, 1])
    expect(log.commitTo(2)).toBe(true)
    expect(log.commitTo(1)).toBe(false)
    expect(log.commit).toBe(2)
    expect(() => log.commitTo(3)).toThrow('commit ≤ last')
    expect(() => log.setStable(3)).toThrow('stable ≤ last')
  })

  test('bounded in bytes, in order, once', () => {
    const log = logOf([1, 1, 1])
    log.commitTo(3)
    expect(log.takeApplicable(1).map((e) => e.index)).toEqual([1])
    expect(log.takeApplicable(1e9).map((e) => e.index)).toEqual([2, 3])
    expect(log.takeApplicable(1e9)).toEqual([])
  })
})

describe('trimming', () => {
  test('moves the base and keeps the terms behind it', () => {
    const log = logOf([1, 1, 2, 3, 3])
    log.commitTo(5)
    log.takeApplicable(1e9)
    log.trimmedTo(4)
    expect(log.base).toEqual({ index: 3, term: 2 })
    expect(termsOf(log)).toEqual([3, 3])
    log.trimmedTo(5)
    expect(log.base).toEqual({ index: 4, term: 3 })
    expect(termsOf(log)).toEqual([3])
    log.trimmedTo(6)
    expect(log.base).toEqual({ index: 5, term: 3 })
    log.trimmedTo(2)
    expect(log.base).toEqual({ index: 5, term: 3 })
    log.append(entriesOf([3], 6)[0]!)
    expect(termsOf(log)).toEqual([3])
  })

  test('only applied entries may be trimmed', () => {
    expect(() => logOf([1, 1]).trimmedTo(2)).toThrow('only applied entries')
  })
})

describe('restore', () => {
  test('must move commit forward', () => {
    const log = logOf([1])
    log.commitTo(1)
    expect(() => log.restore({ index: 1, term: 1 })).toThrow('moves commit forward')
  })

  test('answers what it keeps, to be written again', () => {
    const log = logOf([1, 1, 1, 2])
    expect(log.restore({ index: 2, term: 1 }).map((entry) => entry.index)).toEqual([3, 4])
    expect(log.unstable().map((entry) => entry.index)).toEqual([3, 4])
    expect(termsOf(log)).toEqual([1, 2])
    expect(log).toMatchObject({ commit: 2, applied: 2, stable: 2 })
  })

  test('a snapshot within the log moves what is applied, and nothing else', () => {
    const log = logOf([1, 1, 1])
    log.skipTo(2)
    expect(log).toMatchObject({ commit: 2, applied: 2, stable: 3, last: { index: 3, term: 1 } })
    expect(() => log.skipTo(4)).toThrow('within the log')
    expect(() => log.skipTo(1)).toThrow('within the log')
  })
})

test('terms are found in runs as by looking at each entry', () => {
  const random = new Random(1)
  for (let round = 0; round < 300; round++) {
    let term = 1
    const terms = Array.from({ length: random.below(20) }, () => (term += random.below(3) >> 1))
    const entries = entriesOf(terms)
    const runs = entries.filter((entry, i) => entry.term !== entries[i - 1]?.term)
    for (const entry of entries) expect(termInRuns(runs, entry.index)).toBe(entry.term)
    expect(termInRuns(runs, 0)).toBeNull()
  }
})

test('a random walk agrees with a plain list of entries', () => {
  const random = new Random(2)
  for (let round = 0; round < 200; round++) {
    const log = logOf([])
    let model: number[] = []
    let term = 1
    for (let step = 0; step < 40; step++) {
      term += random.below(4) === 0 ? 1 : 0
      const from = log.commit + random.below(model.length - log.commit + 1)
      const entries = entriesOf(Array(random.below(4)).fill(term), from + 1)
      log.merge(entries)
      for (const entry of entries)
        if (model[entry.index - 1] !== entry.term)
          model = [...model.slice(0, entry.index - 1), entry.term]
      if (random.below(3) === 0) log.setStable(log.last.index)
      log.commitTo(Math.min(log.stable, log.commit + random.below(3)))
      if (random.below(2) === 0) log.takeApplicable(1e9)
      if (random.below(4) === 0) log.markDone(log.applied)
      log.release(200)
      const waiting = model.slice(log.done, log.commit).length
      expect(log.waitingBytes).toBe(waiting * entryBytes(entriesOf([1])[0]!))
      if (random.below(8) === 0 && log.done > 0) log.trimmedTo(log.done)
      expect(termsOf(log)).toEqual(model.slice(log.base.index))
      expect(log.last.index).toBe(model.length)
    }
  }
})
