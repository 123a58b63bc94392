// Links within the documentation lead somewhere: to files that are there, and to headings that they have.

import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { anchor, anchors, links, pages, ROOT } from './pages.ts'

const PAGES = new Map(pages().map((page) => [page.file, page]))

const OUTSIDE = /^(?:https?:|mailto:)/

const inside = [...PAGES.values()].flatMap((page) =>
  links(page)
    .filter((target) => !OUTSIDE.test(target))
    .map((target) => {
      const [file, heading] = target.split('#') as [string, string | undefined]
      const to = path.join(path.dirname(page.file), file)
      return { from: page.file, target, to: file === '' ? page.file : to, heading }
    }),
)

test('every link within the repository leads to a file that is there', () => {
  expect(inside.length).toBeGreaterThan(50)
  expect(inside.filter(({ to }) => !existsSync(path.join(ROOT, to)))).toEqual([])
})

test('every link to a heading leads to one that its page has', () => {
  const lost = inside.filter(({ to, heading }) => {
    if (heading === undefined) return false
    const page = PAGES.get(to)
    return page === undefined || !anchors(page).has(heading)
  })

  expect(inside.some(({ heading }) => heading !== undefined)).toBe(true)
  expect(lost).toEqual([])
})

test('every page of docs is reached from its index', () => {
  const reached = new Set(
    inside.filter(({ from }) => from === 'docs/README.md').map(({ to }) => to),
  )
  const pagesOfDocs = [...PAGES.keys()].filter((file) => file.startsWith('docs/'))

  expect(pagesOfDocs.filter((file) => file !== 'docs/README.md' && !reached.has(file))).toEqual([])
})

test('a heading becomes what GitHub makes of it', () => {
  expect(anchor('What is proved, and how')).toBe('what-is-proved-and-how')
  expect(anchor('`npm run publish`')).toBe('npm-run-publish')
  expect(anchor('T1. Why? And how_so')).toBe('t1-why-and-how_so')
})
