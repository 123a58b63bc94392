// The ledger as a file: newline-delimited JSON that any program in any language can write while it publishes, and that
// `npm run check` reads. The order of the lines is the order in which things happened; `at` (a number of any one clock)
// is only shown in sentences. A call whose return is missing, because the writer died, has an unknown outcome.
//
//   {"ledger":1}                                                            first line: the version of this format
//   {"call":1,"at":0,"publish":[{"topic":"orders","event_id":"7","payload":{"n":1}}]}        before it is sent
//   {"return":1,"at":9,"node":"n1","results":[{"outcome":"accepted","position":1}]}          the answer's `results`
//   {"return":1,"at":9,"node":"n1","refused":true}    4xx, or 503 no_leader / stopping: certainly not stored
//   {"return":1,"at":9,"node":"n1","unknown":true}    connection lost, time-out, 503 outcome_unknown, 500
//   {"call":2,"at":10,"get":{"topic":"orders","event_id":"7"},"consistency":"linearizable","min_position":1}
//   {"return":2,"at":12,"node":"n2","present":{"position":1,"payload":{"n":1}}}              or "absent":true
//   {"call":3,"at":13,"list":{"topic":"orders.**","after":0}}                                topic null: all
//   {"return":3,"at":15,"node":"n2","page":{"events":[{"position":1,"topic":…,"event_id":…,…}],"through":null}}
//   {"call":4,"at":16,"stats":true}
//   {"return":4,"at":17,"node":"n2","counters":{"applied":3,"received":1,"unique":1,"duplicates":0,"conflicts":0,
//                                               "lastPosition":1,"digest":"9f2c…"}}
//
// An event carries either `source` and `payload` as they were sent, or their contentHash as `hash`. Reads are local unless
// `consistency` says otherwise. A return may add `life` (counts the starts of that node), `tries` (how often the request was sent,
// all but the last without an answer) and `last_position` (the header sekali-position).

import { z } from 'zod'
import { CONSISTENCIES } from '../contract/read.ts'
import { contentHash } from './content-hash.ts'
import type { Answer, Outcome, Reading, Request } from './history.ts'
import { Ledger, type LedgerOptions, type ReturnContext } from './ledger.ts'

export const LEDGER_VERSION = 1
export const LEDGER_HEADER = JSON.stringify({ ledger: LEDGER_VERSION })

const count = z.int().nonnegative()
const position = z.int().positive()
const identity = { topic: z.string(), event_id: z.string() }
const content = {
  hash: z.string().optional(),
  source: z.string().optional(),
  payload: z.record(z.string(), z.unknown()).optional(),
}

/** Of what is shown: null where the answer did not carry the content. */
const shown = { ...content, hash: z.string().nullable().optional() }

const headerLine = z.object({ ledger: z.literal(LEDGER_VERSION) })

const callLine = z.object({
  call: count,
  at: z.number(),
  publish: z.array(z.object({ ...identity, ...content })).optional(),
  get: z.object(identity).optional(),
  list: z.object({ topic: z.string().nullable(), after: count }).optional(),
  stats: z.literal(true).optional(),
  consistency: z.enum(CONSISTENCIES).default('local'),
  min_position: count.optional(),
})

const returnLine = z.object({
  return: count,
  at: z.number(),
  node: z.string(),
  life: count.optional(),
  tries: z.int().positive().optional(),
  last_position: count.optional(),
  results: z
    .array(
      z.object({
        outcome: z.enum(['accepted', 'duplicate', 'refused', 'unknown']),
        position: position.optional(),
        conflict: z.boolean().optional(),
      }),
    )
    .optional(),
  refused: z.literal(true).optional(),
  unknown: z.literal(true).optional(),
  present: z.object({ position, ...shown }).optional(),
  absent: z.literal(true).optional(),
  page: z
    .object({
      events: z.array(z.object({ position, ...identity, ...shown })),
      through: count.nullable(),
    })
    .optional(),
  counters: z
    .object({
      applied: count,
      received: count,
      unique: count,
      duplicates: count,
      conflicts: count,
      lastPosition: count,
      digest: z.string(),
    })
    .optional(),
})

type CallLine = z.infer<typeof callLine>
type ReturnLine = z.infer<typeof returnLine>

export function formatCall(call: number, request: Request, at: number): string {
  const reading =
    request.type === 'publish'
      ? {}
      : { consistency: request.consistency, min_position: request.minPosition }
  switch (request.type) {
    case 'publish':
      return JSON.stringify({ call, at, publish: request.events.map(wireEvent) })
    case 'get':
      return JSON.stringify({ call, at, get: wireEvent(request), ...reading })
    case 'list':
      return JSON.stringify({
        call,
        at,
        list: { topic: request.topic, after: request.after },
        ...reading,
      })
    case 'stats':
      return JSON.stringify({ call, at, stats: true, ...reading })
  }
}

