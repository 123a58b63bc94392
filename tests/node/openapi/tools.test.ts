// The API description in the hands of other people's tools: a linter, and a generator whose client then publishes to a
// node that listens and reads from it.

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { openApiDocument } from '../../../node/http/openapi/document.ts'
import { createApiServer } from '../../../node/http/server.ts'
import { startNode } from '../harness.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const TIMEOUT_MS = 120_000

let directory = ''
let document = ''

const run = (program: string, args: readonly string[]) =>
  promisify(execFile)(
    process.execPath,
    [path.join(ROOT, 'node_modules', ...program.split('/')), ...args],
    {
      cwd: directory,
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    },
  )

beforeAll(async () => {
  // Inside the repository, so that what is generated finds our packages.
  directory = await mkdtemp(path.join(ROOT, 'node_modules', '.openapi-'))
  document = path.join(directory, 'openapi.json')
  await writeFile(document, JSON.stringify(openApiDocument()))
  return () => rm(directory, { recursive: true, force: true })
})

test('the document is clean under the strictest rules of Redocly', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { stderr } = await run('@redocly/cli/bin/cli.js', [
    ...['lint', document, '--extends', 'recommended-strict'],
  ])

  expect(stderr).toContain('Your API description is valid')
})

test('a generated client publishes and reads', { timeout: TIMEOUT_MS }, async () => {
  const output = path.join(directory, 'client')
  await run('@hey-api/openapi-ts/bin/run.js', ['-i', document, '-o', output, '--silent'])
  expect(typeFaults(path.join(output, 'index.ts'))).toEqual([])
  const { client } = await import(path.join(output, 'client.gen.ts'))
  const { publish, listEvents, getEvent, seen } = await import(path.join(output, 'sdk.gen.ts'))
  client.setConfig({ baseUrl: await listeningNode() })

  const event = { topic: '/orders/new', event_id: 'o 1', payload: { total: 42 } }
  const first = await publish({ body: event })
  const again = await publish({ body: { events: [event, { ...event, event_id: 'o 2' }] } })
  const page = await listEvents({ query: { topic: '/orders/*', limit: 1, order: 'desc' } })
  const one = await getEvent({ path: { topic: '/orders/new', event_id: 'o 1' } })
  const known = await seen({ body: { ids: [{ topic: '/orders/new', event_id: 'o 2' }] } })
  const refused = await publish({ body: { topic: 'a..b', event_id: '1' } })

  expect(first.data).toMatchObject({ accepted: 1, results: [{ outcome: 'accepted', position: 1 }] })
  expect(again.data.results).toMatchObject([{ outcome: 'duplicate' }, { outcome: 'accepted' }])
  expect(page.data).toMatchObject({ events: [{ event_id: 'o 2', position: 2 }], next: '2' })
  expect(one.data).toMatchObject({ ...event, position: 1 })
  expect(known.data.results).toMatchObject([{ position: 2 }])
  expect(refused.error).toMatchObject({ code: 'invalid_event', field: 'topic' })
})

async function listeningNode(): Promise<string> {
  const node = await startNode()
  const server = createApiServer(node.api, node.app, 100)
  const port = await server.listen('127.0.0.1', 0)
  onTestFinished(() => server.close(0))
  return `http://127.0.0.1:${port}`
}

/** What the compiler has against generated code, in the strictness that most projects use. */
function typeFaults(file: string): string[] {
  const program = ts.createProgram([file], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: [],
  })
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}
