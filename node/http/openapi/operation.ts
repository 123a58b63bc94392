// What can be said of one route: the form in which node/http/openapi/ describes the API before document.ts makes OpenAPI
// of it. Bodies and parameters are the contract's own schemas; nothing is described a second time.

import type { z } from 'zod'
import type { ErrorCode } from '../../../client/errors.ts'

/** `POST /publish`: method and path as app.ts has them. */
export type RouteKey = `${'GET' | 'POST' | 'OPTIONS'} /${string}`

export const TAGS = {
  publish: 'Bringing events in.',
  read: 'Reading what was accepted. Answers are the state of the node asked, unless the query wants more.',
  operate: 'What a node says of itself and of the cluster.',
  about: 'This description, and pages for people.',
} as const

/** Media type → schema of what stands there. */
export type Content = Readonly<Record<string, z.ZodType>>

export interface Answer {
  readonly description: string
  readonly content?: Content
  /** Names among the document's headers, beside those of every answer. */
  readonly headers?: readonly string[]
}

/** The state of the cluster in which an example is true. */
export type Given = 'no leader' | 'no majority'

/** One exchange, as it really happens: a test sends all of them, in order, to a new node and compares. */
export interface Example {
  readonly name: string
  readonly summary: string
  readonly given?: Given
  /** Values of path parameters, query and headers. */
  readonly path?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number>>
  readonly headers?: Readonly<Record<string, string>>
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: { readonly type: string; readonly value: unknown }
  readonly status: number
  /** Media type of the answer; absent: the first of those that its status is described with. */
  readonly answerType?: string
  /** The answer's body: a string as it is, anything else as JSON. Absent: not shown, since it is long or none. */
  readonly answer?: unknown
}

export interface Operation {
  /** For generated clients: the name of the function. */
  readonly id: string
  readonly tag: keyof typeof TAGS
  readonly summary: string
  readonly description?: string
  readonly path?: z.ZodObject
  readonly query?: z.ZodObject
  readonly headers?: z.ZodObject
  readonly body?: Content
  /** Status → what it means; problems apart. */
  readonly answers: Readonly<Record<number, Answer>>
  /** Beside those that every route may answer. */
  readonly problems: readonly ErrorCode[]
  readonly examples: readonly Example[]
}

export type Operations = Readonly<Record<RouteKey, Operation>>
