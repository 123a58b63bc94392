// The handshake without a socket: who is let in, who is told what, and what a recording is worth.

import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import {
  BadFrameError,
  FRAME,
  FRAME_HEAD_BYTES,
  type FrameKind,
} from '../../../raft/transport/frame.ts'
import {
  Acceptor,
  type AcceptorStep,
  Dialler,
  type DiallerStep,
  NONCE_BYTES,
  PROTOCOL_VERSIONS,
  type Self,
} from '../../../raft/transport/handshake.ts'
import fc from '../../properties.ts'

const members = ['n1', 'n2', 'n3']
const one: Self = {
  id: 'n1',
  members,
  store: '1'.repeat(32),
  life: 11,
  secret: 'quiet',
  about: 'http://one',
  versions: PROTOCOL_VERSIONS,
}
const two: Self = {
  id: 'n2',
  members,
  store: '2'.repeat(32),
  life: 22,
  secret: 'quiet',
  about: '',
  versions: PROTOCOL_VERSIONS,
}

const nonce = (fill: number): Buffer => Buffer.alloc(NONCE_BYTES, fill)
const dialler = (self: Self = one, target = 'n2', fill = 1) =>
  new Dialler(self, target, nonce(fill))
const acceptor = (self: Self = two, fill = 2) => new Acceptor(self, nonce(fill))

/** Kind and payload of a sealed frame. */
const opened = (frame: Buffer): [FrameKind, Buffer] => [
  frame[8] as FrameKind,
  frame.subarray(FRAME_HEAD_BYTES),
]

const frameOf = (step: AcceptorStep | DiallerStep): Buffer => {
  if (step.type !== 'send' && step.type !== 'refuse')
    throw new Error(`nothing to send: ${step.type}`)
  return step.frame
}

/** Runs both sides against each other; answers how each ended. */
function meet(dial: Dialler, accept: Acceptor): { dialler: DiallerStep; acceptor: AcceptorStep } {
  const challenge = accept.step(...opened(dial.hello()))
  if (challenge.type === 'refuse') {
    return { acceptor: challenge, dialler: dial.step(...opened(challenge.frame)) }
  }
  const proof = dial.step(...opened(frameOf(challenge)))
  const end = accept.step(...opened(frameOf(proof)))
  if (end.type === 'refuse') return { acceptor: end, dialler: dial.step(...opened(end.frame)) }
  if (end.type === 'refused') return { acceptor: end, dialler: proof }
  return { acceptor: end, dialler: dial.step(FRAME.welcome, Buffer.alloc(0)) }
}

