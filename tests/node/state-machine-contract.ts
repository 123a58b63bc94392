// What the state machine owes a replica and its readers, whatever store is under it: the suite that runs on LevelDB and
// in memory.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import type { DedupStateMachine } from '../../node/store/dedup-state-machine.ts'
import { eventJson } from '../../node/store/event-json.ts'
import { ForeignStoreError } from '../../node/store/store-errors.ts'
import { CONFLICT, type EntryOutcome, type PageQuery } from '../../node/store/types.ts'
import type { Checkpoint } from '../../raft/core/types.ts'
import { StoreBehindError } from '../../raft/ports.ts'
import { logOf, TERM, type TestEntry, type TestEvent } from './store/logs.ts'

/** One node's storage. */
export interface StoreWorld {
  /** The machine as a new process opens it; the one before is closed. */
  open(): Promise<DedupStateMachine>
  /** Every pair that is stored, in order. */
  contents(): Promise<string[]>
  close(): Promise<void>
}

const e = (topic: string, event_id: string, more: Partial<TestEvent> = {}): TestEvent => ({
  topic,
  event_id,
  ...more,
})

const LOG: readonly TestEntry[] = [
  'noop',
  [e('a', '1'), e('a', '2'), e('b', '1')],
  [e('a', '2'), e('a', '3')],
  [e('b', '1', { payload: { other: true } })],
  'noop',
  [e('c', '1'), e('c', '1'), e('a', '1'), e('b', '2')],
]