export function formatReturn(call: number, answer: Answer, context: ReturnContext): string {
  const { at, node, life, tries, lastPosition } = context
  const told = { return: call, at, node, life, tries, last_position: lastPosition }
  switch (answer.type) {
    case 'published': {
      const results = answer.outcomes.map(({ type, ...rest }) => ({ outcome: type, ...rest }))
      return JSON.stringify({ ...told, results })
    }
    case 'present':
      return JSON.stringify({ ...told, present: { position: answer.position, hash: answer.hash } })
    case 'page': {
      const events = answer.events.map(wireEvent)
      return JSON.stringify({ ...told, page: { events, through: answer.through } })
    }
    case 'counted':
      return JSON.stringify({ ...told, counters: answer.counters })
    case 'absent':
    case 'refused':
    case 'unknown':
      return JSON.stringify({ ...told, [answer.type]: true })
  }
}

/** A line of the file is wrong: the message names the line and what it should be. */
export class LedgerLineError extends Error {
  override readonly name = 'LedgerLineError'
}

/** Feeds a file to a ledger, line by line; memory is bounded by the events, not by the lines. */
export class LedgerReader {
  readonly ledger: Ledger
  readonly #open = new Map<number, { readonly call: number; readonly request: Request }>()
  #line = 0

  constructor(options: LedgerOptions = {}) {
    this.ledger = new Ledger(options)
  }

  read(line: string): void {
    this.#line += 1
    if (line.trim() === '') return
    try {
      this.#read(JSON.parse(line))
    } catch (error) {
      const reason = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
      throw new LedgerLineError(`line ${this.#line}: ${reason}`, { cause: error })
    }
  }

  #read(value: Record<string, unknown>): void {
    if (this.#line === 1) {
      headerLine.parse(value)
    } else if ('call' in value) {
      const line = callLine.parse(value)
      if (this.#open.has(line.call)) throw new Error(`call ${line.call} is open already`)
      const request = requestOf(line)
      this.#open.set(line.call, { call: this.ledger.call(request, line.at), request })
    } else {
      const line = returnLine.parse(value)
      const open = this.#open.get(line.return)
      if (open === undefined) throw new Error(`there is no open call ${line.return}`)
      this.#open.delete(line.return)
      this.ledger.return(open.call, answerOf(line), contextOf(line))
    }
  }
}

function requestOf(line: CallLine): Request {
  const reading: Reading = {
    consistency: line.consistency,
    ...(line.min_position !== undefined && { minPosition: line.min_position }),
  }
  if (line.publish) {
    const events = line.publish.map((event) => ({ ...identityOf(event), hash: hashOf(event) }))
    return { type: 'publish', events }
  }
  if (line.get) return { type: 'get', ...identityOf(line.get), ...reading }
  if (line.list) return { type: 'list', ...line.list, ...reading }
  if (line.stats) return { type: 'stats', ...reading }
  throw new Error('a call is one of publish, get, list and stats')
}

function answerOf(line: ReturnLine): Answer {
  if (line.results) return { type: 'published', outcomes: line.results.map(outcomeOf) }
  if (line.refused) return { type: 'refused' }
  if (line.unknown) return { type: 'unknown' }
  if (line.absent) return { type: 'absent' }
  if (line.counters) return { type: 'counted', counters: line.counters }
  if (line.present) {
    const { position: at } = line.present
    return { type: 'present', position: at, hash: shownHash(line.present) }
  }
  if (line.page) {
    const events = line.page.events.map((event) => {
      return { ...identityOf(event), position: event.position, hash: shownHash(event) }
    })
    return { type: 'page', events, through: line.page.through }
  }
  throw new Error(
    'a return is one of results, refused, unknown, present, absent, page and counters',
  )
}

function outcomeOf(result: NonNullable<ReturnLine['results']>[number]): Outcome {
  const { outcome, position: at, conflict = false } = result
  if (outcome === 'refused' || outcome === 'unknown') return { type: outcome }
  if (at === undefined) throw new Error(`the outcome ${outcome} needs a position`)
  return outcome === 'accepted'
    ? { type: outcome, position: at }
    : { type: outcome, position: at, conflict }
}

function contextOf(line: ReturnLine): ReturnContext {
  return {
    at: line.at,
    node: line.node,
    ...(line.life !== undefined && { life: line.life }),
    ...(line.tries !== undefined && { tries: line.tries }),
    ...(line.last_position !== undefined && { lastPosition: line.last_position }),
  }
}

function wireEvent<T extends { readonly topic: string; readonly eventId: string }>(
  event: T,
): object {
  const { topic, eventId, ...rest } = event
  const { hash, position: at } = rest as { hash?: string | null; position?: number }
  return { topic, event_id: eventId, position: at, hash }
}

function identityOf(event: { readonly topic: string; readonly event_id: string }) {
  return { topic: event.topic, eventId: event.event_id }
}

interface Content {
  readonly hash?: string | null | undefined
  readonly source?: string | undefined
  readonly payload?: Record<string, unknown> | undefined
}

/** An answer always shows a payload where it shows content at all. */
function shownHash(event: Content): string | null {
  if (event.hash === undefined && event.payload === undefined) return null
  return event.hash === null ? null : hashOf(event)
}

function hashOf(event: Content): string {
  if (typeof event.hash === 'string') return event.hash
  return contentHash({
    ...(event.source !== undefined && { source: event.source }),
    ...(event.payload !== undefined && { payload: event.payload }),
  })
}
