// What any LogStorage must do: the log on disk and the simulated one pass the same suite.
//
// A world is one data directory that outlives the processes that open it. The heart is a property: any sequence of
// writes, overrides, checkpoints, bases, removals, restarts and power cuts leaves what a trivial model says, where a
// write that was cut off is there wholly or not at all.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Checkpoint, Entry, EntryId, Identity, NodeId } from '../../raft/core/types.ts'
import { ForeignDirectoryError, MembersChangedError } from '../../raft/log/errors.ts'
import type { LoadedLog, LogStorage, LogWrite } from '../../raft/ports.ts'
import fc from '../properties.ts'

export interface LogWorld {
  /** The log as a new process finds it; not yet loaded. */
  open(as?: { nodeId?: NodeId; members?: readonly NodeId[] }): LogStorage
  /**
   * Ends the process when the call is about to do its step-th operation on the disk, or right after the call. With
   * `power`, what was not durable may also be lost.
   */
  crashDuring(
    call: () => Promise<unknown>,
    step: number,
    power: boolean,
    random: () => number,
  ): Promise<'settled' | 'cut'>
  dispose(): Promise<void>
}

export const NOTHING: LogWrite = {
  hardState: null,
  identity: null,
  checkpoint: null,
  base: false,
  entries: [],
}

export function entry(index: number, term: number, bytes = 20): Entry {
  const type = (['normal', 'noop', 'config'] as const)[(index + term) % 3]!
  const proposal =
    index % 4 === 0 ? null : { node: `n${index % 3}`, life: 2 ** 40 + term, count: index }
  return { index, term, type, proposal, data: new Uint8Array(bytes).fill(index * 31 + term) }
}

export function entries(from: number, to: number, term: number, bytes = 20): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, place) => entry(from + place, term, bytes))
}

export function checkpointAt(index: number, term: number): Checkpoint {
  return { index, term, state: new Uint8Array([1, index % 256, 0, term]) }
}

