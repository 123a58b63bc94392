// What any Transport owes a replica: the suite that the TCP transport and the simulated one both pass.
//
// A transport may lose, repeat, reorder and delay; the suite asks for a world that does none of it unless told to cut a
// link. It never waits for time: a world runs until a condition holds, by events or by virtual steps.

import { afterEach, describe, expect, test } from 'vitest'

import type { NodeId, StoreId, WireMessage } from '../../raft/core/types.ts'
import type { Transport, TransportEvents } from '../../raft/ports.ts'
import { plain, SAMPLES } from './transport/messages.ts'

/** Some nodes and the network between them. */
export interface TransportWorld {
  readonly ids: readonly NodeId[]
  /** The node's present transport. The suite starts it. */
  transport(id: NodeId): Transport
  storeOf(id: NodeId): StoreId
  /** What `from` sends to `to` now arrives, unless something happens to the link first. */
  linked(from: NodeId, to: NodeId): boolean
  /** Runs the world until the condition holds; fails if it never does. */
  until(condition: () => boolean): Promise<void>
  /** The process dies without a word; another life of the node stands ready, to be started by the suite. */
  restart(id: NodeId, store: StoreId): Promise<void>
  /** One direction only. Absent: this world cannot. */
  cut?(from: NodeId, to: NodeId): void
  heal?(from: NodeId, to: NodeId): void
  close(): Promise<void>
}

export type TransportWorldFactory = (nodeCount: number) => Promise<TransportWorld>

type Seen =
  | { readonly type: 'message'; readonly message: WireMessage }
  | { readonly type: 'met'; readonly peer: NodeId; readonly store: StoreId }
  | { readonly type: 'lost'; readonly peer: NodeId }

/** All that one life of a node was told, in order. */
class Recorder implements TransportEvents {
  readonly seen: Seen[] = []

  message(message: WireMessage): void {
    this.seen.push({ type: 'message', message })
  }

  met(peer: NodeId, store: StoreId): void {
    this.seen.push({ type: 'met', peer, store })
  }

  lost(peer: NodeId): void {
    this.seen.push({ type: 'lost', peer })
  }

  get messages(): WireMessage[] {
    return this.seen.flatMap((seen) => (seen.type === 'message' ? [seen.message] : []))
  }

  /** News of a peer's links, without its messages. */
  newsOf(peer: NodeId): string[] {
    return this.seen.flatMap((seen) => {
      if (seen.type === 'met' && seen.peer === peer) return [`met ${seen.store}`]
      return seen.type === 'lost' && seen.peer === peer ? ['lost'] : []
    })
  }
}

const OTHER_STORE = 'f'.repeat(32)
/** Ten megabytes and more: beyond any queue of a world for tests. */
const BURST = 5_000

