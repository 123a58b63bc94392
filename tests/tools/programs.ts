// Other people's programs, for the tests that need them: found, or named with the package that has them.

import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

/** The path of a program; throws with what to install where it is missing. */
export function program(name: string, debianPackage: string): string {
  for (const directory of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(directory, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not there: the next one.
    }
  }
  throw new Error(`${name} is missing: apt-get install ${debianPackage}`)
}

export interface Ended {
  readonly code: number
  readonly output: string
}

/** Runs a program to its end, whatever that is; standard output and standard error in one text. */
export async function run(
  file: string,
  args: readonly string[],
  options: { input?: string; cwd?: string } = {},
): Promise<Ended> {
  const running = promisify(execFile)(file, args, { cwd: options.cwd })
  running.child.stdin?.end(options.input ?? '')
  try {
    const { stdout, stderr } = await running
    return { code: 0, output: stdout + stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string }
    if (typeof code !== 'number') throw error
    return { code, output: `${stdout}${stderr}` }
  }
}
