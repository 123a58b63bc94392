// The house is in order, and the rules would notice if it were not.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { brokenRules, SOURCE_LINES_MAX, type Sources } from './layering.ts'

const ROOT = path.dirname(import.meta.dirname)
const FOLDERS = ['raft', 'node', 'client', 'cluster', 'tests']
const HEADER = '// What it is for.\n\n'

function sourcesOfRepository(): Sources {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|mjs)$/.test(name))
      .map((name) => path.posix.join(folder, name.split(path.sep).join('/'))),
  )
  return new Map(files.map((file) => [file, readFileSync(path.join(ROOT, file), 'utf8')]))
}

function dependenciesOfRepository(): Set<string> {
  const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  return new Set(Object.keys(manifest.dependencies))
}

/** What the rules say of these files, given their text below the header. */
function judged(files: Record<string, string>): string[] {
  const sources = new Map(Object.entries(files).map(([file, text]) => [file, HEADER + text]))
  return brokenRules(sources, new Set(['undici']))
}

test('the house is in order', () => {
  const sources = sourcesOfRepository()

  expect(sources.size).toBeGreaterThan(30)
  expect(brokenRules(sources, dependenciesOfRepository())).toEqual([])
})

describe('a planted violation is caught', () => {
  test.each([
    ['raft/core/a.ts', "import { x } from '../ports.ts'", 'imports raft/ports.ts'],
    ['raft/core/a.ts', "import type { x } from '../ports.ts'", 'imports raft/ports.ts'],
    ['raft/core/a.ts', "import { x } from 'node:fs'", 'imports node:fs'],
    ['raft/core/a.ts', "export * from 'undici'", 'imports undici'],
    ['raft/core/a.ts', "type X = import('undici').Pool", 'imports undici'],
    ['raft/a.ts', "import { x } from '../node/b.ts'", 'imports node/b.ts'],
    ['raft/a.ts', "import { x } from 'left-pad'", 'imports left-pad'],
    ['raft/a.ts', 'export const x = import(name)', 'imports a computed name'],
    ['node/a.ts', "import { x } from '../cluster/b.ts'", 'imports cluster/b.ts'],
    ['node/page/a.mjs', "import { x } from '../store/b.ts'", 'imports node/store/b.ts'],
    ['node/page/a.mjs', "import { x } from 'undici'", 'imports undici'],
    ['client/a.ts', "import { x } from '../node/b.ts'", 'imports node/b.ts'],
    ['client/a.ts', "import { x } from 'hono'", 'imports hono'],
    ['cluster/a.ts', "import { x } from '../node/main.ts'", 'imports node/main.ts'],
    ['cluster/a.ts', "import { x } from '../raft/ports.ts'", 'imports raft/ports.ts'],
    ['raft/core/a.ts', 'const now = Date.now()', 'names Date'],
    ['raft/core/a.ts', 'const x = Math.random()', 'names Math.random'],
    ['raft/core/a.ts', 'setTimeout(f, 1)', 'names setTimeout'],
    ['raft/core/a.ts', 'export async function f() {}', 'names async'],
    ['raft/core/a.ts', 'await f()', 'names await'],
    ['raft/core/a.ts', 'for await (const x of y) f(x)', 'names await'],
    ['raft/core/a.ts', 'const x: Promise<void> = f()', 'names Promise'],
    ['raft/core/a.ts', "console.log('x')", 'names console'],
    ['raft/core/a.ts', "Buffer.from('x')", 'names Buffer'],
    ['raft/core/a.ts', 'process.exit(1)', 'names process'],
  ])('%s: %s', (file, text, complaint) => {
    const broken = judged({ [file]: text })

    expect(broken).toHaveLength(1)
    expect(broken[0]).toContain(complaint)
  })

  test('a node that loads the SDK, even through the index', () => {
    const broken = judged({
      'node/a.ts': "import { x } from '../client/index.ts'",
      'client/index.ts': "export * from './errors.ts'\nexport * from './sdk.ts'",
      'client/sdk.ts': 'export const sdk = 1',
    })

    expect(broken).toEqual(['node/ loads client/sdk.ts, which is more than the contract'])
    expect(judged({ 'node/a.ts': "import { x } from '../client/sdk.ts'" })[0]).toContain(
      'imports client/sdk.ts, which node/ may not',
    )
  })

  test('a circle of imports', () => {
    const broken = judged({
      'raft/a.ts': "import { b } from './b.ts'",
      'raft/b.ts': "import { a } from './a.ts'",
    })

    expect(broken).toEqual(['a circle of imports: raft/a.ts → raft/b.ts → raft/a.ts'])
  })

  test('a file that is too long, and one without a header', () => {
    const sources = new Map([
      ['raft/a.ts', HEADER + 'x\n'.repeat(SOURCE_LINES_MAX)],
      ['raft/b.ts', 'export const b = 1\n'],
    ])

    expect(brokenRules(sources, new Set())).toEqual([
      `raft/a.ts has ${SOURCE_LINES_MAX + 2} lines, more than ${SOURCE_LINES_MAX}`,
      'raft/b.ts does not begin with a header comment',
    ])
  })
})

test('comments and strings may name what code may not', () => {
  expect(judged({ 'raft/core/a.ts': "// Date and Promise\nconst x = 'await process'" })).toEqual([])
})

test('types may refer to each other in a circle', () => {
  const broken = judged({
    'raft/a.ts': "import { b } from './b.ts'",
    'raft/b.ts': "import type { A } from './a.ts'",
  })

  expect(broken).toEqual([])
})
