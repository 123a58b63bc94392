// The command line: what is understood, and how the rest is refused.

import { describe, expect, test } from 'vitest'
import {
  decimalNumber,
  helpText,
  nodeUrls,
  parseCommand,
  UsageError,
  wholeNumber,
} from '../../cluster/args.ts'

const COMMAND = {
  name: 'test',
  summary: 'for tests',
  options: {
    events: { type: 'string', value: 'N', help: 'how many' },
    fresh: { type: 'boolean', help: 'anew' },
  },
} as const

describe('options', () => {
  test('are handed on by name, and false or undefined when they are not given', () => {
    expect(parseCommand(COMMAND, ['--events', '5'])).toEqual({ events: '5', fresh: false })
    expect(parseCommand(COMMAND, ['--fresh', '--events=7'])).toEqual({ events: '7', fresh: true })
    expect(parseCommand(COMMAND, [])).toEqual({ events: undefined, fresh: false })
  })

  test.each([
    ['an unknown one', ['--event', '5'], /--event/],
    ['a word that belongs to none', ['5'], /'5'/],
    ['one without its value', ['--events'], /--events/],
    ['a value where none is taken', ['--fresh=yes'], /--fresh/],
  ])('%s is refused in one line that names it', (_, parameters, name) => {
    const parse = () => parseCommand(COMMAND, parameters)

    expect(parse).toThrow(UsageError)
    expect(parse).toThrow(name)
    expect(parse).toThrow(/^[^\n]*$/)
  })

  test('one of them may stand without its name, once', () => {
    const command = {
      name: 'test',
      summary: 'for tests',
      options: {
        topic: { type: 'string', operand: true, value: 'TOPIC', help: 'which' },
        json: { type: 'boolean', help: 'as JSON' },
      },
    } as const

    expect(parseCommand(command, ['a.b', '--json'])).toEqual({ topic: 'a.b', json: true })
    expect(parseCommand(command, ['--topic', 'a.b'])).toEqual({ topic: 'a.b', json: false })
    expect(parseCommand(command, [])).toEqual({ topic: undefined, json: false })
    expect(() => parseCommand(command, ['a', 'b'])).toThrow('there can be one TOPIC')
    expect(() => parseCommand(command, ['a', '--topic', 'b'])).toThrow('there can be one TOPIC')
    expect(helpText(command)).toMatch(/\[--topic\] TOPIC +which\n/)
  })

  test('--help asks for nothing but the help, which names every option', () => {
    expect(parseCommand(COMMAND, ['--help'])).toBeNull()
    expect(helpText(COMMAND)).toMatch(/--events N +how many\n {2}--fresh +anew\n/)
  })
})

describe('numbers', () => {
  test('are taken in their range only, and whole where they must be', () => {
    expect(wholeNumber('--n', '42', { min: 1, max: 42 })).toBe(42)
    expect(decimalNumber('--r', '.5', { min: 0, max: 1 })).toBe(0.5)
  })

  test.each(['', '-1', '43', '1.5', '1e1', '0x1', ' 1', 'NaN', 'ten'])('%j is refused', (text) => {
    expect(() => wholeNumber('--n', text, { min: 1, max: 42 })).toThrow(
      `--n must be a whole number from 1 to 42, not ${JSON.stringify(text)}`,
    )
  })

  test.each(['', '1.1', '-0.1', '1e-1', 'half', '.'])('%j is no share', (text) => {
    expect(() => decimalNumber('--r', text, { min: 0, max: 1 })).toThrow(/^--r must be a number/)
  })
})

describe('node URLs', () => {
  test('are origins, separated by commas', () => {
    expect(nodeUrls('--url', 'http://127.0.0.1:8001, http://node-2:8002/')).toEqual([
      'http://127.0.0.1:8001',
      'http://node-2:8002',
    ])
  })

  test.each([
    ['127.0.0.1:8001', /is not a URL|must begin with http/],
    ['https://a:1', /must begin with http/],
    ['http://user:word@a:1', /credentials/],
    ['http://a:1/publish', /without a path/],
    ['http://a:1,,http://b:1', /"" is not a URL/],
    ['http://a:1,http://a:1/', /names http:\/\/a:1 twice/],
  ])('%s is refused', (text, reason) => {
    expect(() => nodeUrls('--url', text)).toThrow(reason)
  })
})
