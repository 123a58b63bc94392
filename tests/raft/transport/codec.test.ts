// The codec: what is on the wire stays as it is, what was sent comes back, and nothing else comes through.

import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import type { WireMessage } from '../../../raft/core/types.ts'
import { decodeMessage, encodeMessage } from '../../../raft/transport/codec.ts'
import { BadFrameError, FRAME, FRAME_HEAD_BYTES } from '../../../raft/transport/frame.ts'
import { MESSAGE_BYTES_MAX } from '../../../raft/transport/limits.ts'
import { unpackTuple } from '../../../raft/transport/tuple.ts'
import fc from '../../properties.ts'
import { anyMessage, plain, SAMPLES } from './messages.ts'

const FRAME_BYTES_MAX = 1024 * 1024

const payloadOf = (message: WireMessage): Buffer =>
  encodeMessage(message, FRAME_BYTES_MAX)!.subarray(FRAME_HEAD_BYTES)

const kindOf = (message: WireMessage): 'message' | 'entries' =>
  encodeMessage(message, FRAME_BYTES_MAX)![8] === FRAME.entries ? 'entries' : 'message'

/** Once the protocol is out in the world, these change only with its version. */
const GOLDEN: { readonly [Type in WireMessage['type']]: string } = {
  PreVote: '9701a26e31a26e32030702c2',
  PreVoteResp: '9502a26e31a26e3203c3',
  Vote: '9703a26e31a26e32030702c3',
  VoteResp: '9504a26e31a26e3203c2',
  Append:
    '9905a26e31a26e3203040702069395080301c0c40097090300a26e32cb4271f71fb04cb00009c403010203950a0302c0c40100',
  AppendOk: '9606a26e31a26e3203040a',
  AppendConflict: '9907a26e31a26e32030407020501',
  Commit: '9608a26e31a26e320304cb433fffffffffffff',
  Heartbeat: '9809a26e31a26e32030406cb41f00000000000009293a26e32070293a26e330000',
  HeartbeatResp: '960aa26e31a26e32030401',
  SnapshotOffer:
    '9a0ba26e31a26e3203040702c4030102039192a26e33d920303132333435363738396162636465663031323334353637383961626364656602',
  NeedSnapshot: '9416a26e31a26e3203',
  StaleTerm: '940ca26e31a26e3203',
  TimeoutNow: '940da26e31a26e3203',
  ReadIndex: '950ea26e31a26e320305',
  ReadIndexResp: '960fa26e31a26e320305c0',
  Propose: '9910a26e31a26e3203a26e32cb4271f71fb04cb0000903c403010203',
  ProposeRefused: '9811a26e31a26e3203a26e32cb4271f71fb04cb0000901',
  Introduce: '9412a26e31a26e3203',
  Remembered:
    '9913a26e31a26e3203d920303132333435363738396162636465663031323334353637383961626364656603070206',
  ChunkAsk: '9614a26e31a26e32030464',
  Chunk: '9815a26e31a26e32030464ccc8c403010203',
}

