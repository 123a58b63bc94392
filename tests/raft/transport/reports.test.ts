// Reports: what the nodes above tell each other over the peer links, beside consensus. Lost without a word, never in the
// way of a message, and never sent to a peer that would take them for garbage.

import { afterEach, describe, expect, test } from 'vitest'
import type { NodeId } from '../../../raft/core/types.ts'
import { REPORT_BYTES_MAX } from '../../../raft/transport/limits.ts'
import type { TcpTransportOptions } from '../../../raft/transport/tcp-transport.ts'
import { SAMPLES } from './messages.ts'
import { TcpWorld } from './tcp-world.ts'

const OLD = { min: 1, max: 1 }

let world: TcpWorld
let heard: string[]

afterEach(() => world.close())

async function open(
  nodeCount: number,
  optionsOf: (id: NodeId) => Partial<TcpTransportOptions> = () => ({}),
): Promise<void> {
  heard = []
  world = await TcpWorld.open(nodeCount, (id) => ({
    ...optionsOf(id),
    onReport: (peer, report) => heard.push(`${id} hears ${peer}: ${Buffer.from(report)}`),
  }))
  await Promise.all(world.ids.map(start))
  await world.until(allLinked)
}

async function start(id: NodeId): Promise<void> {
  await world.transport(id).start({
    message: (message) => heard.push(`${id} gets ${message.type} from ${message.from}`),
    met: () => {},
    lost: () => {},
  })
}

const allLinked = () =>
  world.ids.every((from) => world.ids.every((to) => from === to || world.linked(from, to)))

const tell = (from: NodeId, text: string) => world.tcp(from).tell(Buffer.from(text))

describe('reports', () => {
  test('each peer hears what a node tells, and the node itself does not', async () => {
    await open(3)

    tell('n1', 'I lead')
    tell('n2', 'I follow')
    await world.until(() => heard.length >= 4)

    expect(heard.toSorted()).toEqual([
      'n1 hears n2: I follow',
      'n2 hears n1: I lead',
      'n3 hears n1: I lead',
      'n3 hears n2: I follow',
    ])
  })

  test('one that is too large is dropped where it was to leave, and noted', async () => {
    await open(2)

    tell('n1', 'x'.repeat(REPORT_BYTES_MAX + 1))
    tell('n1', 'small')
    await world.until(() => heard.length > 0)

    expect(heard).toEqual(['n2 hears n1: small'])
    const dropped = world.notes.filter(({ note }) => note.type === 'dropped')
    expect(dropped.map(({ note }) => note.reason)).toEqual(['oversized'])
  })

  test('where there is no link they are lost, and not told later', async () => {
    await open(2)
    world.cut('n1', 'n2')
    await world.until(() => !world.linked('n1', 'n2'))

    tell('n1', 'unheard')
    world.heal('n1', 'n2')
    await world.until(() => world.linked('n1', 'n2'))
    tell('n1', 'heard')
    await world.until(() => heard.length > 0)

    expect(heard).toEqual(['n2 hears n1: heard'])
  })

  test('a peer of the version before is told nothing, and its link stays', async () => {
    await open(3, (id) => (id === 'n2' ? { versions: OLD } : {}))

    tell('n1', 'news')
    await world.until(() => heard.length > 0)
    const message = { ...SAMPLES.Vote, from: 'n1', to: 'n2' }
    world.transport('n1').send(message) // behind it, had the report been sent
    await world.until(() => heard.length > 1)

    expect(heard).toEqual(['n3 hears n1: news', 'n2 gets Vote from n1'])
    expect(world.notes.filter(({ note }) => note.type === 'badFrame')).toEqual([])
    expect(allLinked()).toBe(true)
  })

  test('a closed transport tells nothing more', async () => {
    await open(2)

    const closing = world.transport('n1').close()
    tell('n1', 'late')
    await closing
    await world.until(() => !world.tcp('n2').stats().peers.n1!.in)

    expect(heard).toEqual([])
  })
})
