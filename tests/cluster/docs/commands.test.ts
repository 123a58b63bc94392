// Every command of README and docs, run as a newcomer would: npm start, then page after page. What cannot be run here says why
// in its fence, and its commands, options and files must exist.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../follow-world.ts'
import { isEndless, isShown, isStart, rewritten, run, SCRIPTS, scriptFile } from './doc-shell.ts'
import { commandsOf, inlineCode, type Page, pages, parts, REASONS, ROOT } from './pages.ts'

const BASE_PORT = 18_430
const PAGES = pages()
const runnable = ({ blocks }: Page) =>
  blocks.filter(
    ({ reason, commands }) => reason === null && commands.some((command) => !isStart(command)),
  )

describe('a cluster that npm start has started', () => {
  let directory: string
  let started: ChildProcess

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'sekali-docs-'))
    const data = path.join(directory, 'data')
    started = spawn('npm', ['start', '--', '--base-port', `${BASE_PORT}`, '--data', data], {
      cwd: ROOT,
      detached: true,
      stdio: 'ignore',
    })
    await until('all nodes are ready', async () => {
      if (started.exitCode !== null) throw new Error(`npm start ended: ${started.exitCode}`)
      const ready = [0, 1, 2].map((place) =>
        fetch(`http://127.0.0.1:${BASE_PORT + place}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      )
      return !(await Promise.all(ready)).includes(false)
    })
  }, 60_000)

  afterAll(async () => {
    const ended = new Promise((resolve) => started.once('exit', resolve))
    if (started.exitCode === null) process.kill(-started.pid!, 'SIGINT')
    await ended
    rmSync(directory, { recursive: true, force: true })
  }, 60_000)

  for (const page of PAGES.filter((each) => runnable(each).length > 0))
    test(`does what ${page.file} says`, async ({ signal }) => {
      const cwd = mkdtempSync(path.join(directory, 'page-'))
      for (const block of runnable(page)) {
        const commands = block.commands.filter((command) => !isStart(command))
        const feeder = commands.some(isEndless) ? feed() : null
        const { code, printed, errors } = await run(commands, cwd, BASE_PORT, signal)
        await feeder?.stop()

        const where = `${page.file}:${block.line}`
        expect(code, `${where}\n${printed.join('\n')}\n${errors}`).toBe(0)
        for (const [place, { text, shown }] of commands.entries())
          expect(
            isShown(shown, printed[place]!),
            `${where}\n${text}\nshows ${shown}\nand printed ${printed[place]}`,
          ).toBe(true)
      }
    })
})

/** Who follows what is accepted from now on must be given something. */
function feed(): { stop(): Promise<void> } {
  let goesOn = true
  const fed = (async () => {
    while (goesOn)
      await fetch(`http://127.0.0.1:${BASE_PORT}/publish`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ topic: 'orders.fed', event_id: `${process.hrtime.bigint()}` }),
      }).then((answer) => answer.arrayBuffer())
  })()
  return {
    stop: () => {
      goesOn = false
      return fed
    },
  }
}

test('a block that is not run says why, with a reason that counts', () => {
  const reasons = PAGES.flatMap(({ blocks }) => blocks).map(({ reason }) => reason)
  const unknown = reasons.filter((reason) => reason !== null && !Object.hasOwn(REASONS, reason))

  expect(unknown).toEqual([])
  expect(PAGES.flatMap(runnable).length).toBeGreaterThan(20)
})

const NPM_RUN = /\bnpm (?:(start|test)\b|run (?:--silent )?([a-z]+(?::[a-z]+)?))([^|>]*)/g

/** Each use of a command of ours: in blocks, also those that are not run, and within sentences. */
const uses = PAGES.flatMap((page) => {
  const texts = [
    ...page.blocks.flatMap(({ commands }) => commands.map(({ text }) => text)),
    ...inlineCode(page),
  ]
  return texts.flatMap((text) =>
    [...text.matchAll(NPM_RUN)].map(([, plain, named, rest]) => ({
      where: page.file,
      name: plain ?? named!,
      options: [...rest!.matchAll(/\s(--[a-z][a-z-]*)/g)].map((found) => found[1]!),
    })),
  )
})