describe('handshake', () => {
  test.each(['quiet', ''])('two members with the secret %j meet', (secret) => {
    const met = meet(dialler({ ...one, secret }), acceptor({ ...two, secret }))

    expect(met.dialler).toEqual({ type: 'welcomed' })
    expect(met.acceptor).toEqual({
      type: 'proven',
      identity: { peer: 'n1', store: one.store, life: 11, about: one.about, version: 2 },
    })
  })

  test('the order in which the members were configured does not matter', () => {
    const met = meet(dialler({ ...one, members: members.toReversed() }), acceptor())

    expect(met.acceptor.type).toBe('proven')
  })

  test('with another secret the dialler refuses first, and both know why, without detail', () => {
    const met = meet(dialler({ ...one, secret: 'loud' }), acceptor())

    expect(met.dialler).toMatchObject({ type: 'refuse', reason: 'wrong_secret', detail: '' })
    expect(met.acceptor).toEqual({ type: 'refused', reason: 'wrong_secret', detail: '' })
  })

  test.each([
    ['wrong_target', dialler(one, 'n3'), 'this is n2'],
    ['duplicate_identity', dialler({ ...one, id: 'n2' }, 'n2'), 'this is n2 too'],
    ['unknown_node', dialler({ ...one, id: 'n9' }), ''],
    ['other_members', dialler({ ...one, members: ['n1', 'n2'] }), ''],
    ['other_members', dialler({ ...one, members: [...members, 'n4'] }), ''],
  ])('%s is told to the other side', (reason, dial, detail) => {
    const met = meet(dial, acceptor())

    expect(met.acceptor).toMatchObject({ type: 'refuse', reason, detail })
    expect(met.dialler).toEqual({ type: 'refused', reason, detail })
  })

  test('a dialler that reached another node than it meant refuses', () => {
    const dial = dialler()
    const step = acceptor({ ...two, id: 'n3' }).step(...opened(dialler(one, 'n3').hello()))

    expect(dial.step(...opened(frameOf(step)))).toMatchObject({
      type: 'refuse',
      reason: 'wrong_target',
    })
  })

  test.each([
    ['newer', 3, 7],
    ['older', 0, 0],
    ['impossible', 3, 1],
  ])('a peer of %s versions is told ours, whatever follows in its hello', (_, min, max) => {
    const packr = new Packr({ useRecords: false })
    const hello = packr.pack([packr.pack([min, max, 'something', 'else'])])

    const step = acceptor().step(FRAME.hello, hello)

    expect(step).toMatchObject({
      type: 'refuse',
      reason: 'protocol_version',
      detail: 'speaks 1 to 2',
    })
  })

  test('a peer that also speaks newer versions is spoken to in ours', () => {
    const packr = new Packr({ useRecords: false })
    const [, payload] = opened(dialler().hello())
    const fields = packr.unpack((packr.unpack(payload) as [Buffer])[0]) as unknown[]
    const hello = packr.pack([packr.pack([1, 9, ...fields.slice(2)])])

    expect(acceptor().step(FRAME.hello, hello).type).toBe('send')
  })

  test.each([
    ['the newest that both know', 2, 2, 2],
    ["the acceptor's, if it is the older", 2, 1, 1],
    ["the dialler's, if it is the older", 1, 2, 1],
  ])('what is spoken: %s', (_, dials, accepts, spoken) => {
    const dial = dialler({ ...one, versions: { min: 1, max: dials } })
    const met = meet(dial, acceptor({ ...two, versions: { min: 1, max: accepts } }))

    expect(dial.version).toBe(spoken)
    expect(met.acceptor).toMatchObject({ type: 'proven', identity: { version: spoken } })
  })

  test('a recorded proof is worth nothing against another nonce', () => {
    const dial = dialler()
    const recordedHello = opened(dial.hello())
    const recordedProof = opened(
      frameOf(dial.step(...opened(frameOf(acceptor().step(...recordedHello))))),
    )
    const later = acceptor(two, 3)

    later.step(...recordedHello)
    const end = later.step(...recordedProof)

    expect(end).toMatchObject({ type: 'refuse', reason: 'wrong_secret' })
  })

  test("the acceptor's own proof, sent back, is no proof", () => {
    const packr = new Packr({ useRecords: false })
    const accept = acceptor()
    const [, challenge] = opened(frameOf(accept.step(...opened(dialler().hello()))))
    const mac = (packr.unpack(challenge) as [Buffer, Buffer])[1]

    const end = accept.step(FRAME.proof, packr.pack([mac]))

    expect(end).toMatchObject({ type: 'refuse', reason: 'wrong_secret' })
  })

  test('a proof made for one identity does not serve another', () => {
    const dial = dialler()
    const accept = acceptor()
    accept.step(...opened(dialler({ ...one, id: 'n3' }).hello()))
    const proof = dial.step(...opened(frameOf(acceptor().step(...opened(dial.hello())))))

    expect(accept.step(...opened(frameOf(proof)))).toMatchObject({ reason: 'wrong_secret' })
  })

  test('frames out of turn are refused', () => {
    const greeted = acceptor()
    greeted.step(...opened(dialler().hello()))

    expect(() => greeted.step(...opened(dialler().hello()))).toThrow(BadFrameError)
    expect(() => acceptor().step(FRAME.proof, Buffer.alloc(0))).toThrow(BadFrameError)
    expect(() => acceptor().step(FRAME.message, Buffer.alloc(0))).toThrow(BadFrameError)
    expect(() => dialler().step(FRAME.welcome, Buffer.alloc(0))).toThrow(BadFrameError)
    expect(() => dialler().step(FRAME.hello, Buffer.alloc(0))).toThrow(BadFrameError)
  })

  test('any bytes in any handshake frame give a refusal or BadFrameError, never a welcome', () => {
    const packr = new Packr({ useRecords: false })
    const kinds = fc.constantFrom(
      FRAME.hello,
      FRAME.challenge,
      FRAME.proof,
      FRAME.welcome,
      FRAME.refused,
    )
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }).map((inner) => packr.pack([inner])),
    )
    fc.assert(
      fc.property(kinds, bytes, fc.boolean(), (kind, payload, greeted) => {
        const accept = acceptor()
        if (greeted) accept.step(...opened(dialler().hello()))
        for (const side of [accept, dialler()]) {
          try {
            const step = side.step(kind, Buffer.from(payload))
            expect(['refuse', 'refused']).toContain(step.type)
          } catch (error) {
            expect(error).toBeInstanceOf(BadFrameError)
          }
        }
      }),
      { numRuns: 1_000 },
    )
  })
})
