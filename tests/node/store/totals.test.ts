// Counters and digest as they travel in checkpoints and offers.

import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { DigestRing } from '../../../node/store/digest-ring.ts'
import { StoreFormatError } from '../../../node/store/store-errors.ts'
import {
  addToDigest,
  type DigestSum,
  decodeTotals,
  digestText,
  EMPTY_TOTALS,
  encodeTotals,
} from '../../../node/store/totals.ts'
import fc from '../../properties.ts'

const limb = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const anySum: fc.Arbitrary<DigestSum> = fc.tuple(limb, limb, limb, limb)
const count = fc.integer({ min: 0, max: 2 ** 48 - 1 })

test('a contribution is a hash of position and value, added modulo 2^128', () => {
  fc.assert(
    fc.property(anySum, count, fc.uint8Array(), (sum, position, value) => {
      const key = Buffer.from(`65${position.toString(16).padStart(12, '0')}`, 'hex')
      const hash = createHash('sha256').update(key).update(value).digest().subarray(0, 16)
      const contribution = BigInt(`0x${hash.reverse().toString('hex')}`)
      const expected = (BigInt(`0x${digestText(sum)}`) + contribution) % 2n ** 128n

      expect(digestText(addToDigest(sum, position, value))).toBe(
        expected.toString(16).padStart(32, '0'),
      )
    }),
  )
})

test('the order of contributions does not matter', () => {
  const [a, b] = [Buffer.from('a'), Buffer.from('b')]
  const { digest } = EMPTY_TOTALS

  expect(addToDigest(addToDigest(digest, 1, a), 2, b)).toEqual(
    addToDigest(addToDigest(digest, 2, b), 1, a),
  )
})

test('totals come back as they were written', () => {
  const anyTotals = fc.record({
    position: count,
    duplicates: count,
    conflicts: count,
    topics: count,
    digest: anySum,
  })
  fc.assert(
    fc.property(anyTotals, (totals) => {
      expect(decodeTotals(encodeTotals(totals))).toEqual(totals)
    }),
  )
})

test('golden bytes of the state in a checkpoint', () => {
  const totals = {
    position: 1,
    duplicates: 2,
    conflicts: 3,
    topics: 4,
    digest: [5, 6, 7, 2 ** 31],
  } as const

  expect(Buffer.from(encodeTotals(totals)).toString('hex')).toBe(
    `01${'000000000001'}${'000000000002'}${'000000000003'}${'000000000004'}` +
      `${'00000005'}${'00000006'}${'00000007'}${'80000000'}`,
  )
})

test('a state of another version is refused', () => {
  const bytes = encodeTotals(EMPTY_TOTALS)
  bytes[0] = 2

  expect(() => decodeTotals(bytes)).toThrow(StoreFormatError)
  expect(() => decodeTotals(bytes.subarray(0, 40))).toThrow(StoreFormatError)
})

test('the ring keeps as many digests as it has room for, and no other index in their place', () => {
  const ring = new DigestRing(4)
  for (let index = 1; index <= 6; index++) ring.note(index, [index, 0, 0, 0])

  expect([0, 1, 2, 3, 6, 7].map((index) => ring.at(index)?.[0] ?? null)).toEqual([
    ...[null, null, null, 3, 6, null],
  ])
  ring.forget()
  expect(ring.at(6)).toBeNull()
})
