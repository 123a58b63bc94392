// The publisher's own record of what was acknowledged, one line of JSON per event, to hold against the cluster later.
//
// A line is written before the event counts as acknowledged anywhere else, straight into the file: what the
// publisher forgets in a crash of its own is at most what it had not told anybody.

import { closeSync, openSync, writeSync } from 'node:fs'
import type { PublishResult } from '../../client/contract/publish.ts'
import { CommandError } from '../args.ts'

export interface LedgerLine {
  readonly topic: string
  readonly event_id: string
  readonly outcome: 'accepted' | 'duplicate'
  readonly position: number
  readonly conflict?: true
  /** Milliseconds since 1970 when the acknowledgement arrived. */
  readonly at_ms: number
  /** The node that answered. */
  readonly node: string
}

export function ledgerText(results: readonly PublishResult[], node: string, atMs: number): string {
  const line = ({ topic, event_id, outcome, position, conflict }: PublishResult): string => {
    const mark = conflict === true ? { conflict } : {}
    const whole: LedgerLine = { topic, event_id, outcome, position, ...mark, at_ms: atMs, node }
    return `${JSON.stringify(whole)}\n`
  }
  return results.map(line).join('')
}

export class Ledger {
  readonly #file: string
  readonly #descriptor: number

  /** Appends to what is there. */
  constructor(file: string) {
    this.#file = file
    this.#descriptor = this.#orExplain(() => openSync(file, 'a'))
  }

  add(results: readonly PublishResult[], node: string, atMs: number): void {
    const text = ledgerText(results, node, atMs)
    this.#orExplain(() => writeSync(this.#descriptor, text))
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #orExplain<Value>(action: () => Value): Value {
    try {
      return action()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new CommandError(`the ledger ${this.#file} cannot be written (${code})`)
    }
  }
}