describe('codec', () => {
  test.each(Object.values(SAMPLES).map((message) => [message.type, message] as const))(
    'golden bytes of %s',
    (type, message) => {
      expect(payloadOf(message).toString('hex')).toBe(GOLDEN[type])
    },
  )

  test('decode(encode(message)) is the message', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const decoded = decodeMessage(kindOf(message), payloadOf(message))

        expect(plain(decoded)).toEqual(plain(message))
      }),
      { numRuns: 500 },
    )
  })

  test('entries are views of the frame: their bytes are not copied', () => {
    const payload = payloadOf(SAMPLES.Append)

    const decoded = decodeMessage('entries', payload)

    expect(decoded.type === 'Append' && decoded.entries[1]!.data.buffer).toBe(payload.buffer)
  })

  test('random bytes give BadFrameError, never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, small) => {
        expectRefusedOrDecoded(small ? 'message' : 'entries', Buffer.from(bytes))
      }),
      { numRuns: 2_000 },
    )
  })

  test('a message with some bytes changed, cut or added is refused or is another message', () => {
    const change = fc.record({ at: fc.nat(400), byte: fc.nat(255) })
    fc.assert(
      fc.property(
        anyMessage,
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.nat(400),
        (message, changes, length) => {
          const bytes = Buffer.from(payloadOf(message))
          for (const { at, byte } of changes) bytes[at % bytes.length] = byte

          expectRefusedOrDecoded(kindOf(message), bytes)
          expectRefusedOrDecoded(kindOf(message), bytes.subarray(0, length % bytes.length))
          expect(() =>
            decodeMessage(
              kindOf(message),
              Buffer.concat([payloadOf(message), bytes.subarray(0, 1)]),
            ),
          ).toThrow(BadFrameError)
        },
      ),
      { numRuns: 1_000 },
    )
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  test.each([
    ['negative', -1],
    ['fractional', 1.5],
    ['not a number', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['above 2^53', 2 ** 53],
    ['a bigint', 2n ** 60n],
    ['a string', '3'],
    ['null', null],
    ['missing', undefined],
    ['a list', [3]],
    ['a map', { valueOf: 3 }],
    ['a date', new Date(0)],
  ])('a term that is %s is refused', (_, term) => {
    const packr = new Packr({ useRecords: false, moreTypes: true })
    const tuple = [12, 'n1', 'n2', ...(term === undefined ? [] : [term])] // StaleTerm

    expect(() => decodeMessage('message', packr.pack(tuple))).toThrow(BadFrameError)
  })

  test.each([
    ['an unknown type', [99, 'n1', 'n2', 3]],
    ['a type that is no number', ['Vote', 'n1', 'n2', 3]],
    ['an empty node id', [12, '', 'n2', 3]],
    ['a node id of 256 units', [12, 'n'.repeat(256), 'n2', 3]],
    ['a field too many', [12, 'n1', 'n2', 3, 0]],
    ['an unknown entry type', [5, 'n1', 'n2', 3, 1, 0, 0, 0, [[1, 3, 3, null, Buffer.alloc(0)]]]],
    [
      'an entry with a field too many',
      [5, 'n1', 'n2', 3, 1, 0, 0, 0, [[1, 3, 0, null, Buffer.alloc(0), 1]]],
    ],
    ['an entry whose data is a string', [5, 'n1', 'n2', 3, 1, 0, 0, 0, [[1, 3, 0, null, 'text']]]],
    ['entries that are no list', [5, 'n1', 'n2', 3, 1, 0, 0, 0, 7]],
    ['a store id in capitals', [19, 'n1', 'n2', 3, 'A'.repeat(32), null, 0]],
    ['an unknown refusal', [17, 'n1', 'n2', 3, 'n1', 1, 1, 5]],
    ['more matches than members', [9, 'n1', 'n2', 3, 1, 1, 1, Array(65).fill(['n', 1, 1])]],
    ['no tuple', 12],
  ])('%s is refused', (_, tuple) => {
    const packr = new Packr({ useRecords: false })
    const kind = Array.isArray(tuple) && tuple[0] === 5 ? 'entries' : 'message'

    expect(() => decodeMessage(kind, packr.pack(tuple))).toThrow(
      expect.objectContaining({ name: 'BadFrameError', reason: 'field' }),
    )
  })

  test('a message in a frame of the other kind is refused: its bound would not be its own', () => {
    expect(() => decodeMessage('entries', payloadOf(SAMPLES.Vote))).toThrow(BadFrameError)
    expect(() => decodeMessage('message', payloadOf(SAMPLES.Append))).toThrow(BadFrameError)
  })

  test('what would exceed its bound is not encoded', () => {
    const state = new Uint8Array(MESSAGE_BYTES_MAX)
    const { checkpoint } = SAMPLES.SnapshotOffer
    const offer = { ...SAMPLES.SnapshotOffer, checkpoint: { ...checkpoint, state } }
    const chunk = { ...SAMPLES.Chunk, data: new Uint8Array(FRAME_BYTES_MAX) }

    expect(encodeMessage(offer, FRAME_BYTES_MAX)).toBeNull()
    expect(encodeMessage(chunk, FRAME_BYTES_MAX)).toBeNull()
    expect(encodeMessage(chunk, FRAME_BYTES_MAX + 100)).not.toBeNull()
  })
})

describe('the corner of MessagePack we read', () => {
  test.each([
    ['a million open lists', Buffer.alloc(1_000_000, 0x91)],
    ['a million open maps', Buffer.alloc(1_000_000, 0x81)],
    ['a list that claims 2^32 - 1 values', Buffer.from('ddffffffff', 'hex')],
    ['bytes that claim 2^32 - 1', Buffer.from('91c6ffffffff', 'hex')],
    ['a string beyond the end', Buffer.from('91a56162', 'hex')],
    ['nothing', Buffer.alloc(0)],
    ['two values', Buffer.from('9090', 'hex')],
    ['the value nobody may use', Buffer.from('91c1', 'hex')],
    ['a record definition', Buffer.from('d4724091a16101', 'hex')],
    ['a regular expression', Buffer.from('91d4780092a12ea0', 'hex')],
    ['an error', Buffer.from('91d4650093a54572726f72a161c0', 'hex')],
    ['a reference to itself', Buffer.from('d6690000000091d67000000000', 'hex')],
    ['a 64-bit integer', Buffer.from('91cf0000000000000001', 'hex')],
    ['a single-precision float', Buffer.from('91ca3f800000', 'hex')],
  ])('%s is refused before it is built', (_, bytes) => {
    expect(() => unpackTuple(bytes)).toThrow(
      expect.objectContaining({ name: 'BadFrameError', reason: 'encoding' }),
    )
  })
})

function expectRefusedOrDecoded(kind: 'message' | 'entries', bytes: Buffer): void {
  let decoded: WireMessage
  try {
    decoded = decodeMessage(kind, bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(BadFrameError)
    return
  }
  // What passes is well formed: it survives the way back and forth.
  const again = decodeMessage(kindOf(decoded), payloadOf(decoded))
  expect(plain(again)).toEqual(plain(decoded))
}
