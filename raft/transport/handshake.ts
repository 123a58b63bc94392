// The handshake: who dials, whom it means, and that both know the cluster's secret.
//
//   dialler  → hello      versions, from, to, members, store, life, about, nonce
//   acceptor → challenge  [version, id, nonce], HMAC(secret, acceptor ‖ hello ‖ challenge)
//   dialler  → proof      HMAC(secret, dialler ‖ hello ‖ challenge)
//   acceptor → welcome    or, from either side at any point: refused(reason, detail)
//
// Pure: frames in, frames out, no socket and no timer; nonces come from the caller. It refuses to decide whether an
// identity is free; that is the server's. Keeps true: each HMAC covers both nonces, both identities and its own role, so
// a recorded handshake, a reflected one, or one of another pair proves nothing; a wrong secret is told without detail.
// Bytes after the handshake are not authenticated: the peer port belongs into a private network.

import { createHmac, hash, timingSafeEqual } from 'node:crypto'

import type { Bytes, NodeId, StoreId } from '../core/types.ts'
import { readNodeId, STORE_ID_PATTERN } from './codec.ts'
import { BadFrameError, FRAME, type FrameBounds, type FrameKind } from './frame.ts'
import { HANDSHAKE_BYTES_MAX } from './limits.ts'
import { packFrame, packTuple, unpackTuple } from './tuple.ts'

/** HTTP Upgrade on this path, to this protocol, hands over to the frames. */
export const PEER_PATH = '/raft'
export const PEER_PROTOCOL = 'sekali-raft/1'

export interface ProtocolVersions {
  readonly min: number
  readonly max: number
}

/**
 * What this build speaks. A new version raises `max`; the old one leaves when no build needs it. Two nodes speak the
 * newest that both know. 2: a dialler may send reports (FRAME.report), which an acceptor of version 1 takes for garbage.
 */
export const PROTOCOL_VERSIONS: ProtocolVersions = { min: 1, max: 2 }
export const REPORTS_SINCE_VERSION = 2
export const NONCE_BYTES = 32

/** What a node says of itself and knows of its cluster. */
export interface Self {
  readonly id: NodeId
  readonly members: readonly NodeId[]
  readonly store: StoreId
  readonly life: number
  readonly secret: string
  /** What the node above wants its peers to know of it (for sekali: its client URL); at most ABOUT_LENGTH_MAX. */
  readonly about: string
  readonly versions: ProtocolVersions
}

/** Proven by a handshake. */
export interface PeerIdentity {
  readonly peer: NodeId
  readonly store: StoreId
  readonly life: number
  readonly about: string
  /** What is spoken on this link. */
  readonly version: number
}

export const ABOUT_LENGTH_MAX = 512

const REFUSAL_REASONS = [
  'protocol_version',
  'wrong_target',
  'unknown_node',
  'other_members',
  'wrong_secret',
  'duplicate_identity',
] as const

/** Part of the protocol: the order is never changed. */
export type RefusalReason = (typeof REFUSAL_REASONS)[number]

interface Send {
  readonly type: 'send'
  readonly frame: Buffer
}

/** We refuse: send the frame, then close. */
export interface Refuse {
  readonly type: 'refuse'
  readonly reason: RefusalReason
  readonly detail: string
  /** As it names itself. */
  readonly peer: NodeId | null
  readonly frame: Buffer
}

/** The other side refused us. */
interface Refused {
  readonly type: 'refused'
  readonly reason: RefusalReason
  readonly detail: string
}

export type DiallerStep = Send | Refuse | Refused | { readonly type: 'welcomed' }

export type AcceptorStep =
  | Send
  | Refuse
  | Refused
  | { readonly type: 'proven'; readonly identity: PeerIdentity }

export const ACCEPTOR_BOUNDS: FrameBounds = {
  [FRAME.hello]: HANDSHAKE_BYTES_MAX,
  [FRAME.proof]: HANDSHAKE_BYTES_MAX,
  [FRAME.refused]: HANDSHAKE_BYTES_MAX,
}

export const DIALLER_BOUNDS: FrameBounds = {
  [FRAME.challenge]: HANDSHAKE_BYTES_MAX,
  [FRAME.welcome]: 0,
  [FRAME.refused]: HANDSHAKE_BYTES_MAX,
}

const DETAIL_LENGTH_MAX = 200
const DIGEST_BYTES = 32

/** The dialling side of one handshake. */
export class Dialler {
  readonly #self: Self
  readonly #target: NodeId
  readonly #hello: Buffer
  #proved = false
  #version = 0

