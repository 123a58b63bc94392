// --node-env NAME=VALUE,…: more environment for every node that a command starts.

import { UsageError } from './args.ts'
import type { NodeEnv } from './processes.ts'

/** NAME=VALUE pairs; a comma separates two pairs only where a new NAME= follows. */
export function nodeEnv(text: string | undefined): NodeEnv {
  if (text === undefined) return {}
  const env: Record<string, string> = {}
  for (const pair of text.split(/,(?=[A-Z_]+=)/)) {
    const match = /^([A-Z][A-Z0-9_]*)=(.*)$/s.exec(pair)
    if (match === null)
      throw new UsageError(`--node-env: ${JSON.stringify(pair)} is not NAME=VALUE`)
    env[match[1]!] = match[2]!
  }
  return env
}
