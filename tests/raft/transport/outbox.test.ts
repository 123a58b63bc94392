// The queue of one link: lanes, bounds, and what is dropped.

import { describe, expect, test } from 'vitest'

import { laneOf, Outbox } from '../../../raft/transport/outbox.ts'
import { SAMPLES } from './messages.ts'

const frame = (text: string): Buffer => Buffer.from(text)

const drained = (outbox: Outbox): string[] => {
  const frames: string[] = []
  for (let next = outbox.next(); next !== undefined; next = outbox.next()) frames.push(`${next}`)
  return frames
}

describe('outbox', () => {
  test('urgent frames overtake ordered ones; within a lane nothing overtakes', () => {
    const outbox = new Outbox(1_000, 1_000)
    outbox.offer('ordered', frame('append 1'))
    outbox.offer('urgent', frame('vote'))
    outbox.offer('ordered', frame('append 2'))
    outbox.offer('urgent', frame('heartbeat'))

    const frames = drained(outbox)

    expect(frames).toEqual(['vote', 'heartbeat', 'append 1', 'append 2'])
  })

  test('a full lane refuses, by bytes or by messages, and leaves the other alone', () => {
    const outbox = new Outbox(10, 2)

    expect(outbox.offer('ordered', frame('0123456789'))).toBe(true)
    expect(outbox.offer('ordered', frame('x'))).toBe(false)
    expect(outbox.offer('urgent', frame('a'))).toBe(true)
    expect(outbox.offer('urgent', frame('b'))).toBe(true)
    expect(outbox.offer('urgent', frame('c'))).toBe(false)
    expect([outbox.bytes, outbox.messages]).toEqual([12, 3])
    expect(drained(outbox)).toEqual(['a', 'b', '0123456789'])
    expect([outbox.bytes, outbox.messages]).toEqual([0, 0])
    expect(outbox.offer('ordered', frame('x'))).toBe(true)
  })

  test('thousands that come and go in turns keep their order', () => {
    const outbox = new Outbox(1_000_000, 100_000)
    const out: number[] = []
    for (let count = 0; count < 10_000; count++) {
      outbox.offer('ordered', frame(`${count}`))
      if (count % 3 === 0) out.push(Number(outbox.next()))
    }
    out.push(...drained(outbox).map(Number))

    expect(out).toEqual(Array.from({ length: 10_000 }, (_, n) => n))
  })

  test('a cleared outbox is empty and takes again', () => {
    const outbox = new Outbox(100, 100)
    outbox.offer('urgent', frame('old'))
    outbox.offer('ordered', frame('old'))

    outbox.clear()
    outbox.offer('ordered', frame('new'))

    expect(drained(outbox)).toEqual(['new'])
  })

  test('what carries or follows entries keeps its order; what elects and confirms is urgent', () => {
    const ordered = Object.values(SAMPLES).filter((message) => laneOf(message) === 'ordered')

    expect(ordered.map((message) => message.type).toSorted()).toEqual([
      'Append',
      'Chunk',
      'ChunkAsk',
      'Commit',
      'Propose',
    ])
  })
})
