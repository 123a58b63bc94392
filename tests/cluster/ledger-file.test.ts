// Ledgers as files: what a publisher writes is what the ledger reads, also after the writer has died.

import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Verdict } from '../../client/ledger/ledger.ts'
import { LEDGER_HEADER, LedgerReader } from '../../client/ledger/lines.ts'
import { CommandError } from '../../cluster/args.ts'
import type { Answer } from '../../cluster/http.ts'
import { LedgerFile } from '../../cluster/ledger-file.ts'
import { PublishLedger } from '../../cluster/publish/ledger.ts'
import type { OutgoingEvent } from '../../cluster/publish/outgoing.ts'

let directory: string
let file: string

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sekali-ledger-'))
  file = path.join(directory, 'ledger.ndjson')
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

function event(id: string): OutgoingEvent {
  const json = JSON.stringify({ topic: 't', event_id: id, payload: { id } })
  return { type: 'event', topic: 't', eventId: id, json, place: id }
}

function accepted(id: string, position: number): Answer {
  const result = { topic: 't', event_id: id, outcome: 'accepted', position }
  const body = { status: 'committed', count: 1, accepted: 1, duplicates: 0, results: [result] }
  return { status: 200, body, node: 'n1', position, retryAfter: null }
}

function problem(status: number, code: string): Answer {
  const words = { type: '', title: '', status, detail: '', instance: '/publish', retryable: true }
  return { status, body: { ...words, code }, node: 'n1', position: 0, retryAfter: null }
}

function verdict(): Verdict {
  const reader = new LedgerReader()
  for (const line of readFileSync(file, 'utf8').split('\n')) reader.read(line)
  return reader.ledger.verdict()
}

test('what a publisher was told comes back from its file', () => {
  const ledger = new PublishLedger(file, () => 5)
  const batches = ['a', 'b', 'c'].map((id) => [event(id)])
  const answers = [accepted('a', 1), null, problem(503, 'no_leader')]
  for (const [place, batch] of batches.entries()) {
    ledger.returned(ledger.calling(batch), batch, answers[place]!)
  }
  ledger.close()

  expect(verdict()).toMatchObject({
    clean: true,
    acknowledged: 1,
    publishes: { accepted: 1, duplicate: 0, refused: 1, unknown: 1 },
  })
})

test('an answer that names other events is malformed, not an acknowledgement', () => {
  const ledger = new PublishLedger(file, () => 5)
  const batch = [event('a')]
  ledger.returned(ledger.calling(batch), batch, accepted('other', 1))
  ledger.close()

  expect(verdict()).toMatchObject({ clean: false, acknowledged: 0 })
})

test('a second writer goes on where the first one died: the torn line is cut, its open call stays open', () => {
  const first = new PublishLedger(file, () => 1)
  first.calling([event('a')])
  first.close()
  appendFileSync(file, '{"return":2,"at":1,"no')

  const second = new PublishLedger(file, () => 2)
  const batch = [event('b')]
  second.returned(second.calling(batch), batch, accepted('b', 1))
  second.close()

  expect(verdict()).toMatchObject({
    clean: true,
    acknowledged: 1,
    publishes: { accepted: 1, unknown: 1 },
  })
})

test('a ledger that died within its first line begins anew', () => {
  writeFileSync(file, LEDGER_HEADER.slice(0, 4))

  new LedgerFile(file).close()

  expect(readFileSync(file, 'utf8')).toBe(`${LEDGER_HEADER}\n`)
})

test('a file that is no ledger is refused and left as it was', () => {
  writeFileSync(file, 'my only copy, without a newline')

  expect(() => new LedgerFile(file)).toThrow(CommandError)
  expect(readFileSync(file, 'utf8')).toBe('my only copy, without a newline')
})
