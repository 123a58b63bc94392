// Which topics a pattern matches.

import { describe, expect, test } from 'vitest'

import { SekaliError } from '../../../client/errors.ts'
import { parseTopicPattern } from '../../../node/store/topic-pattern.ts'

describe('matches', () => {
  test.each([
    ['a', ['a'], ['b', '/a', 'a.b']],
    ['a.b', ['a.b'], ['a/b', 'a', 'a.b.c']],
    ['*', ['a', 'a b', '/a'], ['a.b', '/a/b']],
    ['a.*', ['a.b', 'a/b'], ['a', 'a.b.c', '/a/b', 'ab']],
    ['a/*', ['a.b', 'a/b'], ['a', 'a.b.c']],
    ['*.b', ['a.b', 'a/b', '/a/b'], ['b', 'a.c', 'a.b.b']],
    ['a.*.c', ['a.b.c', 'a/b.c'], ['a.c', 'a.b.b.c', 'a.b.d']],
    ['a.**', ['a', 'a.b', 'a/b/c'], ['ab', 'b', '/a']],
    ['a.>', ['a.b', 'a/b/c'], ['a', 'ab', '/a/b']],
    ['**', ['a', 'a.b', '/a/b'], []],
    ['>', ['a', 'a.b', '/a/b'], []],
    ['*.>', ['a.b', '/a/b/c'], ['a', '/a']],
    ['/prod/*/paid', ['/prod/billing/paid', '/prod.billing.paid'], ['prod/billing/paid']],
    ['/*', ['/a'], ['a', '/a/b']],
    ['/**', ['/a', '/a/b'], ['a']],
    ['a*', ['a*'], ['ab']],
    ['é.*', ['é.世'], ['e.世']],
  ])('%s', (text, matching, others) => {
    const pattern = parseTopicPattern(text)

    expect([...matching, ...others].filter((topic) => pattern.matches(topic))).toEqual(matching)
  })

  test('a text without wildcards is an exact topic', () => {
    expect(parseTopicPattern('/a.b').exact).toBe(true)
    expect(parseTopicPattern('a*').exact).toBe(true)
    expect(parseTopicPattern('a.*').exact).toBe(false)
  })
})

test.each(['', '/', 'a..b', '.a', 'a.', '//a', '**.a', 'a.>.b', 'a.**.*', 'x'.repeat(256)])(
  'refuses %j',
  (text) => {
    expect(() => parseTopicPattern(text)).toThrow(SekaliError)
  },
)
