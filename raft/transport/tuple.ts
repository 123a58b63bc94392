// Tuples as bytes: a strict corner of MessagePack, and a cursor that checks each field as it is read.
//
// What stands on the wire is an array of null, booleans, non-negative numbers, strings, bytes, and such arrays, a few
// levels deep. msgpackr reads much more (maps, records, extensions that build regular expressions, errors and
// references); a peer's bytes never reach that part of it, because everything else is refused first. Stateless: no
// shared structures, so any frame can be read without those before it.

import { Packr, RESERVE_START_SPACE } from 'msgpackr'

import type { Bytes } from '../core/types.ts'
import { BadFrameError, FRAME_HEAD_BYTES, type FrameKind, sealFrame } from './frame.ts'

const packr = new Packr({ useRecords: false })

/** A whole frame: the head's place is reserved by the encoder, so that nothing is copied to put it there. */
export function packFrame(kind: FrameKind, tuple: readonly unknown[]): Buffer {
  return sealFrame(kind, packr.pack(tuple, RESERVE_START_SPACE + FRAME_HEAD_BYTES))
}

export function packTuple(tuple: readonly unknown[]): Buffer {
  return packr.pack(tuple)
}

/** Bytes in the answer are views of `payload`. Throws BadFrameError. */
export function unpackTuple(payload: Buffer): Fields {
  checkPlain(payload)
  let value: unknown
  try {
    value = packr.unpack(payload)
  } catch (error) {
    throw new BadFrameError('encoding', 'the payload cannot be decoded', { cause: error })
  }
  return new Fields(value)
}

/** Reads a tuple from left to right. Each reader throws BadFrameError unless the next field is what it names. */
export class Fields {
  readonly #values: readonly unknown[]
  #next = 0

  constructor(value: unknown) {
    if (!Array.isArray(value)) throw new BadFrameError('field', 'a tuple is expected')
    this.#values = value
  }

  /** Term, index, position, session, sequence number: a safe, non-negative integer. */
  count(): number {
    const value = this.#values[this.#next++]
    if (!Number.isSafeInteger(value) || (value as number) < 0)
      this.#fail('a safe, non-negative integer')
    return (value as number) + 0 // -0, which only a foreign encoder can send, becomes 0
  }

  flag(): boolean {
    const value = this.#values[this.#next++]
    if (typeof value !== 'boolean') this.#fail('a boolean')
    return value
  }

  /** 1 to lengthMax UTF-16 units. */
  text(lengthMax: number): string {
    const value = this.#values[this.#next++]
    if (typeof value !== 'string' || value.length === 0 || value.length > lengthMax) {
      this.#fail(`a string of 1 to ${lengthMax} units`)
    }
    return value
  }

  matching(pattern: RegExp): string {
    const value = this.#values[this.#next++]
    if (typeof value !== 'string' || !pattern.test(value)) this.#fail(`a string like ${pattern}`)
    return value
  }

  bytes(length?: number): Bytes {
    const value = this.#values[this.#next++]
    if (!(value instanceof Uint8Array)) this.#fail('bytes')
    if (length !== undefined && value.length !== length) this.#fail(`${length} bytes`)
    return value
  }

  /** An index into `names`. */
  one<Name>(names: readonly Name[]): Name {
    const index = this.count()
    if (index >= names.length) this.#fail(`below ${names.length}`)
    return names[index]!
  }

  /** Consumes a null; answers false, and nothing is consumed, for anything else. */
  none(): boolean {
    if (this.#values[this.#next] !== null) return false
    this.#next++
    return true
  }

  list<Item>(countMax: number, read: (fields: Fields) => Item): Item[] {
    const value = this.#values[this.#next++]
    if (!Array.isArray(value) || value.length > countMax) this.#fail(`at most ${countMax} tuples`)
    return value.map((item) => {
      const fields = new Fields(item)
      const result = read(fields)
      fields.end()
      return result
    })
  }

  end(): void {
    if (this.#next !== this.#values.length) {
      throw new BadFrameError('field', `${this.#values.length} fields where ${this.#next} belong`)
    }
  }

  #fail(expected: string): never {
    throw new BadFrameError('field', `field ${this.#next - 1} is not ${expected}`)
  }
}

/** A message, its list of entries, an entry. */
const DEPTH_MAX = 3

/** Walks the tokens without building anything. Throws BadFrameError at the first that is not ours. */
function checkPlain(bytes: Buffer): void {
  const end = bytes.length
  const owed = [1] // values still to come at each level
  let at = 0

  const open = (count: number): void => {
    if (owed.length > DEPTH_MAX) throw new BadFrameError('encoding', 'nested too deep')
    if (count > end - at) throw new BadFrameError('encoding', 'more values than bytes')
    owed.push(count)
  }

  while (owed.length > 0) {
    const level = owed.length - 1
    if (owed[level] === 0) {
      owed.pop()
      continue
    }
    owed[level]!--
    if (at >= end) throw new BadFrameError('encoding', 'the payload ends in mid-value')

    // Beyond the end these reads give 0; the check above, or the one after the loop, finds it.
    const token = bytes[at++]!
    if (token < 0x80) continue
    if (token >= 0x90 && token < 0xa0) open(token & 0x0f)
    else if (token >= 0xa0 && token < 0xc0) at += token & 0x1f
    else {
      switch (token) {
        case 0xc0: // null
        case 0xc2: // false
        case 0xc3: // true
          break
        case 0xc4: // bytes
        case 0xd9: // string
          at += 1 + uint(bytes, at, 1)
          break
        case 0xc5:
        case 0xda:
          at += 2 + uint(bytes, at, 2)
          break
        case 0xc6:
        case 0xdb:
          at += 4 + uint(bytes, at, 4)
          break
        case 0xcb: // a number of more than 32 bits
          at += 8
          break
        case 0xcc: // numbers of 8, 16, 32 bits
          at += 1
          break
        case 0xcd:
          at += 2
          break
        case 0xce:
          at += 4
          break
        case 0xdc: // arrays
          at += 2
          open(uint(bytes, at - 2, 2))
          break
        case 0xdd:
          at += 4
          open(uint(bytes, at - 4, 4))
          break
        default:
          throw new BadFrameError('encoding', `token 0x${token.toString(16)} is none of ours`)
      }
    }
  }
  if (at !== end) throw new BadFrameError('encoding', 'the payload does not end with its value')
}

function uint(bytes: Buffer, at: number, width: 1 | 2 | 4): number {
  if (width === 1) return bytes[at]! | 0
  if (width === 2) return (bytes[at]! << 8) | bytes[at + 1]!
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  )
}
