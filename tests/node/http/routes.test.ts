// Everything that is no route: paths, methods, and what every answer carries all the same.

import { describe, expect, test } from 'vitest'
import { HEADERS } from '../../../client/contract/headers.ts'
import { startNode } from '../harness.ts'

describe('paths', () => {
  test.each([
    '/admin',
    '/assets',
    '/assets/',
    '/assets/tsconfig.json',
    '/assets/index.html',
    '/assets/../http/app.ts',
    '/assets/%2e%2e/http/app.ts',
    '/index.html',
    '//events',
    '/events/',
    '/events//',
    '/events/a/',
    '/events/a/b/c',
    '/EVENTS',
    '/%65vents',
    '/publish/',
    '/__proto__',
    '/constructor',
  ])('B41: nothing is at %s', async (path) => {
    const node = await startNode()

    const reply = await node.request(`http://node.test${path}`)

    expect(reply.status).toBe(404)
    expect(reply.body).toMatchObject({ code: 'not_found', retryable: false })
  })
})

describe('methods', () => {
  test.each([
    ['POST', '/events', 'GET, HEAD, OPTIONS'],
    ['PUT', '/publish', 'POST, OPTIONS'],
    ['GET', '/publish', 'POST, OPTIONS'],
    ['HEAD', '/publish', 'POST, OPTIONS'],
    ['DELETE', '/events/a/b', 'GET, HEAD, OPTIONS'],
    ['PATCH', '/stats', 'GET, HEAD, OPTIONS'],
    ['QUERY', '/events', 'GET, HEAD, OPTIONS'],
  ])('B42: %s %s', async (method, path, allow) => {
    const node = await startNode()

    const reply = await node.request(path, { method })

    expect(reply.status).toBe(405)
    expect(reply.headers.get('allow')).toBe(allow)
  })

  test('OPTIONS tells what a path takes', async () => {
    const node = await startNode()

    const reply = await node.request('/publish', { method: 'OPTIONS' })

    expect(reply.status).toBe(204)
    expect(reply.headers.get('allow')).toBe('POST, OPTIONS')
    expect((await node.request('/nowhere', { method: 'OPTIONS' })).status).toBe(404)
  })

  test('HEAD is GET without the body', async () => {
    const node = await startNode()

    const reply = await node.request('/stats', { method: 'HEAD' })

    expect(reply.status).toBe(200)
    expect(reply.text).toBe('')
    expect(reply.headers.get('sekali-node')).toBe('n1')
  })
})

test.each([
  ['/stats', 200],
  ['/nowhere', 404],
  ['/publish', 405],
  ['/events?limit=0', 400],
  ['/events/a/b', 404],
])('the answer to GET %s carries the headers of every answer', async (path, status) => {
  const node = await startNode()

  const reply = await node.request(path)

  expect(reply.status).toBe(status)
  const { outcome: _, ...everywhere } = HEADERS
  for (const name of Object.values(everywhere)) expect(reply.headers.has(name)).toBe(true)
})

test('B43: whoever wants HTML gets JSON', async () => {
  const node = await startNode()

  const reply = await node.request('/stats', { headers: { accept: 'text/html' } })

  expect(reply.headers.get('content-type')).toBe('application/json')
})
