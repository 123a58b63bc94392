// The door for publishes: how many may wait for their outcome, and with how many bytes of body. Whoever finds it full is
// refused before anything is proposed, so a 429 always means "certainly not stored".
//
// Counts, never queues. Bytes count from the moment they arrive, requests from the moment their body is complete:
// a client that announces much and sends slowly keeps nobody else out.

import { SekaliError } from '../../client/errors.ts'

export interface DoorLimits {
  readonly pendingRequestsMax: number
  readonly pendingBytesMax: number
}

export class Door {
  readonly limits: DoorLimits
  #pending = 0
  #bytes = 0
  /** Since the start: publishes that came, and those that were refused or failed. */
  requests = 0
  rejected = 0

  constructor(limits: DoorLimits) {
    this.limits = limits
  }

  /** Publishes whose outcome is awaited now. */
  get pending(): number {
    return this.#pending
  }

  /** Bytes of their bodies, and of those that still arrive. */
  get pendingBytes(): number {
    return this.#bytes
  }

  /** Before a body is read: throws if there is no place even for the smallest. */
  knock(): void {
    if (this.#pending >= this.limits.pendingRequestsMax) this.#refuse('pendingRequestsMax')
    if (this.#bytes >= this.limits.pendingBytesMax) this.#refuse('pendingBytesMax')
  }

  /** Takes in bytes that have arrived; throws, taking none, if there is no room for them. */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.limits.pendingBytesMax) this.#refuse('pendingBytesMax')
    this.#bytes += bytes
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes
  }

  /** The body is complete; every enter() is followed by one leave(). */
  enter(): void {
    if (this.#pending >= this.limits.pendingRequestsMax) this.#refuse('pendingRequestsMax')
    this.#pending += 1
  }

  leave(): void {
    this.#pending -= 1
  }

  #refuse(name: keyof DoorLimits): never {
    throw new SekaliError('overloaded', 'more publishes are pending than this node takes', {
      limit: { name, value: this.limits[name] },
    })
  }
}
