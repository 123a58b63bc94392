// The OpenAPI 3.1 document, made of the descriptions in operations/ and the contract's schemas. Pure, and the same on
// every node of a release.

import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { HEADERS, NEXT_HEADER } from '../../../client/contract/headers.ts'
import { PROBLEM_MEDIA_TYPE, problemSchema } from '../../../client/contract/problem.ts'
import { ERROR_KINDS, type ErrorCode } from '../../../client/errors.ts'
import { type Answer, type Example, type Operation, type Operations, TAGS } from './operation.ts'
import { OPERATIONS } from './operations.ts'
import { Schemas } from './schemas.ts'

/** What any request may be answered with; more of that kind, which hardly occurs, is the `default` answer. */
const EVERYWHERE: readonly ErrorCode[] = ['bad_parameter', 'internal']

const HEADER_TEXTS: Readonly<Record<string, string>> = {
  [HEADERS.node]: 'The node that answers.',
  [HEADERS.role]: 'Its role: leader, follower, candidate or preCandidate.',
  [HEADERS.term]: 'Its term.',
  [HEADERS.leader]: 'The leader that it knows; empty: none.',
  [HEADERS.applied]: 'The last log entry it has applied.',
  [HEADERS.position]: 'The last position it has applied: good as min_position on any node.',
  [HEADERS.outcome]: 'accepted, duplicate, mixed, or none for an empty batch.',
  [NEXT_HEADER]:
    'Where the next page begins (`after`), for pages of CloudEvents; absent: there is none.',
  allow: 'The methods that the path takes.',
  'webhook-allowed-origin': 'The origin that was asked for.',
  'webhook-allowed-rate': 'Any.',
  'retry-after': 'Seconds after which to try again.',
}
const { outcome: _, ...STANDING } = HEADERS
const STANDING_HEADERS = Object.values(STANDING)

const DESCRIPTION = `Publish events to any node, as often as you like, across crashes: each is stored once, and every answer says what
happened. An event is known by (\`topic\`, \`event_id\`).

Every answer, errors included, carries the headers ${STANDING_HEADERS.map((name) => `\`${name}\``).join(', ')}.
Errors are RFC 9457 problems; their \`type\` leads to [a page](/problems) that explains them. All 4xx, and 503 \`no_leader\` or
\`stopping\`, mean *certainly not stored*. Only 503 \`outcome_unknown\` and a lost connection leave it open; sending the same
ids again settles it.`

type Json = Record<string, unknown>

export function openApiDocument(operations: Operations = OPERATIONS): Json {
  const schemas = new Schemas()
  const paths: Record<string, Json> = {}
  for (const [key, operation] of Object.entries(operations)) {
    const [method = '', path = ''] = key.split(' ')
    const template = path.replaceAll(/:(\w+)/g, '{$1}')
    paths[template] = {
      ...paths[template],
      [method.toLowerCase()]: operationObject(operation, schemas),
    }
  }
  const problem = schemas.of(problemSchema)
  return {
    openapi: '3.1.1',
    info: {
      title: 'sekali',
      version: version(),
      summary: 'Publish once or a hundred times: stored once.',
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'The node that serves this document; any node will do.' }],
    security: [],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: schemas.components,
      headers: mapValues(HEADER_TEXTS, (description) => ({
        description,
        schema: { type: 'string' },
      })),
      responses: {
        problem: {
          description: 'Any other refusal or failure.',
          content: { [PROBLEM_MEDIA_TYPE]: { schema: problem } },
        },
      },
    },
  }
}

function operationObject(operation: Operation, schemas: Schemas): Json {
  const { id, tag, summary, description, body, examples } = operation
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    parameters: [
      ...parameters(operation.path, 'path', examples, schemas),
      ...parameters(operation.query, 'query', examples, schemas),
      ...parameters(operation.headers, 'header', examples, schemas),
    ],
    ...(body !== undefined && {
      requestBody: {
        required: true,
        content: mapValues(body, (schema, mediaType) => ({
          schema: schemas.of(schema),
          ...examplesObject(
            examples.filter((example) => example.body?.type === mediaType && isTaken(example)),
            (example) => example.body?.value,
          ),
        })),
      },
    }),
    responses: responses(operation, schemas),
  }
}