export function stateMachineContract(name: string, makeWorld: () => Promise<StoreWorld>): void {
  describe(name, () => {
    const worlds: StoreWorld[] = []
    let world: StoreWorld
    let machine: DedupStateMachine

    async function another(): Promise<StoreWorld> {
      const made = await makeWorld()
      worlds.push(made)
      return made
    }

    /** Another node that has applied these entries. */
    async function nodeWith(log: readonly TestEntry[]): Promise<DedupStateMachine> {
      const node = await (await another()).open()
      await node.redoFrom(null)
      await node.apply(logOf(log))
      return node
    }

    beforeEach(async () => {
      world = await another()
      machine = await world.open()
      await machine.redoFrom(null)
    })

    afterEach(async () => {
      for (const made of worlds.splice(0)) await made.close()
    })

    describe('apply', () => {
      test('tells of each event, in the order of the command, what became of it', async () => {
        const outcomes = await machine.apply(logOf(LOG))

        expect(outcomes.map(shown)).toEqual([
          null,
          ['accepted 1', 'accepted 2', 'accepted 3'],
          ['duplicate 2', 'accepted 4'],
          ['conflict 3'],
          null,
          ['accepted 5', 'duplicate 5', 'duplicate 1', 'accepted 6'],
        ])
        expect(machine.stats()).toMatchObject({
          appliedIndex: 6,
          lastPosition: 6,
          received: 10,
          unique: 6,
          duplicates: 4,
          conflicts: 1,
          topics: ['a', 'b', 'c'],
          topicsTotal: 3,
        })
      })

      test('B23: no bytes of topic and id can be mistaken for those of another event', async () => {
        const pairs = [
          e('a', 'b\0c'),
          e('a\0b', 'c'),
          e('a\0', 'b'),
          e('a', '\0b'),
          e('ab', 'c'),
          e('a', 'bc'),
        ]

        const [outcome] = await machine.apply(logOf([pairs]))

        expect(outcome?.accepted).toBe(pairs.length)
      })

      test('a CloudEvent is known by source and id, apart from events of ours and whatever its topic', async () => {
        const cloudEvent = { source: 's', cloudevent: true } as const
        const log: readonly TestEntry[] = [
          [e('a', '1', { source: 's' }), e('a', '1', cloudEvent)],
          [e('b', '1', cloudEvent), e('a', '1', { ...cloudEvent, source: 't' }), e('s', '1')],
          [e('a', '1', cloudEvent), e('a', '1', { source: 's' })],
        ]
        const outcomes = await machine.apply(logOf(log))

        expect(outcomes.map(shown)).toEqual([
          ['accepted 1', 'accepted 2'],
          ['conflict 2', 'accepted 3', 'accepted 4'],
          ['duplicate 2', 'duplicate 1'],
        ])
        const ids = [
          { source: 's', id: '1' },
          { source: 't', id: '1' },
          { source: 'a', id: '1' },
          e('a', '1'),
        ]
        expect(await machine.positionsOf(ids)).toEqual([2, 3, null, 1])
        expect((await machine.topics(null, 10)).topics).toEqual([
          { topic: 'a', events: 3, last_position: 3 },
          { topic: 's', events: 1, last_position: 4 },
        ])
        expect((await machine.verifyDigest()).faults).toEqual([])
      })

      test('an entry of nothing but duplicates stores nothing and is counted', async () => {
        await machine.apply(logOf([[e('a', '1')]]))
        const { digest } = machine.digest()
        const before = (await world.contents()).filter((pair) => !pair.startsWith('m'))

        await machine.apply(logOf([[e('a', '1'), e('a', '1')]], 2))

        expect((await world.contents()).filter((pair) => !pair.startsWith('m'))).toEqual(before)
        expect(machine.stats()).toMatchObject({ received: 3, duplicates: 2, digest })
      })

      test('leaves the same bytes however entries are grouped', async () => {
        await machine.apply(logOf(LOG))
        const other = await another()
        const apart = await other.open()
        await apart.redoFrom(null)
        for (const entry of logOf(LOG)) await apart.apply([entry])

        expect(await other.contents()).toEqual(await world.contents())
        expect(apart.stats()).toEqual(machine.stats())
      })

      test('the digest of every index is kept, with and without events', async () => {
        const digests: string[] = []
        const node = await nodeWith([])
        for (const entry of logOf(LOG)) {
          await node.apply([entry])
          digests.push(node.digest().digest)
        }
        await machine.apply(logOf(LOG))

        expect(LOG.map((_, i) => machine.digestAt(i + 1))).toEqual(digests)
        expect(new Set(digests).size).toBe(4)
        expect(machine.digestAt(7)).toBeNull()
      })

      test('entries out of order are a fault of ours', async () => {
        await machine.apply(logOf(LOG))

        await expect(machine.apply(logOf([[e('a', '9')]], 8))).rejects.toThrow('apply of index 8')
      })
    })

    describe('redo', () => {
      test('from a checkpoint, over a store that got further, gives the same as before', async () => {
        const log = logOf(LOG)
        await machine.apply(log.slice(0, 3))
        const checkpoint = await machine.checkpoint()
        await machine.apply(log.slice(3))
        const stats = machine.stats()
        const contents = await world.contents()

        const reopened = await world.open()
        expect(reopened.shownApplied()).toEqual({ index: 6, term: TERM })
        await reopened.redoFrom(checkpoint)
        expect(reopened.stats()).toMatchObject({ appliedIndex: 3, received: 5, lastPosition: 4 })
        const outcomes = await reopened.apply(log.slice(3))

        expect(outcomes.map(shown)).toEqual([
          ['conflict 3'],
          null,
          ['accepted 5', 'duplicate 5', 'duplicate 1', 'accepted 6'],
        ])
        expect(reopened.stats()).toEqual(stats)
        expect(await world.contents()).toEqual(contents)
      })

      test('nothing beyond the checkpoint is seen before it is applied again', async () => {
        await machine.apply(logOf(LOG).slice(0, 3))
        const checkpoint = await machine.checkpoint()
        await machine.apply(logOf(LOG).slice(3))

        const reopened = await world.open()
        await reopened.redoFrom(checkpoint)

        expect(await reopened.get('c', '1')).toBeNull()
        expect(await reopened.positionsOf([e('c', '1'), e('a', '3')])).toEqual([null, 4])
        expect((await reopened.topics(null, 10)).topics).toEqual([
          { topic: 'a', events: 3, last_position: 4 },
          { topic: 'b', events: 1, last_position: 3 },
        ])
        expect(reopened.stats().topics).toEqual(['a', 'b'])
        expect(await positions(reopened)).toEqual([1, 2, 3, 4])
        expect(await positions(reopened, 'desc')).toEqual([4, 3, 2, 1])
        expect((await reopened.verifyDigest()).faults).toEqual([])
      })

      test('a store that does not hold the checkpoint is behind', async () => {
        const node = await nodeWith(LOG)
        const promised = await node.checkpoint()
        await machine.apply(logOf(LOG).slice(0, 3))

        await expect(machine.redoFrom(promised)).rejects.toThrow(StoreBehindError)
        await machine.empty()
        await machine.redoFrom(null)
        await machine.apply(logOf(LOG))

        expect(machine.stats()).toEqual(node.stats())
      })

      test('a store that shows a lower index is behind, even where it ends at the right position', async () => {
        const node = await nodeWith([...LOG, 'noop'])
        const promised = await node.checkpoint()
        await machine.apply(logOf(LOG))

        await expect(machine.redoFrom(promised)).rejects.toThrow(StoreBehindError)
      })

      test.each([
        ['an event stands elsewhere', [e('x', '1'), e('a', '3')]],
        ['an event has other content', [e('a', '3', { source: 'x' })]],
      ])('a store of another log, where %s, is built anew by the next start', async (_, other) => {
        const log = logOf(LOG)
        await machine.apply(log.slice(0, 2))
        const checkpoint = await machine.checkpoint()
        await machine.apply(logOf([other], 3))

        const reopened = await world.open()
        await reopened.redoFrom(checkpoint)
        await expect(reopened.apply(log.slice(2))).rejects.toThrow(ForeignStoreError)
        const again = await world.open()
        await expect(again.redoFrom(checkpoint)).rejects.toThrow(StoreBehindError)
        await again.empty()
        await again.redoFrom(null)
        await again.apply(log)

        expect(again.stats()).toEqual((await nodeWith(LOG)).stats())
        expect(await again.get('x', '1')).toBeNull()
      })
    })

    describe('snapshot', () => {
      /** Fetches all that the machine still asks for, in chunks of about so many bytes. */
      async function fetch(from: DedupStateMachine, offer: Checkpoint, bytesMax: number) {
        let after = await machine.beginInstall(offer)
        let chunks = 0
        for (; !machine.installComplete(); chunks++) {
          after = await machine.installChunk((await from.readChunk(offer, after, bytesMax)).data)
        }
        return chunks
      }

      test.each([1, 300, 1_000_000])('in chunks of %i bytes, equals the log', async (bytesMax) => {
        const node = await nodeWith(LOG)
        const offer = node.offer()

        const chunks = await fetch(node, offer, bytesMax)
        expect(await machine.verifyInstall()).toBe(true)
        await machine.restore(offer)

        expect(chunks).toBe({ 1: 3, 300: 2, 1000000: 1 }[bytesMax])
        expect(machine.stats()).toEqual(node.stats())
        expect(machine.digestAt(offer.index)).toBe(node.digest().digest)
        expect((await machine.verifyDigest()).faults).toEqual([])
        const further = logOf([[e('a', '1'), e('z', '1')]], 7)
        expect((await machine.apply(further)).map(shown)).toEqual([['duplicate 1', 'accepted 7']])
      })

      test('goes on from what the log has brought', async () => {
        const node = await nodeWith(LOG)
        await machine.apply(logOf(LOG).slice(0, 3))

        expect(await machine.beginInstall(node.offer())).toBe(4)
        expect(await fetch(node, node.offer(), 1)).toBe(1)
        expect(await machine.verifyInstall()).toBe(true)
        await machine.restore(node.offer())

        expect(machine.stats()).toEqual(node.stats())
      })

      test('an offer of a later index without further events needs no chunk', async () => {
        const node = await nodeWith([...LOG, 'noop', [e('a', '1')]])
        await machine.apply(logOf(LOG))

        await machine.beginInstall(node.offer())
        expect(machine.installComplete()).toBe(true)
        expect(await machine.verifyInstall()).toBe(true)
        await machine.restore(node.offer())

        expect(machine.stats()).toEqual(node.stats())
      })

      test('nobody sees any of it before it is in force', async () => {
        const node = await nodeWith(LOG)
        await machine.apply(logOf(LOG).slice(0, 2))
        const before = machine.stats()
        const page = await positions(machine)

        await fetch(node, node.offer(), 1)
        const during = [machine.stats(), await positions(machine), await machine.get('c', '1')]
        await machine.verifyInstall()
        const verified = [machine.stats(), await positions(machine), await machine.get('c', '1')]

        expect(during).toEqual([before, page, null])
        expect(verified).toEqual([before, page, null])
        expect(machine.offer().index).toBe(2)
      })

      test('goes on with a later offer of another sender', async () => {
        const early = await nodeWith(LOG.slice(0, 3))
        const late = await nodeWith(LOG)
        const offer = early.offer()
        const after = await machine.beginInstall(offer)
        await machine.installChunk((await early.readChunk(offer, after, 1)).data)

        expect(await machine.beginInstall(late.offer())).toBe(3)
        await fetch(late, late.offer(), 1)
        expect(await machine.verifyInstall()).toBe(true)
        await machine.restore(late.offer())

        expect(machine.stats()).toEqual(late.stats())
      })

      test('begins anew with an offer that ends before what has come', async () => {
        const early = await nodeWith(LOG.slice(0, 3))
        const late = await nodeWith(LOG)
        await machine.apply(logOf(LOG).slice(0, 2))
        await fetch(late, late.offer(), 1)

        expect(await machine.beginInstall(early.offer())).toBe(3)
        await fetch(early, early.offer(), 1)
        expect(await machine.verifyInstall()).toBe(true)
        await machine.restore(early.offer())

        expect(machine.stats()).toEqual(early.stats())
        expect((await machine.apply(logOf(LOG).slice(3))).map(shown).at(-1)).toEqual([
          ...['accepted 5', 'duplicate 5', 'duplicate 1', 'accepted 6'],
        ])
      })

      test.each(['in the same life', 'after a restart'])(
        'what a false sender left is gone when the log goes on, %s',
        async (when) => {
          const liar = await nodeWith([[e('x', '1'), e('c', '1')], ...LOG])
          const own = await machine.checkpoint()
          const after = await machine.beginInstall(liar.offer())
          await machine.installChunk((await liar.readChunk(liar.offer(), after, 1)).data)

          if (when === 'after a restart') {
            machine = await world.open()
            await machine.redoFrom(own)
          }
          await machine.apply(logOf(LOG))

          expect(machine.stats()).toEqual((await nodeWith(LOG)).stats())
          expect(await machine.positionsOf([e('c', '1'), e('x', '1')])).toEqual([5, null])
        },
      )

      test('a chunk that comes again, or out of turn, changes nothing', async () => {
        const node = await nodeWith(LOG)
        const offer = node.offer()
        const first = await node.readChunk(offer, 0, 1)
        const second = await node.readChunk(offer, first.next, 1)
        await machine.beginInstall(offer)

        expect(await machine.installChunk(second.data)).toBe(0)
        expect(await machine.installChunk(first.data)).toBe(3)
        expect(await machine.installChunk(first.data)).toBe(3)
        expect(await machine.installChunk(second.data)).toBe(4)
      })

      test.each([
        ['its values end elsewhere', [[e('other', '1')]]],
        ['the same positions hold something else', [LOG[1]!, [e('other', '1')]]],
        ['it holds an event that is yet to come', [[e('c', '1'), e('a', '7'), e('a', '8')]]],
        ['it holds more', [...LOG, [e('other', '1')]]],
      ])('a store of which %s is emptied, and all is asked for', async (_, log) => {
        const node = await nodeWith(LOG)
        const offer = node.offer()
        await machine.apply(logOf(log))

        await fetch(node, offer, 1_000_000)
        expect(await machine.verifyInstall()).toBe(false)
        expect(machine.shownApplied().index).toBe(0)
        expect(await machine.beginInstall(offer)).toBe(0)
        await fetch(node, offer, 1)
        expect(await machine.verifyInstall()).toBe(true)
        await machine.restore(offer)

        expect(machine.stats()).toEqual(node.stats())
        expect(await machine.get('other', '1')).toBeNull()
      })

      test('a chunk of known events alone brings nothing on: the transfer ends as false', async () => {
        const node = await nodeWith(LOG)
        const offer = node.offer()
        await machine.apply(logOf([[e('a', '3'), e('a', '7'), e('a', '8')]]))

        const after = await machine.beginInstall(offer)
        await machine.installChunk((await node.readChunk(offer, after, 1)).data)

        expect(machine.installComplete()).toBe(true)
        expect(await machine.verifyInstall()).toBe(false)
      })

      test('restart between verified and in force: the log record decides', async () => {
        const node = await nodeWith(LOG)
        const offer = node.offer()
        await machine.apply(logOf(LOG).slice(0, 2))
        const own = await machine.checkpoint()
        await fetch(node, offer, 1)
        await machine.verifyInstall()

        const without = await world.open()
        expect(without.shownApplied().index).toBe(2)
        await without.redoFrom(own)
        expect(without.stats()).toMatchObject({ appliedIndex: 2, lastPosition: 3 })
        const withIt = await world.open()
        await withIt.redoFrom(offer)

        expect(withIt.stats()).toEqual(node.stats())
        expect(withIt.shownApplied().index).toBe(6)
      })

      test('restart in the middle leaves nothing of it', async () => {
        const node = await nodeWith(LOG)
        const offer = node.offer()
        await machine.apply(logOf(LOG).slice(0, 2))
        const own = await machine.checkpoint()
        const contents = await world.contents()
        const after = await machine.beginInstall(offer)
        await machine.installChunk((await node.readChunk(offer, after, 1)).data)
        expect(await world.contents()).not.toEqual(contents)

        machine = await world.open()
        await machine.redoFrom(own)

        expect(await world.contents()).toEqual(contents)
        expect(await machine.beginInstall(offer)).toBe(3)
      })

      test('the log may go on over one that was broken off, or is under way', async () => {
        const node = await nodeWith(LOG)
        const offer = node.offer()
        const after = await machine.beginInstall(offer)
        await machine.installChunk((await node.readChunk(offer, after, 1)).data)
        await machine.apply(logOf(LOG).slice(0, 3))

        expect(machine.installComplete()).toBe(false)
        expect(await machine.installChunk((await node.readChunk(offer, 3, 1)).data)).toBe(4)
        await fetch(node, offer, 1)
        expect(await machine.verifyInstall()).toBe(true)
        await machine.restore(offer)

        expect(machine.stats()).toEqual(node.stats())
      })
    })

    describe('reads', () => {
      beforeEach(async () => {
        await machine.apply(
          logOf([
            [e('a.b', '1', { payload: { n: 1 } }), e('a/b', '2'), e('a.b', '3', { source: 's' })],
            [e('a', '4', { timestamp: '2020-01-01T00:00:00+01:00' })],
            [e('/a/b', '5'), e('a.b.c', '6'), e('x', '7', { source: 's' })],
          ]),
        )
      })

      const ids = async (query: object): Promise<string> => {
        const defaults = { limit: 100, order: 'asc' } as const
        const { events } = await machine.page({ ...defaults, ...query })
        return events.map((event) => JSON.parse(String(Buffer.from(event))).event_id).join('')
      }

      test('an event comes back as it was sent, with position and time of receipt', async () => {
        const event = await machine.get('a.b', '1')

        expect(String(Buffer.from(event!))).toBe(
          '{"position":1,"topic":"a.b","event_id":"1","timestamp":"1970-01-01T00:00:01.000Z",' +
            '"source":"","payload":{"n":1},"received_at":"1970-01-01T00:00:01.000Z"}',
        )
        expect(await machine.get('a.b', '2')).toBeNull()
      })

      test.each([
        ['everything', {}, '1234567'],
        ['backwards', { order: 'desc' }, '7654321'],
        ['above a position', { after: 3 }, '4567'],
        ['below a position', { after: 3, order: 'desc' }, '21'],
        ['above all', { after: 10 ** 15 }, ''],
        ['below all', { after: 0, order: 'desc' }, ''],
        ['an exact topic', { topic: 'a.b' }, '13'],
        ['an exact topic, backwards', { topic: 'a.b', order: 'desc' }, '31'],
        ['an exact topic above a position', { topic: 'a.b', after: 1 }, '3'],
        ['an unknown topic', { topic: 'b' }, ''],
        ['one level', { topic: 'a.*' }, '123'],
        ['a leading slash', { topic: '/a/*' }, '5'],
        ['any first level', { topic: '*.b' }, '1235'],
        ['none or more levels', { topic: 'a.**' }, '12346'],
        ['one or more levels', { topic: 'a.>' }, '1236'],
        ['a pattern, backwards', { topic: 'a.**', order: 'desc' }, '64321'],
        ['a source', { source: 's' }, '37'],
        ['no source', { source: '' }, '12456'],
        ['from an instant on', { sinceMs: 3_000 }, '4567'],
        ['before an instant', { untilMs: Date.UTC(2019, 11, 31, 23) }, '123567'],
        ['in between', { sinceMs: Date.UTC(2019, 11, 31, 23), untilMs: 2e12 }, '4'],
        ['one id', { topic: 'a.b', eventId: '3' }, '3'],
        ['one id, not above the position', { topic: 'a.b', eventId: '3', after: 3 }, ''],
        ['one id of another source', { topic: 'a.b', eventId: '3', source: 't' }, ''],
      ])('a page of %s', async (_, query, expected) => {
        expect(await ids(query)).toBe(expected)
      })

      test('a page that looked far enough says where to go on, even if it is empty', async () => {
        const query = { limit: 10, order: 'asc', source: 's', scanMax: 2 } as const

        expect((await machine.page(query)).next).toBe(2)
        expect(await machine.page({ ...query, after: 3 })).toEqual({
          events: [],
          next: 5,
          reached: 5,
        })
        expect((await machine.page({ ...query, after: 5 })).next).toBeNull()
      })

      test('a page says up to where it has looked', async () => {
        const reached = async (query: Omit<PageQuery, 'limit'>) =>
          (await machine.page({ limit: 2, ...query })).reached

        expect(await reached({ order: 'asc' })).toBe(2)
        expect(await reached({ order: 'asc', after: 5 })).toBe(7)
        expect(await reached({ order: 'asc', topic: 'a.b', upTo: 4 })).toBe(4)
        expect(await reached({ order: 'asc', topic: 'none' })).toBe(7)
        expect(await reached({ order: 'asc', after: 9 })).toBe(9)
        expect(await reached({ order: 'desc', after: 3 })).toBe(1)
      })

      test('a page goes no further than was asked, and is rendered as was asked', async () => {
        const { events } = await machine.page({
          limit: 10,
          order: 'asc',
          after: 2,
          upTo: 4,
          render: (_, position) => Buffer.from(`<${position}>`),
        })

        expect(events.map(String)).toEqual(['<3>', '<4>'])
      })

      test('a block holds all that stands behind a position, value by value', async () => {
        const positions: number[] = []
        let after = 2
        for (let block = await machine.block(after, 1); block !== null; ) {
          for (const { walk, position } of block.events()) {
            positions.push(position)
            expect(JSON.parse(Buffer.from(eventJson(walk, position)).toString())).toMatchObject({
              position,
            })
          }
          expect(block.upTo).toBe(positions.at(-1))
          after = block.upTo
          block = await machine.block(after, 1)
        }

        expect(positions).toEqual([3, 4, 5, 6, 7])
        expect((await machine.block(0, 1_000_000))?.upTo).toBe(7)
      })

      test('what is read while the store is emptied is no answer', async () => {
        const page = machine.page({ limit: 10, order: 'asc' })
        const block = machine.block(0, 1)
        const read = expect(page).rejects.toMatchObject({ code: 'rebuilding' })
        const readBlock = expect(block).rejects.toMatchObject({ code: 'rebuilding' })

        await machine.empty()

        await read
        await readBlock
      })

      test('there is no next page when there is no further event', async () => {
        expect((await machine.page({ limit: 2, order: 'asc', topic: 'a.b' })).next).toBeNull()
        expect((await machine.page({ limit: 1, order: 'asc', topic: 'a.b' })).next).toBe(1)
        expect((await machine.page({ limit: 6, order: 'desc' })).next).toBe(2)
        expect((await machine.page({ limit: 7, order: 'desc' })).next).toBeNull()
      })

      test('topics by name, page by page', async () => {
        const first = await machine.topics(null, 3)
        const second = await machine.topics(first.next, 3)

        expect([...first.topics, ...second.topics].map(({ topic }) => topic)).toEqual([
          ...['/a/b', 'a', 'a.b', 'a.b.c', 'a/b', 'x'],
        ])
        expect(second.next).toBeNull()
        expect(first.topics[2]).toEqual({ topic: 'a.b', events: 2, last_position: 3 })
      })

      test('which ids are there', async () => {
        const asked = [e('x', '7'), e('x', '8'), e('a.b', '1'), e('x', '7')]

        expect(await machine.positionsOf(asked)).toEqual([7, null, 1, 7])
        expect(await machine.positionsOf([])).toEqual([])
      })

      test('half a surrogate pair is not the character that stands for it', async () => {
        await machine.apply(logOf([[e('x', '\ufffd')]], 4))

        expect(await machine.positionsOf([e('x', '\ufffd'), e('x', '\ud800')])).toEqual([8, null])
      })
    })
  })
}

const FLAGS = ['accepted', 'duplicate', 'conflict']

function shown(outcome: EntryOutcome | null): string[] | null {
  if (outcome === null) return null
  expect(Math.max(...outcome.flags)).toBeLessThanOrEqual(CONFLICT)
  return Array.from(outcome.flags, (flag, i) => `${FLAGS[flag]} ${outcome.positions[i]}`)
}

async function positions(machine: DedupStateMachine, order: 'asc' | 'desc' = 'asc') {
  const { events } = await machine.page({ limit: 1_000, order })
  return events.map((event) => JSON.parse(String(Buffer.from(event))).position)
}
