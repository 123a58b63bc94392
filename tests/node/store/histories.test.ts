// Any history, grouped, crashed, redone, installed in any way, ends in the same bytes; and they are what a Map says.

import { describe, expect, test } from 'vitest'
import { UnknownVersionError } from '../../../node/command/format.ts'
import { DedupStateMachine } from '../../../node/store/dedup-state-machine.ts'
import type { EntryOutcome, PageQuery } from '../../../node/store/types.ts'
import type { Checkpoint, Entry } from '../../../raft/core/types.ts'
import fc from '../../properties.ts'
import { contentsOf, JournalStore } from './journal-store.ts'
import { anyGroups, anyLog, inGroups, logOf, type TestEntry } from './logs.ts'
import { Model, type ModelEvent } from './model.ts'

interface Node {
  readonly store: JournalStore
  readonly machine: DedupStateMachine
}

async function nodeOn(store: JournalStore, checkpoint: Checkpoint | null = null): Promise<Node> {
  const machine = await DedupStateMachine.open(store, store.makeDurable)
  await machine.redoFrom(checkpoint)
  return { store, machine }
}

async function nodeWith(entries: readonly Entry[], sizes: readonly number[] = [4]): Promise<Node> {
  const node = await nodeOn(new JournalStore())
  for (const group of inGroups(entries, sizes)) await node.machine.apply(group)
  return node
}

/** Equal in what is stored and in what is said of it. */
async function expectSame(a: Node, b: Node): Promise<void> {
  expect(a.machine.stats()).toEqual(b.machine.stats())
  expect(await contentsOf(a.store)).toEqual(await contentsOf(b.store))
  expect((await a.machine.verifyDigest()).faults).toEqual([])
}

/** For each batch whether it survives; repeats. */
const anyLuck = fc.array(fc.boolean(), { minLength: 1, maxLength: 11 })
const survivor = (luck: readonly boolean[]) => (batch: number) => luck[batch % luck.length]!
const numRuns = 150

describe('the same bytes', () => {
  test('however entries are grouped', () =>
    fc.assert(
      fc.asyncProperty(anyLog, anyGroups, anyGroups, async (log, sizesA, sizesB) => {
        const entries = logOf(log)
        const a = await nodeWith(entries, sizesA)
        const b = await nodeWith(entries, sizesB)

        await expectSame(a, b)
        for (const { index } of entries) {
          expect(a.machine.digestAt(index)).toBe(b.machine.digestAt(index))
        }
      }),
      { numRuns },
    ))

  test('redone from any checkpoint, over any part of later batches, again and again', () =>
    fc.assert(
      fc.asyncProperty(
        anyLog,
        fc.nat(),
        fc.array(fc.record({ reached: fc.nat(), luck: anyLuck, sizes: anyGroups }), {
          minLength: 1,
          maxLength: 4,
        }),
        async (log, checkpointAt, lives) => {
          const entries = logOf(log)
          const durable = checkpointAt % (entries.length + 1)
          let node = await nodeWith(entries.slice(0, durable))
          const checkpoint = await node.machine.checkpoint()
          for (const { reached, luck, sizes } of lives) {
            const upTo = durable + (reached % (entries.length - durable + 1))
            for (const group of inGroups(entries.slice(durable, upTo), sizes)) {
              await node.machine.apply(group)
            }
            node = await nodeOn(await node.store.crashed(survivor(luck)), checkpoint)
          }
          await node.machine.apply(entries.slice(durable))

          await expectSame(node, await nodeWith(entries))
        },
      ),
      { numRuns },
    ))

  test('installed from a snapshot, interrupted and crashed at any chunk, beside a log that goes on', () =>
    fc.assert(
      fc.asyncProperty(
        anyLog,
        fc.record({ own: fc.nat(), lateOwn: fc.nat(), offered: fc.nat() }),
        fc.array(
          fc.record({
            bytesMax: fc.constantFrom(1, 300, 2_000),
            event: fc.constantFrom('go on', 'go on', 'ask again', 'apply', 'crash'),
            luck: anyLuck,
          }),
          { minLength: 1, maxLength: 8 },
        ),
        async (log, places, steps) => {
          const entries = logOf(log)
          const full = await nodeWith(entries)
          const own = places.own % (entries.length + 1)
          let node = await nodeWith(entries.slice(0, own))
          const checkpoint = await node.machine.checkpoint()
          let applied = own
          const early = own + (places.offered % (entries.length - own + 1))
          const sender = await nodeWith(entries.slice(0, early))

          let from = sender
          let offer = sender.machine.offer()
          let after = await node.machine.beginInstall(offer)
          for (const { bytesMax, event, luck } of steps) {
            if (node.machine.installComplete()) break
            const { data } = await from.machine.readChunk(offer, after, bytesMax)
            after = await node.machine.installChunk(data)
            if (event === 'ask again') {
              from = full
              offer = full.machine.offer()
              after = await node.machine.beginInstall(offer)
            } else if (event === 'apply' && applied < entries.length) {
              const group = entries.slice(applied, applied + 1 + (places.lateOwn % 2))
              await node.machine.apply(group)
              applied += group.length
            } else if (event === 'crash') {
              node = await nodeOn(await node.store.crashed(survivor(luck)), checkpoint)
              applied = own
              after = await node.machine.beginInstall(offer)
            }
          }
          // Whatever is left of it: the log alone must be able to go on ...
          const logOnly = await nodeOn(await node.store.crashed(() => true), checkpoint)
          await logOnly.machine.apply(entries.slice(own))
          await expectSame(logOnly, full)

          // ... and a last transfer to complete.
          offer = full.machine.offer()
          after = await node.machine.beginInstall(offer)
          while (!node.machine.installComplete()) {
            const { data } = await full.machine.readChunk(offer, after, 500)
            after = await node.machine.installChunk(data)
          }
          expect(await node.machine.verifyInstall()).toBe(true)
          await node.machine.restore(offer)
          await expectSame(node, full)
        },
      ),
      { numRuns },
    ))
})