  /** `nonce`: NONCE_BYTES fresh random bytes. */
  constructor(self: Self, target: NodeId, nonce: Bytes) {
    this.#self = self
    this.#target = target
    this.#hello = packTuple([
      self.versions.min,
      self.versions.max,
      self.id,
      target,
      membersDigest(self.members),
      self.store,
      self.life,
      self.about === '' ? null : self.about,
      nonce,
    ])
  }

  hello(): Buffer {
    return packFrame(FRAME.hello, [this.#hello])
  }

  /** What is spoken on this link, once it is welcomed. */
  get version(): number {
    return this.#version
  }

  /** Throws BadFrameError. */
  step(kind: FrameKind, payload: Buffer): DiallerStep {
    if (kind === FRAME.refused) return readRefusal(payload)
    if (kind === FRAME.challenge && !this.#proved) return this.#onChallenge(payload)
    if (kind === FRAME.welcome && this.#proved) return { type: 'welcomed' }
    throw outOfTurn(kind)
  }

  #onChallenge(payload: Buffer): DiallerStep {
    const fields = unpackTuple(payload)
    const challenge = fields.bytes() as Buffer
    const mac = fields.bytes(DIGEST_BYTES)
    fields.end()

    const offer = unpackTuple(challenge)
    const version = offer.count()
    const id = readNodeId(offer)
    offer.bytes(NONCE_BYTES)
    offer.end()

    const { versions } = this.#self
    if (version < versions.min || version > versions.max) {
      return refuse('protocol_version', speaks(versions), this.#target)
    }
    if (id !== this.#target) return refuse('wrong_target', '', this.#target)
    const { secret } = this.#self
    if (!timingSafeEqual(mac, proof(secret, 'acceptor', this.#hello, challenge))) {
      return refuse('wrong_secret', '', this.#target)
    }
    this.#proved = true
    this.#version = version
    const own = proof(secret, 'dialler', this.#hello, challenge)
    return { type: 'send', frame: packFrame(FRAME.proof, [own]) }
  }
}

/** The accepting side of one handshake. */
export class Acceptor {
  readonly #self: Self
  readonly #nonce: Bytes
  #identity: PeerIdentity | null = null
  #expected: Buffer | null = null

  /** `nonce`: NONCE_BYTES fresh random bytes. */
  constructor(self: Self, nonce: Bytes) {
    this.#self = self
    this.#nonce = nonce
  }

  /** Throws BadFrameError. */
  step(kind: FrameKind, payload: Buffer): AcceptorStep {
    if (kind === FRAME.refused) return readRefusal(payload)
    if (kind === FRAME.hello && this.#identity === null) return this.#onHello(payload)
    if (kind === FRAME.proof && this.#identity !== null) return this.#onProof(payload)
    throw outOfTurn(kind)
  }

  #onHello(payload: Buffer): AcceptorStep {
    const outer = unpackTuple(payload)
    const hello = outer.bytes() as Buffer
    outer.end()

    // The two versions stay first for ever, and are judged before the rest is read: what follows may be another's.
    const fields = unpackTuple(hello)
    const versionMin = fields.count()
    const versionMax = fields.count()
    const { versions } = this.#self
    const version = Math.min(versionMax, versions.max)
    if (version < versionMin || version < versions.min) {
      return refuse('protocol_version', speaks(versions), null)
    }

    const from = readNodeId(fields)
    const to = readNodeId(fields)
    const digest = fields.bytes(DIGEST_BYTES)
    const store = fields.matching(STORE_ID_PATTERN)
    const life = fields.count()
    const about = fields.none() ? '' : fields.text(ABOUT_LENGTH_MAX)
    fields.bytes(NONCE_BYTES)
    fields.end()

    const { id, members, secret } = this.#self
    if (to !== id) return refuse('wrong_target', `this is ${id}`, from)
    if (from === id) return refuse('duplicate_identity', `this is ${id} too`, from)
    if (!members.includes(from)) return refuse('unknown_node', '', from)
    if (!membersDigest(members).equals(digest)) return refuse('other_members', '', from)

    const challenge = packTuple([version, id, this.#nonce])
    this.#identity = { peer: from, store, life, about, version }
    this.#expected = proof(secret, 'dialler', hello, challenge)
    const mac = proof(secret, 'acceptor', hello, challenge)
    return { type: 'send', frame: packFrame(FRAME.challenge, [challenge, mac]) }
  }

  #onProof(payload: Buffer): AcceptorStep {
    const fields = unpackTuple(payload)
    const mac = fields.bytes(DIGEST_BYTES)
    fields.end()
    const identity = this.#identity!
    return timingSafeEqual(mac, this.#expected!)
      ? { type: 'proven', identity }
      : refuse('wrong_secret', '', identity.peer)
  }
}

/** The server adds its own: an identity that is taken. */
export function refuse(reason: RefusalReason, detail: string, peer: NodeId | null): Refuse {
  const text = detail.slice(0, DETAIL_LENGTH_MAX)
  const code = REFUSAL_REASONS.indexOf(reason)
  const frame = packFrame(FRAME.refused, [code, text === '' ? null : text])
  return { type: 'refuse', reason, detail: text, peer, frame }
}

/** Two nodes belong to one cluster if they were told the same members. */
function membersDigest(members: readonly NodeId[]): Buffer {
  return hash('sha256', JSON.stringify([...members].sort()), 'buffer')
}

function proof(
  secret: string,
  role: 'acceptor' | 'dialler',
  hello: Bytes,
  challenge: Bytes,
): Buffer {
  return createHmac('sha256', secret)
    .update(`sekali-raft ${role} ${hello.length} `)
    .update(hello)
    .update(challenge)
    .digest()
}

function readRefusal(payload: Buffer): Refused {
  const fields = unpackTuple(payload)
  const reason = fields.one(REFUSAL_REASONS)
  const detail = fields.none() ? '' : fields.text(DETAIL_LENGTH_MAX)
  fields.end()
  return { type: 'refused', reason, detail }
}

function speaks({ min, max }: ProtocolVersions): string {
  return `speaks ${min} to ${max}`
}

function outOfTurn(kind: FrameKind): BadFrameError {
  return new BadFrameError('kind', `handshake frame ${kind} out of turn`)
}
