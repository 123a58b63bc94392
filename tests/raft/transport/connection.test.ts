// One connection over a stream in memory: what leaves in one write, what waits, and how it ends.

import { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'

import { Connection } from '../../../raft/transport/connection.ts'
import { FRAME, KEEPALIVE_FRAME } from '../../../raft/transport/frame.ts'

/** A stream whose writes are kept and acknowledged only when the test says so. */
function stream(highWaterMark = 1_000) {
  const writes: string[][] = []
  const acknowledge: (() => void)[] = []
  const duplex = new Duplex({
    highWaterMark,
    read() {},
    write(chunk, _, done) {
      writes.push([`${chunk}`])
      acknowledge.push(done)
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => `${chunk}`))
      acknowledge.push(done)
    },
  })
  return { duplex, writes, acknowledge }
}

function connectionOver(duplex: Duplex) {
  const log: string[] = []
  const connection = new Connection(
    duplex,
    { [FRAME.keepalive]: 0 },
    {
      onFrame: (kind) => log.push(`frame ${kind}`),
      onClosed: (reason) => log.push(`closed ${reason}`),
      onDrain: () => log.push('drain'),
    },
  )
  return { connection, log }
}

const from = (frames: string[]) => () => {
  const frame = frames.shift()
  return frame === undefined ? undefined : Buffer.from(frame)
}

describe('connection', () => {
  test('all frames at hand leave in one write', () => {
    const { duplex, writes } = stream()
    const { connection } = connectionOver(duplex)

    connection.writeAll(from(['one', 'two', 'three']))

    expect(writes).toEqual([['one', 'two', 'three']])
    expect(connection.bytesOut).toBe(11)
  })

  test('a full socket is handed no more until it has drained', async () => {
    const { duplex, writes, acknowledge } = stream(10)
    const { connection, log } = connectionOver(duplex)
    const frames = ['0123456789', 'waits']

    connection.writeAll(from(frames))
    const whileFull = { ready: connection.ready, left: [...frames] }
    const drained = new Promise((resolve) => duplex.once('drain', resolve))
    acknowledge.shift()!()
    await drained
    connection.writeAll(from(frames))

    expect(whileFull).toEqual({ ready: false, left: ['waits'] })
    expect(log).toEqual(['drain'])
    expect(writes).toEqual([['0123456789'], ['waits']])
  })

  test.each([
    [
      'an error',
      (duplex: Duplex) => duplex.destroy(Object.assign(new Error(), { code: 'ERESET' })),
    ],
    ['a half close', (duplex: Duplex) => duplex.push(null)],
    ['garbage', (duplex: Duplex) => duplex.push(Buffer.alloc(20, 0xff))],
  ])('after %s it is closed once, and takes and gives nothing', async (_, end) => {
    const { duplex, writes } = stream()
    const { connection, log } = connectionOver(duplex)
    const closed = new Promise((resolve) => duplex.once('close', resolve))

    end(duplex)
    await closed
    connection.receive(KEEPALIVE_FRAME)
    connection.write(KEEPALIVE_FRAME)
    connection.writeAll(from(['late']))
    connection.close('again')

    expect(log).toEqual([expect.stringMatching(/^closed (ERESET|ended|badFrame)$/)])
    expect(writes).toEqual([])
  })

  test('silence is counted in sweeps; bytes and a drain end it', () => {
    const { duplex } = stream()
    const { connection } = connectionOver(duplex)

    const counts = [connection.sweep(), connection.sweep()]
    connection.receive(KEEPALIVE_FRAME)
    counts.push(connection.sweep())
    duplex.emit('drain')
    counts.push(connection.sweep())

    expect(counts).toEqual([1, 2, 1, 1])
  })

  test('what a handler throws is not swallowed: it is not about the bytes', () => {
    const { duplex } = stream()
    const connection = new Connection(
      duplex,
      { [FRAME.keepalive]: 0 },
      {
        onFrame: () => {
          throw new Error('a broken invariant')
        },
        onClosed: () => {},
        onDrain: () => {},
      },
    )

    expect(() => connection.receive(KEEPALIVE_FRAME)).toThrow('a broken invariant')
  })
})