/** Bodies that are refused are no examples of what a schema describes. */
const isTaken = ({ status, given }: Example): boolean => status < 400 || given !== undefined

function parameters(
  schema: z.ZodObject | undefined,
  place: 'path' | 'query' | 'header',
  examples: readonly Example[],
  schemas: Schemas,
): Json[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = schemas.of(schema) as {
    properties?: Record<string, Json>
    required?: string[]
  }
  const given = place === 'header' ? 'headers' : place
  const shown = (name: string) =>
    examples.filter(isTaken).flatMap((example) => example[given]?.[name] ?? [])
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema: place === 'path' ? property : withExamples(property, shown(name)),
    ...(place === 'path' && { example: shown(name)[0] }),
  }))
}

/** In the schema, as hints: pages that let a request be tried would send examples of parameters, all at once. */
function withExamples(schema: Json, examples: readonly unknown[]): Json {
  return examples.length === 0 ? schema : { ...schema, examples: [...new Set(examples)] }
}

function responses(operation: Operation, schemas: Schemas): Json {
  const found: Record<string, Json> = {}
  for (const [status, answer] of Object.entries(operation.answers)) {
    found[status] = answerObject(answer, Number(status), operation.examples, schemas)
  }
  for (const [status, codes] of byStatus([...operation.problems, ...EVERYWHERE])) {
    found[status] = problemObject(found[status], status, codes, operation.examples, schemas)
  }
  // Above those that JSON objects sort first for being numbers.
  return { ...found, default: { $ref: '#/components/responses/problem' } }
}

function answerObject(
  { description, content, headers = [] }: Answer,
  status: number,
  examples: readonly Example[],
  schemas: Schemas,
): Json {
  return {
    description,
    headers: headerReferences([...STANDING_HEADERS, ...headers]),
    ...(content !== undefined && {
      content: mapValues(content, (schema, mediaType) => ({
        schema: schemas.of(schema),
        ...examplesObject(
          shownAt(examples, status).filter(
            ({ answerType = Object.keys(content)[0] }) => answerType === mediaType,
          ),
          (example) => example.answer,
        ),
      })),
    }),
  }
}

function problemObject(
  beside: Json | undefined,
  status: number,
  codes: readonly ErrorCode[],
  examples: readonly Example[],
  schemas: Schemas,
): Json {
  const told = codes.map((code) => `\`${code}\`: ${ERROR_KINDS[code].title}.`).join('\n\n')
  const waits = codes.some((code) => ERROR_KINDS[code].retryable && status !== 408)
  return {
    description: beside === undefined ? told : `${String(beside.description)}\n\n${told}`,
    headers: headerReferences([...STANDING_HEADERS, ...(waits ? ['retry-after'] : [])]),
    content: {
      ...(beside?.content as Json | undefined),
      [PROBLEM_MEDIA_TYPE]: {
        schema: schemas.of(problemSchema),
        ...examplesObject(shownAt(examples, status), (example) => example.answer),
      },
    },
  }
}

function shownAt(examples: readonly Example[], status: number): Example[] {
  return examples.filter((example) => example.status === status && example.answer !== undefined)
}

function examplesObject(examples: readonly Example[], shown: (example: Example) => unknown): Json {
  if (examples.length === 0) return {}
  const entries = examples.map((example) => {
    const asked = askedWith(example)
    return [
      example.name,
      {
        summary: example.summary,
        ...(asked !== '' && { description: asked }),
        value: shown(example),
      },
    ]
  })
  return { examples: Object.fromEntries(entries) }
}

/** What a request has beside its body, or ''. */
function askedWith({ path = {}, query = {}, headers = {} }: Example): string {
  const given = [path, query, headers].flatMap((part) => Object.entries(part))
  return given.map(([name, value]) => `\`${name}: ${value}\``).join(', ')
}

function headerReferences(names: readonly string[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

function byStatus(codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  return Map.groupBy(codes, (code) => ERROR_KINDS[code].status)
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  change: (value: From, key: string) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]))
}

function version(): string {
  const manifest = new URL('../../../package.json', import.meta.url)
  return JSON.parse(readFileSync(manifest, 'utf8')).version
}