/** `histories`: how many random ones to try. */
export function logContract(
  name: string,
  makeWorld: () => Promise<LogWorld>,
  histories: number,
): void {
  describe(`${name} keeps the contract of LogStorage`, () => {
    let world: LogWorld
    const all = (log: LogStorage, from: number, to: number) => log.read(from, to, 1e9)

    beforeEach(async () => {
      world = await makeWorld()
    })
    afterEach(() => world.dispose())

    test('a new directory has a store id, and the same one ever after', async () => {
      const log = world.open({ nodeId: 'n2', members: ['n3', 'n1', 'n2'] })
      const { identity, ...rest } = await log.load()
      await log.close()
      const again = await world.open({ nodeId: 'n2', members: ['n1', 'n2', 'n3'] }).load()

      expect(identity.store).toMatch(/^[0-9a-f]{32}$/)
      expect(identity).toEqual({
        store: identity.store,
        members: ['n1', 'n2', 'n3'],
        pins: [],
        member: false,
        configIndex: 0,
      })
      expect(rest).toEqual({
        hardState: { term: 0, vote: null },
        checkpoint: null,
        base: { index: 0, term: 0 },
        terms: [],
        entries: [],
        notes: [],
      })
      expect(again.identity).toEqual(identity)
    })

    test('a node that is its whole cluster may vote at once', async () => {
      const { identity } = await world.open({ nodeId: 'n1', members: ['n1'] }).load()

      expect(identity.member).toBe(true)
    })

    test('a write comes back after a restart: state, identity, entries with all they carry', async () => {
      const log = world.open()
      const { identity } = await log.load()
      const pinned: Identity = {
        ...identity,
        store: 'f'.repeat(32),
        pins: [{ node: 'n2', store: 'a'.repeat(32) }],
        member: true,
        configIndex: 1,
      }
      const hardState = { term: 7, vote: 'n2' }
      await log.append({ ...NOTHING, hardState, identity: pinned, entries: entries(1, 9, 7) })
      await log.close()
      const loaded = await world.open().load()

      expect(loaded.hardState).toEqual(hardState)
      expect(loaded.identity).toEqual(pinned)
      expect(loaded.entries).toEqual(entries(1, 9, 7))
      expect(loaded.terms).toEqual([{ index: 1, term: 7 }])
    })

    test('an entry cancels all from its index on, also for read()', async () => {
      const log = world.open()
      await log.load()
      await log.append({ ...NOTHING, entries: entries(1, 10, 1) })
      await log.append({ ...NOTHING, entries: entries(6, 7, 2) })
      const kept = [...entries(1, 5, 1), ...entries(6, 7, 2)]

      expect(await all(log, 1, 10)).toEqual(kept)
      await expect(all(log, 8, 10)).rejects.toThrow(RangeError)
      await log.append({ ...NOTHING, entries: [entry(8, 2)] })
      expect(await all(log, 1, 10)).toEqual([...kept, entry(8, 2)])
      await log.close()
      const loaded = await world.open().load()
      expect(loaded.entries).toEqual([...kept, entry(8, 2)])
      expect(loaded.terms).toEqual([
        { index: 1, term: 1 },
        { index: 6, term: 2 },
      ])
    })

    test('a start hands out what lies behind the checkpoint; older entries are read', async () => {
      const log = world.open()
      await log.load()
      await log.append({ ...NOTHING, entries: entries(1, 10, 1) })
      await log.append({ ...NOTHING, checkpoint: checkpointAt(6, 1), entries: entries(11, 12, 3) })
      await log.close()
      const again = world.open()
      const loaded = await again.load()

      expect(loaded.checkpoint).toEqual(checkpointAt(6, 1))
      expect(loaded.entries).toEqual([...entries(7, 10, 1), ...entries(11, 12, 3)])
      expect(loaded.terms.at(-1)).toEqual({ index: 11, term: 3 })
      expect(await all(again, loaded.base.index + 1, 6)).toEqual(
        entries(loaded.base.index + 1, 6, 1),
      )
    })

    test('a base begins the log anew: only entries written with it and after it count', async () => {
      const log = world.open()
      await log.load()
      await log.append({ ...NOTHING, entries: entries(1, 10, 1) })
      await log.append({
        ...NOTHING,
        checkpoint: checkpointAt(20, 4),
        base: true,
        entries: entries(21, 22, 4),
      })
      await log.append({ ...NOTHING, entries: entries(23, 23, 5) })

      expect(await all(log, 20, 20)).toBe('compacted')
      expect(await all(log, 21, 99)).toEqual([...entries(21, 22, 4), entry(23, 5)])
      await log.close()
      const loaded = await world.open().load()
      expect(loaded.base).toEqual({ index: 20, term: 4 })
      expect(loaded.checkpoint).toEqual(checkpointAt(20, 4))
      expect(loaded.entries).toEqual([...entries(21, 22, 4), entry(23, 5)])
      expect(loaded.terms).toEqual([
        { index: 21, term: 4 },
        { index: 23, term: 5 },
      ])
    })

    test('a base inside the log drops what it does not say again', async () => {
      const log = world.open()
      await log.load()
      await log.append({ ...NOTHING, entries: entries(1, 10, 1) })
      await log.append({
        ...NOTHING,
        checkpoint: checkpointAt(5, 1),
        base: true,
        entries: entries(6, 8, 1),
      })
      await log.close()
      const loaded = await world.open().load()

      expect(loaded.base).toEqual({ index: 5, term: 1 })
      expect(loaded.entries).toEqual(entries(6, 8, 1))
    })

    test('read() gives at least one entry and stops at about bytesMax', async () => {
      const log = world.open()
      await log.load()
      await log.append({ ...NOTHING, entries: entries(1, 30, 1, 100) })

      expect(await log.read(3, 30, 1)).toEqual([entry(3, 1, 100)])
      expect(await log.read(3, 30, 450)).toEqual(entries(3, 6, 1, 100))
      expect(await log.read(29, 99, 1e6)).toEqual(entries(29, 30, 1, 100))
      await expect(log.read(31, 40, 1e6)).rejects.toThrow(RangeError)
    })

    test('nothing above a durable checkpoint is removed, whatever is asked for', async () => {
      const log = world.open()
      await log.load()
      for (let first = 1; first <= 91; first += 10) {
        await log.append({ ...NOTHING, entries: entries(first, first + 9, 1, 400) })
      }
      expect(await log.removeBefore(90)).toBe(1)

      await log.append({ ...NOTHING, checkpoint: checkpointAt(60, 1) })
      const held = await log.removeBefore(101)

      expect(held).toBeLessThanOrEqual(61)
      expect(held).toBeGreaterThan(1)
      expect(await all(log, held - 1, 100)).toBe('compacted')
      expect(await all(log, held, 100)).toEqual(entries(held, 100, 1, 400))
      await log.close()
      const loaded = await world.open().load()
      expect(loaded.base).toEqual({ index: held - 1, term: 1 })
      expect(loaded.entries).toEqual(entries(61, 100, 1, 400))
    })

    test('the term before the first entry held is the one that was overridden last', async () => {
      const log = world.open()
      await log.load()
      await log.append({ ...NOTHING, entries: entries(1, 10, 1, 700) })
      await log.append({ ...NOTHING, entries: entries(9, 10, 2, 700) })
      await log.append({ ...NOTHING, checkpoint: checkpointAt(11, 2), entries: entries(11, 12, 2) })
      const first = await log.removeBefore(12)
      await log.close()
      const { base } = await world.open().load()

      expect(first).toBeGreaterThan(9)
      expect(base).toEqual({ index: first - 1, term: 2 })
    })

    test('nothing at or above the index asked for is removed', async () => {
      const log = world.open()
      await log.load()
      await log.append({ ...NOTHING, entries: entries(1, 30, 1, 400) })
      await log.append({ ...NOTHING, entries: entries(31, 60, 1, 400) })
      await log.append({ ...NOTHING, checkpoint: checkpointAt(60, 1) })

      expect(await log.removeBefore(31)).toBeLessThanOrEqual(31)
      expect(await log.removeBefore(5)).toBeLessThanOrEqual(31)
    })

    test('bytes since the checkpoint grow with writes, fall with a checkpoint, survive a restart', async () => {
      const log = world.open()
      await log.load()
      await log.append({ ...NOTHING, entries: entries(1, 10, 1, 1000) })
      expect(log.bytesSinceCheckpoint()).toBeGreaterThan(10_000)

      await log.append({ ...NOTHING, checkpoint: checkpointAt(10, 1) })
      expect(log.bytesSinceCheckpoint()).toBeLessThan(1000)

      await log.append({ ...NOTHING, entries: entries(11, 14, 1, 1000) })
      await log.close()
      const again = world.open()
      await again.load()
      expect(again.bytesSinceCheckpoint()).toBeGreaterThan(4000)
      expect(again.bytesSinceCheckpoint()).toBeLessThan(10_000)
    })

    test('a write that says nothing is durable at once', async () => {
      const log = world.open()
      await log.load()
      await log.append(NOTHING)

      expect(log.bytesSinceCheckpoint()).toBeLessThan(1000)
    })

    test('a second write before the first has settled is refused, and the first stands', async () => {
      const log = world.open()
      await log.load()
      const first = log.append({ ...NOTHING, entries: entries(1, 2, 1) })
      await expect(log.append({ ...NOTHING, entries: entries(3, 4, 1) })).rejects.toThrow()
      await first

      expect(await all(log, 1, 9)).toEqual(entries(1, 2, 1))
    })

    test.each([
      ['a gap behind the last entry', { entries: entries(5, 6, 1) }],
      ['a gap within', { entries: [entry(4, 1), entry(6, 1)] }],
      ['an override of what a checkpoint covers', { entries: entries(2, 5, 2) }],
      ['a checkpoint beyond the end', { checkpoint: checkpointAt(4, 1) }],
      ['a checkpoint older than the last', { checkpoint: checkpointAt(1, 1) }],
      ['a base without a checkpoint', { base: true }],
      [
        'a base with a gap behind it',
        { base: true, checkpoint: checkpointAt(9, 1), entries: [entry(11, 1)] },
      ],
    ] satisfies [string, Partial<LogWrite>][])(
      'refuses %s, and everything after',
      async (_, write) => {
        const log = world.open()
        await log.load()
        await log.append({ ...NOTHING, checkpoint: checkpointAt(2, 1), entries: entries(1, 3, 1) })

        await expect(log.append({ ...NOTHING, ...write })).rejects.toThrow()
        await expect(log.append({ ...NOTHING, entries: [entry(4, 1)] })).rejects.toThrow()
        await expect(log.read(1, 3, 1e6)).rejects.toThrow()
        await log.close()
        expect((await world.open().load()).entries).toEqual([entry(3, 1)])
      },
    )

    test('another node, or other members, are refused and nothing is changed', async () => {
      const log = world.open()
      const { identity } = await log.load()
      await log.append({ ...NOTHING, entries: entries(1, 3, 1) })
      await log.close()

      await expect(world.open({ nodeId: 'n2' }).load()).rejects.toThrow(ForeignDirectoryError)
      const members = ['n1', 'n2', 'n4']
      await expect(world.open({ members }).load()).rejects.toThrow(MembersChangedError)
      const loaded = await world.open().load()
      expect(loaded.identity).toEqual(identity)
      expect(loaded.entries).toEqual(entries(1, 3, 1))
    })

    test('a closed log does nothing more', async () => {
      const log = world.open()
      await log.load()
      await log.close()

      await expect(log.append({ ...NOTHING, hardState: { term: 1, vote: null } })).rejects.toThrow()
      await expect(log.read(1, 1, 1)).rejects.toThrow()
    })

    test('any history of writes, restarts and crashes leaves what the model says', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyStep(), { maxLength: 30 }), async (steps) => {
          const own = await makeWorld()
          try {
            await new Walk(own).run(steps)
          } finally {
            await own.dispose()
          }
        }),
        { numRuns: histories },
      )
    }, 120_000)
  })
}

