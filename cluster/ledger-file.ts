// A ledger on its way into a file, in the format of client/ledger/lines.ts: what was sent before it is sent, what was
// answered before anybody is told. `npm run check` holds it against the cluster later.
//
// Lines go straight into the file, so that a crash of the writer costs at most the line it was writing; that one is
// cut off when the file is opened again, since nothing was built on it. No line is ever changed.

import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { LEDGER_HEADER } from '../client/ledger/lines.ts'
import { CommandError } from './args.ts'

const HEAD = `${LEDGER_HEADER}\n`
const NEWLINE = 0x0a
const BLOCK_BYTES = 64 * 1024

export class LedgerFile {
  /** Numbers of calls start above this: those of earlier writers are smaller, as each took more bytes than one. */
  readonly callBase: number
  readonly #file: string
  readonly #descriptor: number

  /** Appends to a ledger that is there; refuses a file that is none. */
  constructor(file: string) {
    this.#file = file
    this.#descriptor = this.#orExplain(() => openSync(file, 'a+'))
    this.callBase = this.#orExplain(() => this.#takeOver())
    if (this.callBase === 0) this.write(LEDGER_HEADER)
  }

  write(line: string): void {
    this.#orExplain(() => writeSync(this.#descriptor, `${line}\n`))
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  /** Answers how many bytes there are. Nothing is cut of a file that is no ledger. */
  #takeOver(): number {
    const { size } = fstatSync(this.#descriptor)
    const head = Buffer.alloc(Math.min(size, HEAD.length))
    readSync(this.#descriptor, head, 0, head.length, 0)
    if (!HEAD.startsWith(head.toString())) {
      closeSync(this.#descriptor)
      throw new CommandError(
        `${this.#file} holds something else: a ledger begins with ${LEDGER_HEADER}`,
      )
    }
    const end = lastLineEnd(this.#descriptor, size)
    if (end < size) ftruncateSync(this.#descriptor, end)
    return end
  }

  #orExplain<Value>(action: () => Value): Value {
    try {
      return action()
    } catch (error) {
      if (error instanceof CommandError) throw error
      const { code } = error as NodeJS.ErrnoException
      throw new CommandError(`the ledger ${this.#file} cannot be written (${code})`)
    }
  }
}

/** Behind the last newline; 0 if there is none. */
function lastLineEnd(descriptor: number, size: number): number {
  const block = Buffer.alloc(BLOCK_BYTES)
  for (let end = size; end > 0; end -= Math.min(end, BLOCK_BYTES)) {
    const start = Math.max(0, end - BLOCK_BYTES)
    const length = readSync(descriptor, block, 0, end - start, start)
    const place = block.subarray(0, length).lastIndexOf(NEWLINE)
    if (place >= 0) return start + place + 1
  }
  return 0
}
