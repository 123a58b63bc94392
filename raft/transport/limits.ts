// The bounds of the peer transport: each has a name, and their relations are asserted once, at the start.
//
// Times are milliseconds, sizes bytes. The transport reads no clock: it counts sweeps, one each keepaliveMs, so
// that a process that was paused does not take its own pause for the silence of its peers.

export interface TransportLimits {
  /** Payload of a frame that carries entries; a configuration asserts entryBytesMax + overhead below it. */
  readonly frameBytesMax: number
  /** What may wait for one peer, in each of its two lanes; more is dropped. */
  readonly queueBytesMax: number
  readonly queueMessagesMax: number
  /** Between two signs of life on a link, about a heartbeat. */
  readonly keepaliveMs: number
  /** A link without a sign of life for so long is closed: half-open TCP, black hole, stopped process. */
  readonly linkSilenceMs: number
  /** A link heard within this bound holds its node id against another life of the same id. */
  readonly identityHoldMs: number
  /** From the first byte of TCP to the end of the handshake, on both sides. */
  readonly handshakeTimeoutMs: number
  /** Accepted connections that are no link yet; one more makes the oldest go. */
  readonly pendingMax: number
  readonly redialMinMs: number
  readonly redialMaxMs: number
  /** The same note is told at most once in this time, with the number of its repetitions. 0: each one. */
  readonly noteEveryMs: number
}

/** Messages without entries; not configurable, since both sides must agree on it. */
export const MESSAGE_BYTES_MAX = 256 * 1024
export const HANDSHAKE_BYTES_MAX = 4 * 1024
/** What a node tells of itself from time to time; both sides must agree on it, too. */
export const REPORT_BYTES_MAX = 4 * 1024

export const DEFAULT_LIMITS: TransportLimits = {
  frameBytesMax: 16 * 1024 * 1024,
  queueBytesMax: 32 * 1024 * 1024,
  queueMessagesMax: 16 * 1024,
  keepaliveMs: 100,
  linkSilenceMs: 3_000,
  identityHoldMs: 1_000,
  handshakeTimeoutMs: 3_000,
  pendingMax: 64,
  redialMinMs: 20,
  redialMaxMs: 500,
  noteEveryMs: 10_000,
}

/** Throws a RangeError that names the broken relation. */
export function checkLimits(limits: TransportLimits): TransportLimits {
  const relations: readonly (readonly [boolean, string])[] = [
    [limits.frameBytesMax >= MESSAGE_BYTES_MAX, `frameBytesMax >= ${MESSAGE_BYTES_MAX}`],
    [limits.frameBytesMax < 2 ** 31, 'frameBytesMax < 2^31'],
    [limits.queueBytesMax >= 2 * limits.frameBytesMax, 'queueBytesMax >= 2 * frameBytesMax'],
    [limits.queueMessagesMax >= 1, 'queueMessagesMax >= 1'],
    [limits.keepaliveMs >= 1, 'keepaliveMs >= 1'],
    [limits.identityHoldMs >= 2 * limits.keepaliveMs, 'identityHoldMs >= 2 * keepaliveMs'],
    [limits.linkSilenceMs >= limits.identityHoldMs, 'linkSilenceMs >= identityHoldMs'],
    [limits.handshakeTimeoutMs >= 1, 'handshakeTimeoutMs >= 1'],
    [limits.pendingMax >= 1, 'pendingMax >= 1'],
    [limits.redialMinMs >= 1, 'redialMinMs >= 1'],
    [limits.redialMaxMs >= limits.redialMinMs, 'redialMaxMs >= redialMinMs'],
  ]
  for (const [holds, relation] of relations) {
    if (!holds) throw new RangeError(`transport limits: ${relation} does not hold`)
  }
  return limits
}