// ---- the model

interface Model {
  identity: Identity | null
  hardState: { term: number; vote: NodeId | null }
  checkpoint: Checkpoint | null
  base: EntryId
  entries: readonly Entry[]
}

const EMPTY: Model = {
  identity: null,
  hardState: { term: 0, vote: null },
  checkpoint: null,
  base: { index: 0, term: 0 },
  entries: [],
}

function written(model: Model, write: LogWrite): Model {
  const base = write.base ? write.checkpoint! : model.base
  const first = write.entries[0]?.index ?? Number.POSITIVE_INFINITY
  const kept = write.base ? [] : model.entries.filter(({ index }) => index < first)
  return {
    identity: write.identity ?? model.identity,
    hardState: write.hardState ?? model.hardState,
    checkpoint: write.checkpoint ?? model.checkpoint,
    base: { index: base.index, term: base.term },
    entries: [...kept, ...write.entries],
  }
}

function lastOf({ entries, base }: Model): EntryId {
  return entries.at(-1) ?? base
}

/** What load() must have answered, given how far back it still holds entries. */
function expectedOf(model: Model, held: EntryId): Omit<LoadedLog, 'notes'> {
  const entries = model.entries.filter(({ index }) => index > held.index)
  return {
    identity: model.identity!,
    hardState: model.hardState,
    checkpoint: model.checkpoint,
    base: held,
    terms: entries
      .filter(({ term }, place) => entries[place - 1]?.term !== term)
      .map(({ index, term }) => ({ index, term })),
    entries: entries.filter(({ index }) => index > (model.checkpoint?.index ?? 0)),
  }
}

