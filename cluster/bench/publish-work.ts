// POST /publish as raw HTTP, so that a figure is the nodes' and not a client library's: each lane writes the next events of
// the workload into a buffer of its own, with the head before them.

import type { Acknowledged } from './acknowledged.ts'
import type { Work } from './closed-loop.ts'

const HEAD =
  'POST /publish HTTP/1.1\r\nhost: sekali\r\ncontent-type: application/json\r\ncontent-length: '
const HEAD_END = '\r\n\r\n'
const LENGTH_DIGITS_MAX = 8

export class PublishWork implements Work {
  readonly #acknowledged: Acknowledged
  readonly #eventsPerRequest: number
  readonly #buffers: Buffer[]
  readonly #firsts: Float64Array
  /** Of events alone, without heads and brackets. */
  bytesSent = 0

  constructor(acknowledged: Acknowledged, eventsPerRequest: number, lanes: number) {
    this.#acknowledged = acknowledged
    this.#eventsPerRequest = eventsPerRequest
    this.#firsts = new Float64Array(lanes)
    const bytesMax =
      HEAD.length +
      LENGTH_DIGITS_MAX +
      HEAD_END.length +
      acknowledged.workload.bytesMax(eventsPerRequest) +
      2
    this.#buffers = Array.from({ length: lanes }, () => {
      const buffer = Buffer.alloc(bytesMax)
      buffer.write(HEAD, 0, 'latin1')
      return buffer
    })
  }

  next(lane: number): Buffer {
    const { workload } = this.#acknowledged
    const count = this.#eventsPerRequest
    const buffer = this.#buffers[lane]!
    const first = workload.take(count)
    const bytes = workload.bytesOf(first, count)
    this.#firsts[lane] = first
    this.#acknowledged.sending(first, count)
    this.bytesSent += bytes
    const isList = count > 1
    let at = HEAD.length
    at += buffer.write(`${isList ? bytes + 2 : bytes}${HEAD_END}`, at, 'latin1')
    if (isList) at += buffer.write('[', at, 'latin1')
    at = workload.write(buffer, at, first, count)
    if (isList) at += buffer.write(']', at, 'latin1')
    return buffer.subarray(0, at)
  }

  settle(lane: number, body: Buffer): number | null {
    const count = this.#eventsPerRequest
    return this.#acknowledged.answered(this.#firsts[lane]!, count, body) ? count : null
  }
}
