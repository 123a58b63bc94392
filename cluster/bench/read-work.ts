// GET requests over and over: /stats, and pages of events from anywhere in the store.

import { seededRandom } from '../publish/synthetic.ts'
import type { Work } from './closed-loop.ts'

const POSITION = Buffer.from('"position":', 'latin1')

export class StatsWork implements Work {
  readonly #request = requestFor('/stats')

  next(): Buffer {
    return this.#request
  }

  settle(_lane: number, body: Buffer): number | null {
    return body.includes('"last_position":') ? 1 : null
  }
}

/** Counts pages; each must be full. */
export class PagesWork implements Work {
  readonly #requests: readonly Buffer[]
  readonly #pageEvents: number
  #next = 0

  /** `stored`: the last position. */
  constructor(pageEvents: number, stored: number, seed: number) {
    const random = seededRandom(seed)
    this.#pageEvents = pageEvents
    this.#requests = Array.from({ length: 10_000 }, () => {
      const after = Math.floor(random() * (stored - pageEvents + 1))
      return requestFor(`/events?limit=${pageEvents}&after=${after}`)
    })
  }

  next(): Buffer {
    this.#next = (this.#next + 1) % this.#requests.length
    return this.#requests[this.#next]!
  }

  settle(_lane: number, body: Buffer): number | null {
    let events = 0
    for (let at = body.indexOf(POSITION); at !== -1; at = body.indexOf(POSITION, at + 1)) {
      events += 1
    }
    return events === this.#pageEvents ? 1 : null
  }
}

function requestFor(path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: sekali\r\n\r\n`, 'latin1')
}