function isWhatWasLoaded(model: Model, loaded: LoadedLog): boolean {
  const { notes: _, ...rest } = loaded
  if (model.identity === null) return rest.entries.length === 0 && rest.hardState.term === 0
  try {
    expect(rest).toEqual(expectedOf(model, rest.base))
    return true
  } catch {
    return false
  }
}

interface AppendShape {
  back: number
  count: number
  bytes: number
  newTerm: boolean
  state: boolean
  identity: boolean
  checkpoint: number | null
}

type Step =
  | { type: 'append'; shape: AppendShape }
  | { type: 'base'; ahead: number; count: number }
  | { type: 'read'; from: number; bytesMax: number }
  | { type: 'remove'; back: number }
  | { type: 'reopen' }
  | {
      type: 'crash'
      shape: AppendShape
      base: boolean
      at: number
      loads: number[]
      power: boolean
      seed: number
    }

function anyStep(): fc.Arbitrary<Step> {
  const shape: fc.Arbitrary<AppendShape> = fc.record({
    back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(6)),
    count: fc.nat(6),
    bytes: fc.oneof(fc.nat(60), fc.nat(1500)),
    newTerm: fc.boolean(),
    state: fc.boolean(),
    identity: fc.boolean(),
    checkpoint: fc.option(fc.nat(8)),
  })
  return fc.oneof(
    { weight: 6, arbitrary: shape.map((shape): Step => ({ type: 'append', shape })) },
    fc.record({
      type: fc.constant('base' as const),
      ahead: fc.integer({ min: -3, max: 6 }),
      count: fc.nat(4),
    }),
    fc.record({ type: fc.constant('read' as const), from: fc.nat(20), bytesMax: fc.nat(5000) }),
    fc.record({ type: fc.constant('remove' as const), back: fc.nat(10) }),
    fc.constant<Step>({ type: 'reopen' }),
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('crash' as const),
        shape,
        base: fc.boolean(),
        at: fc.nat(5),
        loads: fc.array(fc.nat(12), { maxLength: 3 }),
        power: fc.boolean(),
        seed: fc.integer(),
      }),
    },
  )
}