export function transportContract(name: string, factory: TransportWorldFactory): void {
  describe(`${name} meets the transport contract`, () => {
    let world: TransportWorld
    const recorders = new Map<NodeId, Recorder>()

    afterEach(async () => {
      await world.close()
    })

    async function start(id: NodeId): Promise<Recorder> {
      const recorder = new Recorder()
      recorders.set(id, recorder)
      await world.transport(id).start(recorder)
      return recorder
    }

    async function open(nodeCount: number): Promise<Recorder[]> {
      world = await factory(nodeCount)
      const started = await Promise.all(world.ids.map(start))
      await world.until(allLinked)
      return started
    }

    const allLinked = (): boolean =>
      world.ids.every((from) => world.ids.every((to) => from === to || linked(from, to)))

    /** The sender can, and the receiver has met it. */
    const linked = (from: NodeId, to: NodeId): boolean =>
      world.linked(from, to) && recorders.get(to)!.newsOf(from).at(-1)?.startsWith('met') === true

    const ticket = (from: NodeId, to: NodeId, ticket: number): WireMessage => ({
      type: 'ReadIndex',
      from,
      to,
      term: 1,
      ticket,
    })

    test('every type of message arrives as it was sent', async () => {
      const [, second] = await open(2)
      const sent = Object.values(SAMPLES)

      for (const message of sent) world.transport('n1').send(message)
      await world.until(() => second!.messages.length === sent.length)

      const byType = (a: WireMessage, b: WireMessage) => a.type.localeCompare(b.type)
      expect(second!.messages.toSorted(byType).map(plain)).toEqual(sent.toSorted(byType).map(plain))
    })

    test('appends arrive in the order sent, whatever overtakes them', async () => {
      const [, second] = await open(2)
      const { Append, Heartbeat } = SAMPLES
      const data = new Uint8Array(10_000)

      for (let index = 1; index <= 300; index++) {
        const entries = [{ index, term: 3, type: 'normal' as const, proposal: null, data }]
        const prev = { index: index - 1, term: 3 }
        world.transport('n1').send({ ...Append, prev, entries: index % 10 === 0 ? [] : entries })
        if (index % 7 === 0) world.transport('n1').send({ ...Heartbeat, readSequence: index })
      }
      await world.until(() => second!.messages.length === 300 + 42)

      const of = (type: string) => second!.messages.filter((message) => message.type === type)
      expect(of('Append').map((m) => m.type === 'Append' && m.prev.index)).toEqual(
        Array.from({ length: 300 }, (_, n) => n),
      )
      expect(of('Heartbeat').map((m) => m.type === 'Heartbeat' && m.readSequence)).toEqual(
        Array.from({ length: 42 }, (_, n) => (n + 1) * 7),
      )
    })

    test('a message reaches the node it names and no other', async () => {
      const [first, second, third] = await open(3)

      world.transport('n1').send(ticket('n1', 'n2', 12))
      world.transport('n1').send(ticket('n1', 'n3', 13))
      world.transport('n2').send(ticket('n2', 'n3', 23))
      await world.until(() => second!.messages.length >= 1 && third!.messages.length >= 2)

      expect(first!.messages).toEqual([])
      expect(second!.messages).toEqual([ticket('n1', 'n2', 12)])
      expect(third!.messages).toEqual(
        expect.arrayContaining([ticket('n1', 'n3', 13), ticket('n2', 'n3', 23)]),
      )
    })

    test('a peer is met, with the store it shows, before its first message', async () => {
      world = await factory(2)
      const second = await start('n2')
      await start('n1')
      await world.until(() => {
        // From the first moment on, so that a message before the meeting would get its chance.
        world.transport('n1').send(ticket('n1', 'n2', 1))
        return second.messages.length > 0
      })

      expect(second.seen[0]).toEqual({ type: 'met', peer: 'n1', store: world.storeOf('n1') })
    })

    test('what cannot be delivered is dropped without a word: no link, no such node, not our name', async () => {
      world = await factory(2)
      const first = await start('n1')
      const transport = world.transport('n1')

      transport.send(ticket('n1', 'n2', 0)) // n2 has not been started
      const second = await start('n2')
      await world.until(allLinked)
      transport.send(ticket('n1', 'n1', 1))
      transport.send(ticket('n1', 'n9', 2))
      transport.send(ticket('n2', 'n2', 3))
      transport.send(ticket('n9', 'n2', 4))
      transport.send(ticket('n1', 'n2', 5))
      await world.until(() => second.messages.some((m) => m.type === 'ReadIndex' && m.ticket === 5))

      const tickets = second.messages.map((m) => m.type === 'ReadIndex' && m.ticket)
      expect(tickets.filter((n) => n !== 0)).toEqual([5]) // the first may have been kept: delay is allowed
      expect(first.messages).toEqual([])
    })

    test('a flood is cut, never waited for: what follows it still arrives', async () => {
      const [, second] = await open(2)
      const data = new Uint8Array(2_000)

      for (let count = 0; count < BURST; count++) {
        world.transport('n1').send({ ...SAMPLES.Chunk, after: count, data })
      }
      await world.until(() => {
        world.transport('n1').send(ticket('n1', 'n2', 7))
        return second!.messages.at(-1)?.type === 'ReadIndex'
      })

      const positions = second!.messages.flatMap((m) => (m.type === 'Chunk' ? [m.after] : []))
      expect(positions).toEqual(positions.toSorted((a, b) => a - b))
      expect(new Set(positions).size).toBe(positions.length)
    })

    test('a peer that closes is lost by the others, and they keep each other', async () => {
      const [, second, third] = await open(3)

      await world.transport('n1').close()
      await world.until(() =>
        [second!, third!].every((node) => node.newsOf('n1').at(-1) === 'lost'),
      )
      world.transport('n2').send(ticket('n2', 'n3', 1))
      await world.until(() => third!.messages.length > 0)

      expect(second!.newsOf('n1')).toEqual([`met ${world.storeOf('n1')}`, 'lost'])
      expect(third!.newsOf('n2')).toEqual([`met ${world.storeOf('n2')}`])
    })

    test('after close nothing is told, and sending is harmless', async () => {
      const [first, second] = await open(2)

      const closing = world.transport('n1').close()
      const told = first!.seen.length
      world.transport('n2').send(ticket('n2', 'n1', 1))
      world.transport('n1').send(ticket('n1', 'n2', 2))
      world.transport('n1').announce(OTHER_STORE)
      await closing
      await world.until(() => second!.newsOf('n1').at(-1) === 'lost')

      expect(first!.seen.length).toBe(told)
      expect(second!.messages).toEqual([])
    })

    test('a new life of a peer is lost, then met with its store, then heard', async () => {
      const [, second] = await open(2)

      await world.restart('n1', OTHER_STORE)
      await start('n1')
      await world.until(() => second!.newsOf('n1').at(-1) === `met ${OTHER_STORE}`)
      await world.until(allLinked)
      world.transport('n1').send(ticket('n1', 'n2', 2))
      await world.until(() => second!.messages.length > 0)

      const news = second!.newsOf('n1')
      expect(news[0]).not.toBe(news.at(-1))
      expect(news.slice(-2)).toEqual(['lost', `met ${OTHER_STORE}`])
      expect(second!.seen.at(-1)!.type).toBe('message')
    })

    test('the others reach a new life as well', async () => {
      await open(2)

      await world.restart('n1', OTHER_STORE)
      const again = await start('n1')
      await world.until(allLinked)
      world.transport('n2').send(ticket('n2', 'n1', 4))
      await world.until(() => again.messages.length > 0)

      expect(again.messages).toEqual([ticket('n2', 'n1', 4)])
      expect(again.seen[0]).toEqual({ type: 'met', peer: 'n2', store: world.storeOf('n2') })
    })

    test('an announced store is shown by renewed links; its messages come after that', async () => {
      const [, second, third] = await open(3)

      world.transport('n1').announce(OTHER_STORE)
      const shown = () =>
        [second!, third!].every((node) => node.newsOf('n1').at(-1) === `met ${OTHER_STORE}`)
      await world.until(() => shown() && allLinked())
      world.transport('n1').send(ticket('n1', 'n2', 6))
      await world.until(() => second!.messages.length > 0)

      expect(second!.newsOf('n1')).toEqual([
        expect.stringMatching(/^met/),
        'lost',
        `met ${OTHER_STORE}`,
      ])
      expect(second!.newsOf('n3')).toEqual([`met ${world.storeOf('n3')}`])
    })

    test('a link cut in one direction is lost in one direction, and heals', async ({ skip }) => {
      const [first, second] = await open(2)
      if (world.cut === undefined || world.heal === undefined) return skip()

      world.cut('n1', 'n2')
      await world.until(() => second!.newsOf('n1').at(-1) === 'lost')
      world.transport('n1').send(ticket('n1', 'n2', 1))
      world.transport('n2').send(ticket('n2', 'n1', 2))
      await world.until(() => first!.messages.length > 0)
      const duringCut = [...second!.messages]
      world.heal('n1', 'n2')
      await world.until(() => linked('n1', 'n2'))
      world.transport('n1').send(ticket('n1', 'n2', 3))
      await world.until(() => second!.messages.length > 0)

      expect(duringCut).toEqual([])
      expect(first!.messages).toEqual([ticket('n2', 'n1', 2)])
      expect(first!.newsOf('n2')).toEqual([`met ${world.storeOf('n2')}`])
      expect(second!.messages).toEqual([ticket('n1', 'n2', 3)])
    })
  })
}
