// Pages for people: each error's `type` leads to one, /docs needs nothing but the node, and none loads anything else.

import { describe, expect, test } from 'vitest'
import { problemType } from '../../../client/contract/problem.ts'
import { PROBLEM_GUIDE } from '../../../client/contract/problem-guide.ts'
import { ERROR_KINDS, type ErrorCode } from '../../../client/errors.ts'
import { escapeHtml } from '../../../node/http/pages/html.ts'
import { startNode } from '../harness.ts'

const CODES = Object.keys(ERROR_KINDS) as ErrorCode[]

/** Everything that a page refers to. */
function references(html: string): string[] {
  return [...html.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, target]) => target!)
}

describe('problems', () => {
  test.each(CODES)('the type of %s leads to a page about it', async (code) => {
    const node = await startNode()

    const page = await node.request(problemType(code))

    expect(page.status).toBe(200)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.text).toContain(`<h1>${escapeHtml(ERROR_KINDS[code].title)}</h1>`)
    expect(page.text).toContain(code)
  })

  test('the type of an error that really came leads to its page', async () => {
    const node = await startNode()
    const { type } = (await node.publish([])).body

    expect((await node.request(type)).text).toContain('The batch holds no event')
  })

  test('what is said of storing agrees with what codes promise', () => {
    const open = CODES.filter((code) => PROBLEM_GUIDE[code].stored === 'perhaps')

    expect(open).toEqual(['internal', 'outcome_unknown'])
  })

  test('all are listed', async () => {
    const node = await startNode()

    const { text } = await node.request('/problems')

    expect(references(text).filter((target) => target.startsWith('/problems/'))).toEqual(
      CODES.map(problemType),
    )
  })

  test.each(['/problems/', '/problems/no_leader', '/problems/other', '/problems/__proto__'])(
    'nothing is at %s',
    async (path) => {
      const node = await startNode()

      expect(await node.request(path)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    },
  )
})

describe('every page', () => {
  test.each(['/docs', '/problems', '/problems/behind'])(
    '%s refers only to what this node has',
    async (path) => {
      const node = await startNode()
      const { text } = await node.request(path)

      const targets = references(text).filter((target) => target !== 'data:,')

      expect(targets.length).toBeGreaterThan(1)
      for (const target of targets) expect((await node.request(target)).status, target).toBe(200)
    },
  )

  test.each(['/docs', '/problems'])('%s may load nothing from elsewhere', async (path) => {
    const node = await startNode()

    const { headers } = await node.request(path)

    const policy = headers.get('content-security-policy')!
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('text is made harmless', () => {
    expect(escapeHtml(`<a b="c" d='e'>&`)).toBe('&#60;a b=&#34;c&#34; d=&#39;e&#39;&#62;&#38;')
  })
})

test.each(['/docs/index.html', '/docs/..%2Fpackage.json', '/docs/package.json'])(
  'the page has no file %s',
  async (path) => {
    const node = await startNode()

    expect((await node.request(path)).status).toBe(404)
  },
)