class Walk {
  readonly #world: LogWorld
  #log!: LogStorage
  #model = EMPTY
  /** The entry before the first one held. */
  #held: EntryId = EMPTY.base

  constructor(world: LogWorld) {
    this.#world = world
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#load([this.#model])
    for (const step of steps) await this.#take(step)
    await this.#readAll()
    await this.#log.close()
    await this.#load([this.#model])
    await this.#readAll()
    await this.#log.close()
  }

  async #take(step: Step): Promise<void> {
    switch (step.type) {
      case 'append':
        return this.#append(this.#shaped(step.shape))
      case 'base':
        return this.#append(this.#base(step.ahead, step.count))
      case 'read':
        return this.#read(Math.max(1, lastOf(this.#model).index - step.from), step.bytesMax)
      case 'remove': {
        const first = await this.#log.removeBefore(lastOf(this.#model).index + 1 - step.back)
        expect(first).toBeLessThanOrEqual((this.#model.checkpoint?.index ?? 0) + 1)
        expect(first).toBeGreaterThan(this.#held.index)
        const before = this.#model.entries.find(({ index }) => index === first - 1)
        if (before) this.#held = { index: before.index, term: before.term }
        return
      }
      case 'reopen':
        await this.#log.close()
        return this.#load([this.#model])
      case 'crash':
        return this.#crash(step)
      default:
        step satisfies never
    }
  }

  async #append(write: LogWrite): Promise<void> {
    await this.#log.append(write)
    this.#model = written(this.#model, write)
    if (write.base) this.#held = this.#model.base
  }

  async #crash(step: Step & { type: 'crash' }): Promise<void> {
    const write = step.base ? this.#base(step.at - 2, 3) : this.#shaped(step.shape)
    const random = seededRandom(step.seed)
    const outcome = await this.#world.crashDuring(
      () => this.#log.append(write),
      step.at,
      step.power,
      random,
    )
    const after = written(this.#model, write)
    const may = outcome === 'settled' ? [after] : [this.#model, after]
    // Restarts may be cut off as well, and their own power cut may take back what only a kill had left.
    for (const at of step.loads) {
      const log = this.#world.open()
      await this.#world.crashDuring(() => log.load(), at, true, random)
    }
    await this.#load(may)
  }

  async #load(may: readonly Model[]): Promise<void> {
    this.#log = this.#world.open()
    const loaded = await this.#log.load()
    const model = may.find((model) => isWhatWasLoaded(model, loaded))
    if (!model) {
      const { notes: _, ...rest } = loaded
      expect(rest).toEqual(expectedOf(may[0]!, rest.base))
    }
    this.#model = { ...model!, identity: loaded.identity }
    this.#held = loaded.base
    expect(loaded.base.index).toBeLessThanOrEqual(
      Math.max(loaded.checkpoint?.index ?? 0, this.#model.base.index),
    )
  }

  async #readAll(): Promise<void> {
    for (let from = this.#held.index + 1; from <= lastOf(this.#model).index; from += 1) {
      await this.#read(from, from % 2 === 0 ? 1 : 3000)
    }
  }

