// The log file of one node process: the process writes into it directly, we keep it from growing without end.
//
// The file is handed to the child as its stdout and stderr, not piped through us: a node never waits for its
// starter, and goes on printing when the starter is gone. The price: to turn the file over while it is written, it
// is copied and cut to nothing, and what is printed just between the two is lost.

import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs'
import path from 'node:path'

export const LOG_BYTES_MAX = 16 * 1024 * 1024
/** Structured logs, empty lines, and what Node.js prints around the message of an error that nobody caught. */
const SAYS_NOTHING = /^\s*([\^}].*|\{.*|at .*|Node\.js v.*|)$/
/** How a node begins a line meant for people: `sekali n1: `. */
const NODE_SPEAKS = /^sekali( \S+)?: /
const LAST_WORDS_MAX = 5
const LAST_WORDS_BYTES = 16 * 1024

export class ProcessLog {
  readonly path: string
  readonly #bytesMax: number
  /** Where the present process began to print. */
  #startOffset = 0

  constructor(file: string, bytesMax = LOG_BYTES_MAX) {
    this.path = file
    this.#bytesMax = bytesMax
  }

  /** A descriptor for one new process; the caller closes it once the process has it. */
  openForProcess(): number {
    mkdirSync(path.dirname(this.path), { recursive: true })
    if (this.#bytes() > this.#bytesMax) renameSync(this.path, this.#older())
    // Append mode: after the file is cut, the process goes on at its new end instead of leaving a hole.
    const descriptor = openSync(this.path, 'a')
    this.#startOffset = this.#bytes()
    return descriptor
  }

  /** Called now and then. Keeps at most the present file and one older. */
  rotateIfLarge(): void {
    if (this.#bytes() <= this.#bytesMax) return
    copyFileSync(this.path, this.#older())
    truncateSync(this.path, 0)
    this.#startOffset = 0
  }

  /** What the present process said to people at its end; empty when it had no time to. */
  lastWords(): string[] {
    const plain = this.#lastText()
      .split('\n')
      .filter((line) => !SAYS_NOTHING.test(line))
    const spoken = plain.filter((line) => NODE_SPEAKS.test(line)).slice(-LAST_WORDS_MAX)
    if (spoken.length === 0) return plain.slice(-1)
    return [...new Set(spoken.map((line) => line.replace(NODE_SPEAKS, '')))]
  }

  #lastText(): string {
    if (!existsSync(this.path)) return ''
    const end = this.#bytes()
    const start = Math.max(Math.min(this.#startOffset, end), end - LAST_WORDS_BYTES)
    const bytes = Buffer.alloc(end - start)
    const descriptor = openSync(this.path, 'r')
    const count = readSync(descriptor, bytes, 0, bytes.length, start)
    closeSync(descriptor)
    return bytes.toString('utf8', 0, count)
  }

  #bytes(): number {
    return existsSync(this.path) ? statSync(this.path).size : 0
  }

  #older(): string {
    return `${this.path}.1`
  }
}
