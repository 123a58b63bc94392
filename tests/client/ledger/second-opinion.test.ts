// The checkers judge each other. A whole store, three events small, is also judged by search: is there any order of all
// operations that fits the times and in which each position comes after the one before? Its opinion must be the
// ledger's, on correct histories and on corrupted ones.

import { expect, test } from 'vitest'
import type { Outcome } from '../../../client/ledger/history.ts'
import { judge } from '../../../client/ledger/ledger.ts'
import {
  checkLinearizable,
  isLinearizable,
  type Model,
} from '../../../client/ledger/linearizability.ts'
import { checkPerKey } from '../../../client/ledger/per-key.ts'
import {
  groupByEvent,
  type Single,
  settleUnknowns,
  singles,
} from '../../../client/ledger/single.ts'
import type { Rule } from '../../../client/ledger/violations.ts'
import { Random } from './random.ts'
import { correctRun, type Run } from './tiny-cluster.ts'

const SMALL = { operations: 9, events: 3, everything: false }
const RUNS = 6_000

test('the ledger and a search over the whole store agree, on correct and on corrupted histories', () => {
  let wrong = 0
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const random = new Random(seed)
    let run = correctRun(seed, SMALL)
    for (let lies = seed % 3; lies > 0; lies -= 1) run = corrupted(run, random)

    const rules = judge(run.history, run.contents)
      .violations.map(({ rule }) => rule)
      .filter((rule) => !NOT_OF_ORDER.has(rule))
    const searched = isLinearizable(withLastLook(run), storeModel(run))

    expect({ seed, rules, right: searched }).toEqual({ seed, rules, right: rules.length === 0 })
    if (!searched) wrong += 1
  }
  expect(wrong).toBeGreaterThan(RUNS / 4)
  expect(wrong).toBeLessThan(RUNS / 1.5)
})

test('what the per-event checkers find, the ledger finds; they differ from each other only by positions', () => {
  let found = 0
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const random = new Random(seed)
    const run = corrupted(correctRun(seed, SMALL), random)
    const operations = withLastLook(run)

    const byIntervals = checkPerKey(operations).length > 0
    const bySearch = checkLinearizable(operations).length > 0
    const twoPositions = [...groupByEvent(operations).values()].some(
      (group) =>
        new Set(group.flatMap(({ step }) => ('position' in step ? step.position : []))).size > 1,
    )
    const settled = settleUnknowns(operations, run.contents[0]!.events)

    expect({ seed, bySearch }).toEqual({ seed, bySearch: byIntervals || twoPositions })
    // Settling uses what was shown of larger positions, so it can only find more.
    const bySettled = checkLinearizable(settled).length > 0
    expect({ seed, bySettled }).toEqual({ seed, bySettled: bySettled || bySearch })
    if (!bySettled) continue
    found += 1
    expect({ seed, clean: judge(run.history, run.contents).clean }).toEqual({ seed, clean: false })
  }
  expect(found).toBeGreaterThan(RUNS / 10)
})

/** Rules of density and counting, of which the search knows nothing. */
const NOT_OF_ORDER: ReadonlySet<Rule> = new Set(['hole', 'stats-sum', 'stats-bounds'])

const FOREVER = Number.MAX_SAFE_INTEGER

/** The contents of the nodes as one read of each event, after everything else. */
function withLastLook({ history, contents }: Run): Single[] {
  const operations = singles(history)
  const events = [...contents[0]!.events]
  const time = { call: FOREVER, return: FOREVER }
  const known = new Map(
    [...operations, ...events].map((one) => [`${one.topic} ${one.eventId}`, one]),
  )
  const reads = [...known.values()].map(({ topic, eventId }): Single => {
    const held = events.find((event) => event.topic === topic && event.eventId === eventId)
    const step = held
      ? ({ type: 'present', position: held.position, hash: held.hash } as const)
      : ({ type: 'absent' } as const)
    return { topic, eventId, ...time, step }
  })
  return [...operations, ...reads]
}

interface Stored {
  readonly name: string
  readonly position: number
  readonly hash: string
}

/** A store that gives out ever larger positions. An unknown publish stores, if at all, where its event was found. */
function storeModel({ contents }: Run): Model<Single, readonly Stored[]> {
  const found = new Map(
    [...contents[0]!.events].map((event) => [`${event.topic} ${event.eventId}`, event.position]),
  )
  return {
    initial: [],
    keyOf: (stored) => JSON.stringify(stored),
    step: (stored, { topic, eventId, step }) => {
      const name = `${topic} ${eventId}`
      const held = stored.find((one) => one.name === name)
      const store = (position: number | undefined, hash: string) =>
        !held && position !== undefined && position > (stored.at(-1)?.position ?? 0)
          ? [...stored, { name, position, hash }]
          : null
      switch (step.type) {
        case 'accepted':
          return store(step.position, step.hash)
        case 'unknown':
          return store(found.get(name), step.hash)
        case 'duplicate': {
          const conflict = held?.hash !== step.hash
          return held?.position === step.position && conflict === step.conflict ? stored : null
        }
        case 'present': {
          const same = step.hash === null || step.hash === held?.hash
          return held?.position === step.position && same ? stored : null
        }
        case 'absent':
          return held ? null : stored
      }
    },
  }
}

/** One answer or one time, changed at random; the result may still be correct. */
function corrupted({ history, contents }: Run, random: Random): Run {
  const place = random.below(history.length)
  const changed = history.map((operation, i) => {
    if (i !== place) return operation
    const { answer, call } = operation
    const shift = random.below(20) - 10
    if (random.chance(0.25))
      return { ...operation, call: call + shift, return: operation.return + shift }
    const position = 1 + random.below(4)
    switch (answer.type) {
      case 'published': {
        const outcomes: Outcome[] = [
          random.pick<Outcome>([
            { type: 'accepted', position },
            { type: 'duplicate', position, conflict: random.chance(0.3) },
            { type: 'refused' },
            { type: 'unknown' },
          ]),
        ]
        return { ...operation, answer: { ...answer, outcomes } }
      }
      case 'present':
        return {
          ...operation,
          answer: random.pick([{ type: 'absent' } as const, { ...answer, position }]),
        }
      case 'absent':
        return { ...operation, answer: { type: 'present', position, hash: 'same' } as const }
      default:
        return operation
    }
  })
  return { history: changed, contents }
}