test('a snapshot damaged on its way is verified only if nothing of the damage is left, and disturbs no reader', () =>
  fc.assert(
    fc.asyncProperty(
      anyLog,
      fc.nat(),
      fc.record({ chunk: fc.nat(3), at: fc.nat(), bit: fc.nat(7) }),
      async (log, ownAt, damage) => {
        const entries = logOf(log)
        const full = await nodeWith(entries)
        const node = await nodeWith(entries.slice(0, ownAt % entries.length))
        const before = await readable(node)
        const offer = full.machine.offer()
        let damaged = false
        let after = await node.machine.beginInstall(offer)
        for (let i = 0; !node.machine.installComplete(); i++) {
          const data = Buffer.from((await full.machine.readChunk(offer, after, 400)).data)
          if (i === damage.chunk) {
            // Not in the chunk's head: a chunk that begins elsewhere is a late one.
            data[6 + (damage.at % (data.length - 6))]! ^= 1 << damage.bit
            damaged = true
          }
          try {
            after = await node.machine.installChunk(data)
          } catch (error) {
            // The version of a value was hit: nothing of it was taken, and the node stops.
            expect(error).toBeInstanceOf(UnknownVersionError)
            return
          } finally {
            expect(await readable(node)).toEqual(before)
          }
        }

        const verified = await node.machine.verifyInstall()
        expect(verified || damaged).toBe(true)
        if (!verified) return
        await node.machine.restore(offer)
        await expectSame(node, full)
      },
    ),
    { numRuns },
  ))

test('a crash that forgets the removal of a false snapshot, but not that it is done, changes nothing', async () => {
  const log: TestEntry[] = [[{ topic: 'a', event_id: '1' }], [{ topic: 'c', event_id: '1' }]]
  const liar = await nodeWith(logOf([[{ topic: 'c', event_id: '1' }]]))
  const { store, machine } = await nodeOn(new JournalStore())
  const after = await machine.beginInstall(liar.machine.offer())
  await machine.installChunk((await liar.machine.readChunk(liar.machine.offer(), after, 1)).data)
  const found = await store.crashed(() => true)
  await nodeOn(found)

  const node = await nodeOn(await found.crashed((batch) => batch === found.batches - 1))
  await node.machine.apply(logOf(log))

  await expectSame(node, await nodeWith(logOf(log)))
})

/** All that readers can see. */
async function readable({ machine }: Node): Promise<unknown> {
  const { events } = await machine.page({ limit: 1_000, order: 'asc' })
  const ids = events.map((event) => JSON.parse(String(Buffer.from(event))))
  return [
    machine.stats(),
    ids,
    await machine.positionsOf(ids),
    await machine.topics(null, 100),
    await Promise.all(ids.map(({ topic, event_id }) => machine.get(topic, event_id))),
  ]
}