  async #read(from: number, bytesMax: number): Promise<void> {
    const last = lastOf(this.#model).index
    if (from > last) return
    const got = await this.#log.read(from, last, bytesMax)
    if (from <= this.#held.index) {
      expect(got).toBe('compacted')
      return
    }
    if (got === 'compacted') throw new Error(`entry ${from} is held, but read() says compacted`)
    expect(got.length).toBeGreaterThan(0)
    const held = this.#model.entries.filter(({ index }) => index >= from)
    expect(got).toEqual(held.slice(0, got.length))
    const bytes = got.reduce((sum, { data }) => sum + data.length, 0)
    expect(got.length === 1 || bytes <= bytesMax).toBe(true)
  }

  #shaped(shape: AppendShape): LogWrite {
    const last = lastOf(this.#model)
    const floor = Math.max(this.#model.checkpoint?.index ?? 0, this.#model.base.index)
    const first = Math.max(floor, last.index - (shape.count > 0 ? shape.back : 0)) + 1
    const term = Math.max(1, this.#model.hardState.term, last.term) + (shape.newTerm ? 1 : 0)
    const added = entries(first, first + shape.count - 1, term, shape.bytes)
    const next = written(this.#model, { ...NOTHING, entries: added })
    const covered = Math.min(lastOf(next).index, floor + (shape.checkpoint ?? 0))
    const at = next.entries.find(({ index }) => index === covered)
    return {
      hardState: shape.state ? { term, vote: shape.newTerm ? 'n2' : null } : null,
      identity: shape.identity ? { ...this.#model.identity!, configIndex: first } : null,
      checkpoint: shape.checkpoint !== null && at ? checkpointAt(at.index, at.term) : null,
      base: false,
      entries: added,
    }
  }

  #base(ahead: number, count: number): LogWrite {
    const last = lastOf(this.#model)
    const floor = Math.max(this.#model.checkpoint?.index ?? 0, this.#model.base.index)
    const index = Math.max(floor, last.index + ahead, 1)
    const term = Math.max(1, last.term)
    return {
      ...NOTHING,
      checkpoint: checkpointAt(index, term),
      base: true,
      entries: entries(index + 1, index + count, term, 30),
    }
  }
}

/** mulberry32 */
export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
