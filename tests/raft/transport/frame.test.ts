// Frames: every way to cut a stream gives the same frames, and no damaged byte goes unseen.

import { describe, expect, test } from 'vitest'
import {
  BadFrameError,
  FRAME,
  FRAME_HEAD_BYTES,
  type FrameBounds,
  FrameDecoder,
  type FrameKind,
  KEEPALIVE_FRAME,
  sealFrame,
} from '../../../raft/transport/frame.ts'
import fc from '../../properties.ts'

const BOUNDS: FrameBounds = { [FRAME.keepalive]: 0, [FRAME.message]: 1000, [FRAME.entries]: 5000 }

const frameOf = (kind: FrameKind, payload: Uint8Array): Buffer =>
  sealFrame(kind, Buffer.concat([Buffer.alloc(FRAME_HEAD_BYTES), payload]))

const decode = (chunks: Iterable<Uint8Array>): [FrameKind, string][] => {
  const decoder = new FrameDecoder(BOUNDS)
  const frames: [FrameKind, string][] = []
  for (const chunk of chunks) {
    decoder.push(Buffer.from(chunk), (kind, payload) => {
      frames.push([kind, payload.toString('hex')])
      return true
    })
  }
  return frames
}

const head = (length: number, kind: number): Buffer => {
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES)
  bytes.writeUInt32BE(length, 0)
  bytes[8] = kind
  return bytes
}

describe('frames', () => {
  test('golden bytes: length, checksum and kind stand where they stood', () => {
    expect(frameOf(FRAME.message, Buffer.from('abc')).toString('hex')).toBe(
      '00000004' + '76f67f75' + '07' + '616263',
    )
    expect(KEEPALIVE_FRAME.toString('hex')).toBe('00000001' + '3b614ab8' + '06')
  })

  test('any cutting of the stream into chunks gives the same frames', () => {
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 1000 }).map((payload) => [FRAME.message, payload] as const),
      fc.uint8Array({ maxLength: 5000 }).map((payload) => [FRAME.entries, payload] as const),
      fc.constant([FRAME.keepalive, new Uint8Array()] as const),
    )
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 700 })), (frames, cuts) => {
        const stream = Buffer.concat(frames.map(([kind, payload]) => frameOf(kind, payload)))
        const chunks: Buffer[] = []
        for (let at = 0, n = 0; at < stream.length; n++) {
          const size = cuts.length === 0 ? stream.length : cuts[n % cuts.length]!
          chunks.push(stream.subarray(at, at + size))
          at += size
        }

        const decoded = decode(chunks)

        expect(decoded).toEqual(
          frames.map(([kind, payload]) => [kind, Buffer.from(payload).toString('hex')]),
        )
      }),
    )
  })

  test('any changed byte is refused, or leaves the frame incomplete: it is never delivered', () => {
    const intact = frameOf(FRAME.message, Buffer.from('a vote, say'))
    for (let at = 0; at < intact.length; at++) {
      for (let flip = 1; flip < 256; flip++) {
        const damaged = Buffer.from(intact)
        damaged[at]! ^= flip
        let frames: unknown[] = []
        try {
          frames = decode([damaged])
        } catch (error) {
          expect(error).toBeInstanceOf(BadFrameError)
        }
        expect(frames).toEqual([])
      }
    }
  })

  test.each([
    ['0', head(0, FRAME.message)],
    ['0xffffffff', head(0xffffffff, FRAME.message)],
    ['one above the bound of its kind', head(1002, FRAME.message)],
    ['a keepalive with a payload', head(2, FRAME.keepalive)],
  ])('a frame length of %s is refused by its head alone', (_, bytes) => {
    expect(() => decode([bytes])).toThrow(expect.objectContaining({ reason: 'length' }))
  })

  test('the largest payload of each kind passes', () => {
    const frames = decode([
      frameOf(FRAME.message, Buffer.alloc(1000)),
      frameOf(FRAME.entries, Buffer.alloc(5000)),
    ])

    expect(frames.map(([kind]) => kind)).toEqual([FRAME.message, FRAME.entries])
  })

  test('a kind that may not come now is refused, known or not', () => {
    for (const kind of [0, FRAME.hello, 99, 255]) {
      expect(() => decode([head(1, kind)])).toThrow(expect.objectContaining({ reason: 'kind' }))
    }
  })

  test('a frame within one chunk is a view of it; what follows a false answer is ignored', () => {
    const chunk = Buffer.concat([
      frameOf(FRAME.message, Buffer.from('one')),
      frameOf(FRAME.message, Buffer.from('two')),
    ])
    const seen: Buffer[] = []

    new FrameDecoder(BOUNDS).push(chunk, (_, payload) => {
      seen.push(payload)
      return false
    })

    expect(seen.map(String)).toEqual(['one'])
    expect(seen[0]!.buffer).toBe(chunk.buffer)
  })
})
