// The API description is true: every route stands in it, every example happens as it is shown, and no answer holds what is
// not described.

import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { PROBLEM_MEDIA_TYPE } from '../../../client/contract/problem.ts'
import { ERROR_KINDS, type ErrorCode } from '../../../client/errors.ts'
import { ROUTES } from '../../../node/http/app.ts'
import { openApiDocument } from '../../../node/http/openapi/document.ts'
import { OPERATIONS } from '../../../node/http/openapi/operations.ts'
import { startNode } from '../harness.ts'
import { CASES, type Case, isStory, nodeWithExamples, send } from './world.ts'

/** Errors that come before a route is found, or from the SDK alone. */
const OF_NO_ROUTE: readonly ErrorCode[] = [
  ...(['malformed_request', 'method_not_allowed', 'headers_too_large', 'unreachable'] as const),
  ...(['bad_parameter', 'internal'] as const), // of every route
]

/** Read as whoever gets it would. */
const document = JSON.parse(JSON.stringify(openApiDocument()))

/** The document as a schema, with every object closed that does not say it is open. */
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
ajv.addSchema(closed(document) as object, 'document')

function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, part]) => [key, closed(part)])
  const made = Object.fromEntries(entries)
  const isOpenObject = made.type === 'object' && made.properties !== undefined
  return isOpenObject ? { additionalProperties: false, ...made } : made
}

function faults(pointer: readonly string[], value: unknown): unknown {
  const path = pointer.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')
  const validate = ajv.getSchema(`document#/${encodeURI(path)}`)
  if (validate === undefined) throw new Error(`nothing stands at ${path}`)
  validate(value)
  return validate.errors ?? []
}

function place({ route }: Case): string[] {
  const [method = '', path = ''] = route.split(' ')
  return ['paths', path.replaceAll(/:(\w+)/g, '{$1}'), method.toLowerCase()]
}

const named = (cases: readonly Case[]) =>
  cases.map((one) => [`${one.route}: ${one.example.name}`, one] as const)

test('every route is described, and nothing else is', () => {
  const routes = ROUTES.map(({ method, path }) => `${method} ${path}`)
  const answeredApart = ['OPTIONS /publish']

  expect(Object.keys(OPERATIONS).toSorted()).toEqual([...routes, ...answeredApart].toSorted())
})

test('every error stands where it can be answered', () => {
  const described = new Set(Object.values(OPERATIONS).flatMap(({ problems }) => problems))

  const missing = (Object.keys(ERROR_KINDS) as ErrorCode[]).filter((code) => !described.has(code))

  expect(missing.toSorted()).toEqual(OF_NO_ROUTE.toSorted())
})

test('every route has an example, and names of examples are told apart', () => {
  for (const [route, { examples }] of Object.entries(OPERATIONS)) {
    const names = examples.map(({ name }) => name)
    expect(names.length, route).toBeGreaterThan(0)
    expect(new Set(names).size, route).toBe(names.length)
  }
})

describe('an example happens as it is shown', () => {
  test('the examples of publishes, one after the other', async () => {
    const node = await startNode()

    for (const one of CASES.filter(({ route }) => isStory(route))) {
      if (one.example.given !== undefined) continue
      const reply = await send(node, one)
      expect(reply, one.example.name).toMatchObject({ status: one.example.status })
      expect(reply.body, one.example.name).toEqual(one.example.answer)
    }
    expect(node.faults).toEqual([])
  })

  test.each(
    named(CASES.filter(({ route, example }) => !isStory(route) || example.given !== undefined)),
  )('%s', async (_, one) => {
    const node = one.example.given === undefined ? await nodeWithExamples() : await startNode()

    const reply = await send(node, one)

    expect(reply.status).toBe(one.example.status)
    if (one.example.answer !== undefined)
      expect(reply.body ?? reply.text).toEqual(one.example.answer)
    const mediaType = reply.headers.get('content-type')?.split(';')[0]
    if (mediaType !== undefined) {
      const at = [...place(one), 'responses', String(reply.status), 'content', mediaType, 'schema']
      expect(faults(at, reply.body ?? reply.text)).toEqual([])
    }
    expect(node.faults).toEqual([])
  })
})

describe('an example is what its schema says', () => {
  test.each(named(CASES.filter(({ example }) => example.answer !== undefined)))(
    'the answer of %s',
    (_, one) => {
      const { status, answer, answerType = 'application/json' } = one.example
      const at = [...place(one), 'responses', String(status), 'content']
      const mediaType = status < 400 ? answerType : PROBLEM_MEDIA_TYPE

      expect(faults([...at, mediaType, 'schema'], answer)).toEqual([])
    },
  )

  test.each(
    named(CASES.filter(({ example }) => example.body !== undefined && example.status < 400)),
  )('the body of %s', (_, one) => {
    const { type, value } = one.example.body!

    expect(faults([...place(one), 'requestBody', 'content', type, 'schema'], value)).toEqual([])
  })

  test('the schemas refuse what they do not describe', () => {
    const answer = ['paths', '/topics', 'get', 'responses', '200', 'content']

    expect(
      faults([...answer, 'application/json', 'schema'], { topics: [], next: null, x: 1 }),
    ).toEqual([expect.objectContaining({ keyword: 'additionalProperties' })])
  })
})

test('a page that lets requests be tried is not told to send what is optional', () => {
  const paths: readonly (typeof document)[] = Object.values(document.paths)
  const operations: readonly (typeof document)[] = paths.flatMap((path) => Object.values(path))
  const parameters = operations.flatMap(({ parameters }) => parameters)

  expect(parameters.length).toBeGreaterThan(20)
  for (const { required, example, examples } of parameters) {
    expect(examples).toBeUndefined()
    expect(example !== undefined).toBe(required)
  }
})

test('the node serves the document', async () => {
  const node = await startNode()

  const reply = await node.request('/openapi.json')

  expect(reply.headers.get('content-type')).toBe('application/json')
  expect(reply.body).toEqual(document)
  expect(reply.body.info.version).toMatch(/^\d+\.\d+\.\d+$/)
})
