// A refusal or failure as RFC 9457 problem+json. `code` is stable and decides; `type` is the same as a URI that
// explains it; title and detail are for people.

import { z } from 'zod'
import { ERROR_KINDS, type ErrorCode } from '../errors.ts'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** The `type` of a problem: resolves, on any node, to a page about it. */
export const problemType = (code: ErrorCode): string => `/problems/${code.replaceAll('_', '-')}`

const CODES = Object.keys(ERROR_KINDS) as [ErrorCode, ...ErrorCode[]]

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    /** Path of the request. */
    instance: z.string(),
    code: z.enum(CODES),
    retryable: z.boolean(),
    /** Place in the batch, from 0. */
    index: z.int().nonnegative().optional(),
    field: z.string().optional(),
    /** Byte of the body, from 0. */
    offset: z.int().nonnegative().optional(),
    limit: z.object({ name: z.string(), value: z.number() }).optional(),
    leader: z.object({ node_id: z.string(), url: z.string().nullable() }).optional(),
  })
  .meta({ id: 'Problem' })

export type Problem = z.infer<typeof problemSchema>
