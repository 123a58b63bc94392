// Pages of other origins: nothing is said to them by default; named ones may read, and only read.

import { type IncomingMessage, request } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { corsHeaders } from '../../../node/http/cors.ts'
import { createApiServer } from '../../../node/http/server.ts'
import { startNode } from '../harness.ts'

const PAGE = 'https://shop.example'
const ALLOW = 'access-control-allow-origin'

const asked = (origins: string[], method: string, headers: Record<string, string>) =>
  corsHeaders(origins, { method, headers })

describe('who may', () => {
  test('nobody, by default', () => {
    expect(asked([], 'GET', { origin: PAGE })).toEqual({})
  })

  test('an origin that is named, for itself; caches keep its answers apart', () => {
    const headers = asked(['https://other.example', PAGE], 'GET', { origin: PAGE })

    expect(headers).toMatchObject({ [ALLOW]: PAGE, vary: 'Origin' })
    expect(headers['access-control-expose-headers']).toContain('sekali-position')
  })

  test.each([
    'https://shop.example.org',
    'http://shop.example',
    'null',
    'https://shop.example:444',
  ])('not %s, which looks like it', (origin) => {
    expect(asked([PAGE], 'GET', { origin })).toEqual({ vary: 'Origin' })
  })

  test('everybody, where that was asked for', () => {
    expect(asked(['*'], 'HEAD', { origin: PAGE })[ALLOW]).toBe('*')
  })
})

describe('what', () => {
  test('not publishing', () => {
    expect(asked(['*'], 'POST', { origin: PAGE })).toEqual({})
  })

  test('a preflight allows reading only, and the header of an EventSource that comes back', () => {
    const preflight = { origin: PAGE, 'access-control-request-method': 'POST' }
    const headers = asked([PAGE], 'OPTIONS', preflight)

    expect(headers['access-control-allow-methods']).toBe('GET, HEAD')
    expect(headers['access-control-allow-headers']).toContain('last-event-id')
    expect(asked([PAGE], 'OPTIONS', { origin: PAGE })).toEqual({ vary: 'Origin' })
  })
})

test.each([
  ['GET', '/stats', 200],
  ['GET', '/subscribe', 200],
  ['GET', '/events?limit=0', 400],
  ['OPTIONS', '/subscribe', 204],
])('%s %s says so in every answer', async (method, path, status) => {
  const node = await startNode({ corsOrigins: [PAGE] })
  const server = createApiServer(node.api, node.app, 10)
  const port = await server.listen('127.0.0.1', 0)
  onTestFinished(() => server.close(0))

  const answer = await new Promise<IncomingMessage>((resolve) => {
    const headers = { origin: PAGE, 'access-control-request-method': 'GET' }
    const outgoing = request({ host: '127.0.0.1', port, path, method, headers }, resolve)
    onTestFinished(() => void outgoing.destroy())
    outgoing.end()
  })

  expect(answer.statusCode).toBe(status)
  expect(answer.headers).toMatchObject({ [ALLOW]: PAGE, 'sekali-node': 'n1' })
})
