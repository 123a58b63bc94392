// The documentation as data: pages, their blocks of commands, their links and headings. It understands as much of Markdown and
// of the shell's quoting as these pages use, and refuses to be a parser of either.

import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

export const ROOT = path.join(import.meta.dirname, '..', '..', '..')

/** Why a block of commands is not run by the tests; it stands behind `sh` in the fence. */
export const REASONS: Readonly<Record<string, string>> = {
  docker: 'needs a Docker engine; npm run test:compose has one',
  long: 'runs for longer than a test may; what it starts has tests of its own',
  machine: 'is for other machines than this one',
  program: 'needs a program that npm does not bring; npm run test:tools has some',
}

export interface Command {
  /** As it stands there, without comments. */
  readonly text: string
  /** The comment lines below it: what it is said to print. */
  readonly shown: string
}

export interface Block {
  readonly line: number
  readonly info: string
  /** Behind `sh`: why it is not run. */
  readonly reason: string | null
  readonly commands: readonly Command[]
}

export interface Page {
  /** Relative to the repository. */
  readonly file: string
  readonly text: string
  /** Without its fenced blocks. */
  readonly prose: string
  readonly blocks: readonly Block[]
}

/** In the order in which a newcomer meets them; the README comes first, on an empty cluster. */
export function pages(): readonly Page[] {
  const docs = globSync('docs/**/*.md', { cwd: ROOT }).sort()
  const more = ['CONTRIBUTING.md', 'client/README.md', 'cluster/load/README.md']
  return ['README.md', ...docs, ...more].map(read)
}

function read(file: string): Page {
  const text = readFileSync(path.join(ROOT, file), 'utf8')
  return { file, ...parts(text), text }
}

/** Prose and fenced blocks of a page; in the prose, blocks leave empty lines. */
export function parts(text: string): { prose: string; blocks: Block[] } {
  const prose: string[] = []
  const blocks: Block[] = []
  let open: { line: number; info: string; lines: string[] } | null = null
  for (const [place, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line)
    if (fence === null) {
      if (open === null) prose.push(line)
      else open.lines.push(line)
    } else if (open === null) {
      open = { line: place + 1, info: fence[1]!.trim(), lines: [] }
      prose.push('')
    } else {
      blocks.push(block(open))
      open = null
    }
  }
  if (open !== null) throw new Error(`line ${open.line}: a block that is not closed`)
  return { prose: prose.join('\n'), blocks }
}

function block({ line, info, lines }: { line: number; info: string; lines: string[] }): Block {
  const [language, ...reason] = info.split(' ')
  const isShell = language === 'sh'
  return {
    line,
    info,
    reason: isShell && reason.length > 0 ? reason.join(' ') : null,
    commands: isShell ? commandsOf(lines) : [],
  }
}

/** A command ends with its line, unless a quote is open, or `\` or `|` ends the line. */
export function commandsOf(lines: readonly string[]): Command[] {
  const commands: { text: string; shown: string }[] = []
  let text = ''
  for (const line of lines) {
    if (text === '' && line.startsWith('#')) {
      const last = commands.at(-1)
      if (last !== undefined) last.shown += line.slice(1)
      continue
    }
    text += (text === '' ? '' : '\n') + line
    const { code, isQuoteOpen } = withoutComment(text)
    if (isQuoteOpen || /[\\|]$/.test(code)) continue
    if (code.trim() !== '') commands.push({ text: code.trim(), shown: '' })
    text = ''
  }
  if (text !== '') throw new Error(`a command that does not end: ${text}`)
  return commands
}

function withoutComment(text: string): { code: string; isQuoteOpen: boolean } {
  let quote = ''
  for (let place = 0; place < text.length; place += 1) {
    const character = text[place]!
    if (quote !== '') quote = character === quote ? '' : quote
    else if (character === "'" || character === '"') quote = character
    else if (character === '#' && /^\s?$/.test(text[place - 1] ?? ''))
      return { code: text.slice(0, place).trimEnd(), isQuoteOpen: false }
  }
  return { code: text.trimEnd(), isQuoteOpen: quote !== '' }
}

/** What stands between single backticks. */
export const inlineCode = ({ prose }: Page): readonly string[] =>
  [...prose.matchAll(/`([^`\n]+)`/g)].map((found) => found[1]!)

/** Targets of links and images. */
export const links = ({ prose }: Page): readonly string[] =>
  [...prose.replaceAll(/`[^`\n]*`/g, 'x').matchAll(/\]\(([^)\s]+)\)/g)].map((found) => found[1]!)

/** What GitHub makes of a page's headings, so that links may lead to them. */
export const anchors = ({ prose }: Page): ReadonlySet<string> =>
  new Set([...prose.matchAll(/^#+ (.+)$/gm)].map((found) => anchor(found[1]!)))

export const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')
