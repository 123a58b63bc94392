// Errors as the contract tells them: stable codes, and statuses that mean what DESIGN.md says.

import { expect, test } from 'vitest'
import {
  ERROR_KINDS,
  type ErrorCode,
  problemSchema,
  problemType,
  SekaliError,
} from '../../../client/index.ts'

const CODES = Object.keys(ERROR_KINDS) as ErrorCode[]

test('each code has a type of its own', () => {
  expect(problemType('outcome_unknown')).toBe('/problems/outcome-unknown')
  expect(new Set(CODES.map(problemType)).size).toBe(CODES.length)
})

test('a refusal that means "not stored" is never retryable, but for overload, time and state', () => {
  const retryable = CODES.filter((code) => ERROR_KINDS[code].retryable)

  expect(retryable.every((code) => [408, 429, 503].includes(ERROR_KINDS[code].status))).toBe(true)
  expect(CODES.filter((code) => ERROR_KINDS[code].status === 503)).toEqual(
    retryable.filter((code) => ERROR_KINDS[code].status === 503),
  )
})

test('never 207 and never a redirect', () => {
  for (const { status } of Object.values(ERROR_KINDS)) expect(status).toBeGreaterThanOrEqual(400)
})

test('an error carries what its code says', () => {
  const error = new SekaliError('behind', 'not yet', { field: 'min_position' })

  expect(error).toMatchObject({ status: 503, retryable: true, facts: { field: 'min_position' } })
})

test('a problem of a newer node, with more in it, is still understood', () => {
  const problem = {
    type: problemType('behind'),
    title: ERROR_KINDS.behind.title,
    status: 503,
    detail: 'not yet',
    instance: '/events',
    code: 'behind',
    retryable: true,
    added_later: 1,
  }

  expect(problemSchema.parse(problem)).toMatchObject({ code: 'behind' })
})
