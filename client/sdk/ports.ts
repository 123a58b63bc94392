// What the SDK takes from the world: time, randomness and the way to a node. Tests bring their own.

import { randomFillSync } from 'node:crypto'
import { HttpTransport, type Transport } from './transport.ts'

export interface Clock {
  /** Only differences count. */
  monotonicMs(): number
  /** Milliseconds since 1970. */
  wallMs(): number
  /** Calls back once, after `ms`; what it answers takes that back. */
  after(ms: number, callback: () => void): () => void
}

export interface Ports extends Clock {
  readonly transport: Transport
  /** From 0 up to 1. */
  random(): number
  randomFill(bytes: Uint8Array): void
}

/** Longest time that setTimeout takes; beyond it fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

export function systemPorts(connectionsPerNode: number): Ports {
  return {
    transport: new HttpTransport(connectionsPerNode),
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    after: (ms, callback) => {
      const timer = setTimeout(callback, Math.min(Math.ceil(ms), TIMER_MS_MAX))
      return () => clearTimeout(timer)
    },
    random: Math.random,
    randomFill: pooledRandom(),
  }
}

const RANDOM_POOL_BYTES = 4_096

/** One call to the system's generator costs as much for 16 bytes as for thousands. For short arrays. */
function pooledRandom(): (bytes: Uint8Array) => void {
  const pool = Buffer.alloc(RANDOM_POOL_BYTES)
  let used = RANDOM_POOL_BYTES
  return (bytes) => {
    if (used + bytes.length > RANDOM_POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    used += pool.copy(bytes, 0, used, used + bytes.length)
  }
}