test('every npm command that is named exists', () => {
  expect(uses.filter(({ name }) => SCRIPTS[name] === undefined)).toEqual([])
})

test('every option that is named stands in the --help of its command', () => {
  const names = new Set(uses.filter(({ options }) => options.length > 0).map(({ name }) => name))
  const help = new Map(
    [...names].map((name) => {
      const file = scriptFile(name)
      const node = path.join(ROOT, 'node_modules', '.bin', 'node')
      const text = file === null ? '' : execFileSync(node, [file, '--help'], { cwd: ROOT })
      return [name, new Set(`${text}`.match(/--[a-z][a-z-]*/g))]
    }),
  )
  const unknown = uses.flatMap(({ where, name, options }) =>
    options
      .filter((option) => option !== '--help' && !help.get(name)!.has(option))
      .map((option) => `${where}: npm run ${name} ${option}`),
  )

  expect(unknown).toEqual([])
})

test('every file of the repository that is named exists', () => {
  const named = PAGES.flatMap((page) =>
    [
      ...page.blocks.flatMap(({ commands }) => commands.map(({ text }) => text)),
      ...inlineCode(page),
    ]
      .flatMap((text) => [
        ...text.matchAll(
          /(?<![\w/.:-])(?:docs|cluster|client|node|raft|tests)\/[\w./-]*\.(?:ts|mjs|js|py|md|yml|json|conf|html)\b/g,
        ),
      ])
      .map(([file]) => ({ where: page.file, file })),
  )

  expect(named.length).toBeGreaterThan(3)
  expect(named.filter(({ file }) => !existsSync(path.join(ROOT, file)))).toEqual([])
})

describe('what the tests understand of a page', () => {
  test('a command ends with its line, or where its quotes and continuations do; comments below are its output', () => {
    const lines = ["a 'b", "c' \\", '  d   # why', '# {"x":', '#  1}', 'e |', '  f "#g"']

    expect(commandsOf(lines)).toEqual([
      { text: "a 'b\nc' \\\n  d", shown: ' {"x":  1}' },
      { text: 'e |\n  f "#g"', shown: '' },
    ])
    expect(() => commandsOf(["a 'b"])).toThrow('does not end')
    expect(() => parts('```sh\na')).toThrow('not closed')
  })

  test('ports are exchanged, npm becomes what it runs, nodes are named unless they are', () => {
    expect(rewritten('curl localhost:8003/x', 9_000)).toBe('curl localhost:9002/x')
    expect(rewritten("npm run tail -- 'a' --json", 9_000)).toBe(
      `node ${ROOT}/cluster/tail.ts --nodes http://127.0.0.1:9000,http://127.0.0.1:9001,http://127.0.0.1:9002 'a' --json`,
    )
    expect(rewritten('npm run compare -- --nodes http://127.0.0.1:8001', 9_000)).toBe(
      `node ${ROOT}/cluster/compare.ts --nodes http://127.0.0.1:9000`,
    )
    expect(() => rewritten('npm run nothing', 9_000)).toThrow('nothing')
  })

  test('what is shown may differ in positions and white space, and where it says …', () => {
    expect(
      isShown('{"outcome":"accepted", "position":1}', '{"outcome":"accepted","position":77}'),
    ).toBe(true)
    expect(isShown('{"a":"…","b":2', '{"a":"long","b":2,"c":3}')).toBe(true)
    expect(isShown('{"outcome":"accepted"', '{"outcome":"duplicate"')).toBe(false)
    expect(isShown('"b":1 … "a":1', '{"a":1,"b":1}')).toBe(false)
  })
})
