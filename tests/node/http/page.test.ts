// The page at /, as it is served. What it does in a browser is tried in one (tests/tools/page.test.ts).

import { describe, expect, test } from 'vitest'
import { startNode } from '../harness.ts'

describe('GET /', () => {
  test('gives the page, to a browser and to anybody else', async () => {
    const node = await startNode()

    for (const accept of ['text/html,application/xhtml+xml', '*/*']) {
      const reply = await node.request('/', { headers: { accept } })
      expect(reply.status).toBe(200)
      expect(reply.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(reply.text).toContain('<!doctype html>')
    }
    expect((await node.request('/', { method: 'POST' })).status).toBe(405)
  })

  test('all that the page and its modules load is served, and stands in no other place', async () => {
    const node = await startNode()
    const seen = new Map<string, string>()
    const load = async (path: string): Promise<void> => {
      if (seen.has(path)) return
      const reply = await node.request(path)
      expect([path, reply.status]).toEqual([path, 200])
      seen.set(path, reply.headers.get('content-type')!)
      for (const [, name] of reply.text.matchAll(/from '\.\/([\w.]+)'/g)) {
        await load(`/assets/${name}`)
      }
    }

    const { text } = await node.request('/')
    for (const [, path] of text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) await load(path!)

    expect(seen.size).toBeGreaterThan(10)
    expect(new Set(seen.values())).toEqual(
      new Set(['image/svg+xml', 'text/css; charset=utf-8', 'text/javascript; charset=utf-8']),
    )
    expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
  })

  test.each(['/', '/assets/page.mjs'])(
    '%s allows nothing from elsewhere, and no markup out of strings',
    async (path) => {
      const node = await startNode()

      const { headers } = await node.request(path)

      const policy = headers.get('content-security-policy')!
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("require-trusted-types-for 'script'")
      expect(policy).not.toMatch(/unsafe|https?:|\*/)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    },
  )

  test('what a browser holds already is not sent again', async () => {
    const node = await startNode()
    const first = await node.request('/assets/page.css')
    const etag = first.headers.get('etag')!

    const known = await node.request('/assets/page.css', {
      headers: { 'if-none-match': `"other", W/${etag}` },
    })
    const changed = await node.request('/assets/page.css', {
      headers: { 'if-none-match': '"other"' },
    })

    expect(first.headers.get('cache-control')).toBe('no-cache')
    expect([known.status, known.text, known.headers.get('etag')]).toEqual([304, '', etag])
    expect([changed.status, changed.text]).toEqual([200, first.text])
  })
})
