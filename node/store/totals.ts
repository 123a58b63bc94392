// What the state machine counts, and the digest of what it holds, at one applied index.
//
// A plain value that goes into checkpoints and offers. `received` is not kept: it is unique + duplicates, always.
// The digest does not depend on how the state came about: each stored value contributes a hash of its first
// position and all its bytes, and contributions are summed modulo 2^128.

import { hash } from 'node:crypto'
import { readUint32, readUint48, writeUint32, writeUint48 } from '../command/format.ts'
import { entryKey } from './keys.ts'
import { StoreFormatError } from './store-errors.ts'

export interface Totals {
  /** Of the newest event; as positions are dense, also the number of events stored. */
  readonly position: number
  readonly duplicates: number
  /** Among the duplicates. */
  readonly conflicts: number
  readonly topics: number
  readonly digest: DigestSum
}

/** Four limbs of 32 bits, the lowest first. */
export type DigestSum = readonly [number, number, number, number]

export const EMPTY_TOTALS: Totals = {
  position: 0,
  duplicates: 0,
  conflicts: 0,
  topics: 0,
  digest: [0, 0, 0, 0],
}

const TOTALS_VERSION = 1
const TOTALS_BYTES = 41

export function encodeTotals(totals: Totals): Uint8Array {
  const bytes = new Uint8Array(TOTALS_BYTES)
  bytes[0] = TOTALS_VERSION
  writeUint48(bytes, 1, totals.position)
  writeUint48(bytes, 7, totals.duplicates)
  writeUint48(bytes, 13, totals.conflicts)
  writeUint48(bytes, 19, totals.topics)
  totals.digest.forEach((limb, i) => {
    writeUint32(bytes, 25 + 4 * i, limb)
  })
  return bytes
}

export function decodeTotals(bytes: Uint8Array): Totals {
  if (bytes[0] !== TOTALS_VERSION || bytes.length !== TOTALS_BYTES) {
    throw new StoreFormatError(
      `state of version ${bytes[0]}, ${bytes.length} bytes; this release knows ${TOTALS_VERSION}`,
    )
  }
  return {
    position: readUint48(bytes, 1),
    duplicates: readUint48(bytes, 7),
    conflicts: readUint48(bytes, 13),
    topics: readUint48(bytes, 19),
    digest: [
      readUint32(bytes, 25),
      readUint32(bytes, 29),
      readUint32(bytes, 33),
      readUint32(bytes, 37),
    ],
  }
}

/** `sum` and the contribution of a value under its first position. */
export function addToDigest(sum: DigestSum, position: number, value: Uint8Array): DigestSum {
  const contribution = hash('sha256', keyAndValue(position, value), 'binary')
  const limbs: [number, number, number, number] = [0, 0, 0, 0]
  let carry = 0
  for (let i = 0; i < 4; i++) {
    const added =
      sum[i]! +
      carry +
      contribution.charCodeAt(4 * i) +
      contribution.charCodeAt(4 * i + 1) * 2 ** 8 +
      contribution.charCodeAt(4 * i + 2) * 2 ** 16 +
      contribution.charCodeAt(4 * i + 3) * 2 ** 24
    limbs[i] = added % 2 ** 32
    carry = added >= 2 ** 32 ? 1 : 0
  }
  return limbs
}

// Hashed in one piece, which costs less than to feed a hash twice; kept for the next, since each entry needs one.
let scratch = Buffer.alloc(0)
const SCRATCH_BYTES_KEPT = 1024 * 1024

function keyAndValue(position: number, value: Uint8Array): Uint8Array {
  const key = entryKey(position)
  const size = key.length + value.length
  const bytes = size > SCRATCH_BYTES_KEPT ? Buffer.allocUnsafeSlow(size) : scratchOf(size)
  bytes.set(key)
  bytes.set(value, key.length)
  return bytes
}

function scratchOf(size: number): Uint8Array {
  if (scratch.length < size)
    scratch = Buffer.allocUnsafeSlow(Math.min(2 * size, SCRATCH_BYTES_KEPT))
  return scratch.subarray(0, size)
}

/** 32 hexadecimal digits, the highest first. */
export function digestText(sum: DigestSum): string {
  return sum.reduce((text, limb) => limb.toString(16).padStart(8, '0') + text, '')
}

export function sameDigest(a: DigestSum, b: DigestSum): boolean {
  return a.every((limb, i) => limb === b[i])
}
