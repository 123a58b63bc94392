// What the store says of itself, beside its content.
//
// The applied mark goes into every batch of the log and tells how far the store got: a hint, since LevelDB may have
// lost a part below it. The install mark stands as long as something may lie above the applied position that no log
// entry of this node put there, and goes into every batch that adds to it.

import type { Checkpoint } from '../../raft/core/types.ts'
import { StoreFormatError } from './store-errors.ts'

/**
 * receiving: values of a snapshot, not verified yet. verified: all of the offer, durable, but not in force.
 * emptying: the content is being deleted.
 */
export type InstallPhase = 'receiving' | 'verified' | 'emptying'

export interface InstallMark {
  readonly phase: InstallPhase
  readonly offer: Checkpoint
}

const PHASES: readonly InstallPhase[] = ['receiving', 'verified', 'emptying']
const HEAD_BYTES = 17

/** phase u8 · index u64 · term u64 · state */
export function encodeInstallMark(mark: InstallMark): Uint8Array {
  return encode(PHASES.indexOf(mark.phase), mark.offer)
}

export function decodeInstallMark(bytes: Uint8Array): InstallMark {
  const phase = PHASES[bytes[0]!]
  if (phase === undefined) throw new StoreFormatError(`install phase ${bytes[0]}`)
  return { phase, offer: decode(bytes) }
}

const APPLIED_VERSION = 1

/** version u8 · index u64 · term u64 · state */
export function encodeAppliedMark(applied: Checkpoint): Uint8Array {
  return encode(APPLIED_VERSION, applied)
}

export function decodeAppliedMark(bytes: Uint8Array): Checkpoint {
  if (bytes[0] !== APPLIED_VERSION) throw new StoreFormatError(`applied mark ${bytes[0]}`)
  return decode(bytes)
}

function encode(head: number, checkpoint: Checkpoint): Uint8Array {
  const bytes = Buffer.alloc(HEAD_BYTES + checkpoint.state.length)
  bytes[0] = head
  bytes.writeBigUInt64BE(BigInt(checkpoint.index), 1)
  bytes.writeBigUInt64BE(BigInt(checkpoint.term), 9)
  bytes.set(checkpoint.state, HEAD_BYTES)
  return bytes
}

function decode(bytes: Uint8Array): Checkpoint {
  const buffer = Buffer.from(bytes)
  return {
    index: Number(buffer.readBigUInt64BE(1)),
    term: Number(buffer.readBigUInt64BE(9)),
    state: buffer.subarray(HEAD_BYTES),
  }
}