describe('against a Map', () => {
  const NAMES = ['accepted', 'duplicate', 'conflict'] as const
  const shown = (outcome: EntryOutcome | null) =>
    outcome &&
    Array.from(outcome.flags, (flag, i) => ({
      position: outcome.positions[i],
      outcome: NAMES[flag],
    }))

  const applyBoth = async (log: readonly TestEntry[], sizes: readonly number[]) => {
    const model = new Model()
    const expected = log.map((entry) => model.apply(entry))
    const { machine } = await nodeOn(new JournalStore())
    const outcomes: (EntryOutcome | null)[] = []
    for (const group of inGroups(logOf(log), sizes)) outcomes.push(...(await machine.apply(group)))
    return { model, machine, expected, outcomes }
  }

  test('outcomes, counters and every single event', () =>
    fc.assert(
      fc.asyncProperty(anyLog, anyGroups, async (log, sizes) => {
        const { model, machine, expected, outcomes } = await applyBoth(log, sizes)

        expect(outcomes.map(shown)).toEqual(expected)
        expect(machine.stats()).toMatchObject({
          received: model.received,
          unique: model.events.length,
          duplicates: model.received - model.events.length,
          conflicts: model.conflicts,
          topics: model.topics,
          topicsTotal: model.topics.length,
          lastPosition: model.events.length,
        })
        for (const event of model.events) {
          const stored = await storedOf(machine, event)
          expect(JSON.parse(String(Buffer.from(stored!)))).toEqual(event)
        }
        expect((await machine.topics(null, 100)).topics).toEqual(
          model.topics.map((topic) => {
            const own = model.events.filter((event) => event.topic === topic)
            return { topic, events: own.length, last_position: own.at(-1)!.position }
          }),
        )
      }),
      { numRuns },
    ))

  /** By what it is known by. */
  async function storedOf(machine: DedupStateMachine, event: ModelEvent) {
    const { topic, source, event_id: eventId, cloudevent } = event
    if (cloudevent === undefined) return machine.get(topic, eventId)
    const { events } = await machine.page({ source, eventId, limit: 10, order: 'asc' })
    expect(events).toHaveLength(1)
    expect(await machine.positionsOf([{ source, id: eventId }])).toEqual([event.position])
    return events[0]
  }

  test('pages, followed to their end, show each fitting event once and in order', () => {
    const anyQuery: fc.Arbitrary<PageQuery> = fc.record(
      {
        limit: fc.integer({ min: 1, max: 7 }),
        order: fc.constantFrom('asc', 'desc'),
        topic: fc.constantFrom('a', 'a.b', '/a/b', 'nowhere', 'a.*', '*', '**', 'a.**', '*.b', '>'),
        source: fc.constantFrom('', 's'),
        sinceMs: fc.constantFrom(0, Date.UTC(2021, 0, 1)),
        untilMs: fc.constantFrom(Date.UTC(2021, 0, 1), Date.UTC(2026, 0, 1)),
        after: fc.integer({ min: 0, max: 40 }),
        scanMax: fc.integer({ min: 1, max: 9 }),
      },
      { requiredKeys: ['limit', 'order'] },
    )
    return fc.assert(
      fc.asyncProperty(anyLog, anyQuery, async (log, query) => {
        const { model, machine } = await applyBoth(log, [3])
        const { after, order } = query
        const fitting = model.events.filter((event) => {
          const instantMs = Date.parse(event.timestamp)
          return (
            (query.topic === undefined || fits(query.topic, event.topic)) &&
            (query.source === undefined || event.source === query.source) &&
            instantMs >= (query.sinceMs ?? Number.NEGATIVE_INFINITY) &&
            instantMs < (query.untilMs ?? Number.POSITIVE_INFINITY) &&
            (after === undefined ||
              (order === 'asc' ? event.position > after : event.position < after))
          )
        })
        if (order === 'desc') fitting.reverse()

        const found: unknown[] = []
        let next: number | null | undefined = after
        do {
          const page = await machine.page({ ...query, ...(next !== undefined && { after: next }) })
          expect(page.events.length).toBeLessThanOrEqual(query.limit)
          expect(page.next).not.toBe(next)
          found.push(...page.events.map((event) => JSON.parse(String(Buffer.from(event)))))
          next = page.next
        } while (next !== null)

        expect(found).toEqual(fitting)
      }),
      { numRuns },
    )
  })

  /** The patterns used above, in another way: as regular expressions over names without a leading slash. */
  function fits(pattern: string, topic: string): boolean {
    if (!/[*>]/.test(pattern)) return topic === pattern
    const slashFits = !topic.startsWith('/') || pattern.startsWith('*') || pattern === '>'
    const expression = pattern
      .replaceAll('.', '\\.')
      .replace('\\.**', '(\\..+)?')
      .replace(/^\*\*$/, '.+')
      .replace('*', '[^.]+')
      .replace('>', '.+')
    const name = topic.replace(/^\//, '').replaceAll('/', '.')
    return slashFits && new RegExp(`^${expression}$`, 's').test(name)
  }
})
