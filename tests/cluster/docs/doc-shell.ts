// Runs the commands of a page as they stand there, but against another cluster: ports are exchanged, and `npm run X` becomes what
// package.json says that it runs. It waits for no time to pass: a command that never ends is ended when it has printed a line.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type Block, type Command, ROOT } from './pages.ts'

const BIN = path.join(ROOT, 'node_modules', '.bin')
const DOCUMENTED_PORT = 8_001
const NODES = 3
const MARK = '--- next command ---'

/** Commands that look for the three nodes on 8001–8003 unless this option names others. */
const NODES_OPTION: Readonly<Record<string, string>> = {
  publish: '--url',
  tail: '--nodes',
  compare: '--nodes',
  check: '--nodes',
}

export const SCRIPTS: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
).scripts

/** The file that a script of package.json runs by Node.js; null if it runs something else. */
export const scriptFile = (name: string): string | null =>
  /(?:^|exec )node (\S+\.(?:ts|mjs))$/.exec(SCRIPTS[name] ?? '')?.[1] ?? null

export const isStart = ({ text }: Command): boolean => text.startsWith('npm start')

/** curl -N keeps its stream, tail goes on unless it counts. */
export const isEndless = ({ text }: Command): boolean =>
  /\bcurl -s?N\b/.test(text) || (/^npm run tail\b/.test(text) && !text.includes('--count'))

export interface Ran {
  readonly code: number | null
  /** What each command printed, as far as they were run. */
  readonly printed: readonly string[]
  readonly errors: string
}

/** The block's commands in one shell, which ends at the first that fails. */
export async function run(
  commands: Block['commands'],
  cwd: string,
  basePort: number,
  signal: AbortSignal,
): Promise<Ran> {
  const lines = commands.flatMap((command) => [
    scriptOf(command, basePort),
    `printf '\\n%s\\n' '${MARK}'`,
  ])
  const shell = spawn('bash', ['-c', ['set -e -o pipefail', ...lines].join('\n')], {
    cwd,
    detached: true,
    env: { ...process.env, PATH: `${BIN}:${process.env.PATH}`, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const end = () => shell.pid !== undefined && process.kill(-shell.pid, 'SIGKILL')
  signal.addEventListener('abort', end, { once: true })
  let output = ''
  let errors = ''
  shell.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  shell.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    shell.once('error', reject)
    shell.once('close', resolve)
  })
  signal.removeEventListener('abort', end)
  return { code, printed: output.split(MARK).map((text) => text.trim()), errors }
}

function scriptOf(command: Command, basePort: number): string {
  const text = rewritten(command.text, basePort)
  if (!isEndless(command)) return text
  return `{ IFS= read -r first < <(exec ${text}); kill $!; printf '%s\\n' "$first"; }`
}

/** The command for the cluster on other ports. */
export function rewritten(text: string, basePort: number): string {
  const urls = Array.from({ length: NODES }, (_, place) => `http://127.0.0.1:${basePort + place}`)
  return text
    .replaceAll(/\b(localhost|127\.0\.0\.1):(800[123])\b/g, (_, host: string, port: string) => {
      return `${host}:${Number(port) - DOCUMENTED_PORT + basePort}`
    })
    .replaceAll(/\bnpm run (?:--silent )?([a-z:]+)(?: --(?=\s))?/g, (whole, name: string) => {
      const file = scriptFile(name)
      if (file === null) throw new Error(`${whole}: not a command that this can run`)
      const option = NODES_OPTION[name]
      const isNamed = option === undefined || text.includes(option)
      return `node ${path.join(ROOT, file)}${isNamed ? '' : ` ${option} ${urls.join(',')}`}`
    })
}

/** Whether the output has what is shown, up to positions and white space; `…` stands for anything. */
export function isShown(shown: string, printed: string): boolean {
  const plain = (text: string) => text.replaceAll(/\s/g, '').replaceAll(/("position":)\d+/g, '$1N')
  let from = 0
  for (const piece of shown.split('…').map(plain)) {
    const at = plain(printed).indexOf(piece, from)
    if (at < 0) return false
    from = at + piece.length
  }
  return true
}
