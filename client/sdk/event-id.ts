// Event ids for those who have none: UUIDv7 (RFC 9562), 48 bits of time, a counter of 12 bits, 62 random bits.
//
// Keeps: the ids of one maker rise strictly, also when the clock stands still or goes back (§6.2, method 1).

const COUNTER_MAX = 0xfff

export interface EventIdPorts {
  /** Milliseconds since 1970. */
  wallMs(): number
  /** Fills the array with unpredictable bytes. */
  randomFill(bytes: Uint8Array): void
}

/** A maker of ids. */
export function eventIds({ wallMs, randomFill }: EventIdPorts): () => string {
  const bytes = Buffer.alloc(16)
  let lastMs = -1
  let counter = 0

  return () => {
    randomFill(bytes)
    const nowMs = Math.floor(wallMs())
    if (nowMs > lastMs) {
      lastMs = nowMs
      counter = bytes.readUInt16BE(6) & (COUNTER_MAX >> 1) // leaves half of the range to count up in
    } else if (counter < COUNTER_MAX) {
      counter += 1
    } else {
      lastMs += 1
      counter = 0
    }
    bytes.writeUIntBE(lastMs, 0, 6)
    bytes.writeUInt16BE(0x7000 | counter, 6)
    bytes[8] = 0x80 | (bytes[8]! & 0x3f)
    const hex = bytes.toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }
}
