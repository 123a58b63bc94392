// The command line of `npm run bench`.

import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseCommand, UsageError } from '../../../cluster/args.ts'
import { BENCH_COMMAND, benchOptions } from '../../../cluster/bench/options.ts'

const FORMAT = path.join(import.meta.dirname, '../../../cluster/format.ts')
const README = path.join(import.meta.dirname, '../../../README.md')

const optionsOf = (...parameters: string[]) =>
  benchOptions(parseCommand(BENCH_COMMAND, parameters)!)

describe('npm run bench', () => {
  test('measures the steady modes three times, durably, when nothing is said', () => {
    expect(optionsOf()).toEqual({
      modes: ['single', 'concurrent', 'batch', 'sdk', 'read'],
      ...{ seconds: null, warmUpSeconds: 2, repeats: 3, basePort: 8_201, env: {} },
      settings: { signal: 'SIGKILL', kills: 10, events: null },
    })
  })

  test('takes what it is told', () => {
    const given = ['--mode', 'batch,single', '--seconds', '1.5', '--warm-up', '0', '--repeats', '7']

    expect(
      optionsOf(...given, '--base-port', '9000', '--node-env', 'FSYNC=off', '--entry', 'x.ts'),
    ).toMatchObject({
      modes: ['batch', 'single'],
      ...{ seconds: 1.5, warmUpSeconds: 0, repeats: 7, basePort: 9_000 },
      env: { FSYNC: 'off' },
      entry: 'x.ts',
    })
  })

  test.each([
    [['--mode', 'fast'], /"fast" is none of single, concurrent/],
    [['--mode', 'single,single'], /names single twice/],
    [['--seconds', '0'], /--seconds/],
    [['--signal', 'SIGTERM'], /SIGKILL or SIGSTOP/],
    [['--kills', '0'], /--kills/],
    [['--events', '1'], /--events/],
    [['--against', '/nowhere'], /there is no \/nowhere/],
    [['--against', '/'], /is no checkout/],
    [['--against', FORMAT], /exports no driver/],
    [['--against', README], /could not be loaded: /],
    [['--repeats', '0'], /--repeats/],
    [['--node-env', 'fsync'], /NAME=VALUE/],
  ])('refuses %j', (parameters, complaint) => {
    expect(() => optionsOf(...parameters)).toThrow(UsageError)
    expect(() => optionsOf(...parameters)).toThrow(complaint)
  })
})
