// The command line of every command: strict options, `--help`, and errors of one line.
//
// A command is described once, as data; parsing and help come from that. Exit codes are the same everywhere:
// 0 done, 1 something failed or differs, 2 the command was not understood.

import { parseArgs } from 'node:util'

export interface Option {
  readonly type: 'string' | 'boolean'
  /** For help: what stands in place of the value. */
  readonly value?: string
  /** Its value may stand without the name; one option of a command at most. */
  readonly operand?: boolean
  readonly help: string
}

export interface Command<Options extends Record<string, Option>> {
  readonly name: string
  readonly summary: string
  readonly options: Options
  /** Printed under the options. */
  readonly notes?: string
}

export type Values<Options extends Record<string, Option>> = {
  readonly [Name in keyof Options]: Options[Name]['type'] extends 'boolean'
    ? boolean
    : string | undefined
}

/** The command line is wrong: told in one line, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command cannot do its work: told in one line, exit 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** Throws UsageError for anything not declared; answers null after `--help`, which only needs printing. */
export function parseCommand<Options extends Record<string, Option>>(
  command: Command<Options>,
  parameters: readonly string[],
): Values<Options> | null {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    help: { type: 'boolean', short: 'h' },
  }
  for (const [name, option] of Object.entries(command.options))
    options[name] = { type: option.type }

  const operand = Object.keys(command.options).find((name) => command.options[name]!.operand)
  const allowPositionals = operand !== undefined
  let given: Record<string, string | boolean | undefined>
  let loose: string[]
  try {
    const parsed = parseArgs({ args: [...parameters], options, strict: true, allowPositionals })
    given = parsed.values
    loose = parsed.positionals
  } catch (error) {
    throw new UsageError(firstSentence(error instanceof Error ? error.message : String(error)))
  }
  if (given.help === true) return null
  if (operand !== undefined && loose.length > 0) {
    if (loose.length > 1 || given[operand] !== undefined) {
      throw new UsageError(`there can be one ${command.options[operand]!.value}`)
    }
    given = { ...given, [operand]: loose[0] }
  }

  const values: Record<string, string | boolean | undefined> = {}
  for (const [name, option] of Object.entries(command.options)) {
    values[name] = option.type === 'boolean' ? given[name] === true : given[name]
  }
  return values as Values<Options>
}

export function helpText(command: Command<Record<string, Option>>): string {
  const rows: [string, string][] = Object.entries(command.options).map(([name, option]) => [
    optionText(name, option),
    option.help,
  ])
  rows.push(['--help', 'this text'])
  const width = Math.max(...rows.map(([left]) => left.length))
  const lines = rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`)
  const notes = command.notes === undefined ? [] : ['', command.notes]
  return [`sekali ${command.name}: ${command.summary}`, '', ...lines, ...notes, ''].join('\n')
}

function optionText(name: string, { type, value = 'VALUE', operand }: Option): string {
  if (type === 'boolean') return `--${name}`
  return operand ? `[--${name}] ${value}` : `--${name} ${value}`
}

/** Parses, runs, and turns every end into an exit code. `main` answers the code; unexpected errors keep their stack. */
export async function runCommand<Options extends Record<string, Option>>(
  command: Command<Options>,
  main: (values: Values<Options>) => Promise<number>,
): Promise<void> {
  try {
    const values = parseCommand(command, process.argv.slice(2))
    if (values === null) process.stdout.write(helpText(command))
    else process.exitCode = await main(values)
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`sekali ${command.name}: ${error.message} (--help lists the options)\n`)
      process.exitCode = 2
    } else if (error instanceof CommandError) {
      process.stderr.write(`sekali ${command.name}: ${error.message}\n`)
      process.exitCode = 1
    } else {
      throw error
    }
  }
}

export interface Range {
  readonly min: number
  readonly max: number
}

/** `name` is how the user knows the value: an option or an environment variable. */
export function wholeNumber(name: string, text: string, range: Range): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  return within(name, text, value, range, 'a whole number')
}

export function decimalNumber(name: string, text: string, range: Range): number {
  const value = /^(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN
  return within(name, text, value, range, 'a number')
}

/** Node URLs separated by commas: http, host and port only; none twice. */
export function nodeUrls(name: string, text: string): string[] {
  const urls = text.split(',').map((part) => nodeUrl(name, part.trim()))
  for (const [place, url] of urls.entries()) {
    if (urls.indexOf(url) !== place) throw new UsageError(`${name} names ${url} twice`)
  }
  return urls
}

function nodeUrl(name: string, text: string): string {
  const wrong = (why: string) => new UsageError(`${name}: ${JSON.stringify(text)} ${why}`)
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw wrong('is not a URL such as http://127.0.0.1:8001')
  }
  if (url.protocol !== 'http:') throw wrong('must begin with http://')
  if (url.username !== '' || url.password !== '') throw wrong('must not hold credentials')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw wrong('must be a host and a port without a path')
  }
  return url.origin
}

function within(name: string, text: string, value: number, range: Range, kind: string): number {
  if (Number.isNaN(value) || value < range.min || value > range.max) {
    throw new UsageError(
      `${name} must be ${kind} from ${range.min} to ${range.max}, not ${JSON.stringify(text)}`,
    )
  }
  return value
}

/** parseArgs explains at length; its first sentence names the culprit. */
function firstSentence(message: string): string {
  return message.split(/\.(?:\s|$)|\n/)[0] ?? message
}
