#!/usr/bin/env node
// `sekali COMMAND …`: finds the right Node.js and hands everything over to the command's own file.
//
// Plain JavaScript for the same reason as setup.mjs: it must start on the machine's own Node.js, however old.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { orExplain, ROOT, setUp } from './setup.mjs'

const COMMANDS = {
  start: ['cluster/start.ts', 'three nodes on this machine, restarted when they die'],
  publish: ['cluster/publish.ts', 'synthetic events, the lines of a file, or NDJSON'],
  tail: ['cluster/tail.ts', 'events as they are accepted'],
  compare: ['cluster/compare.ts', 'do all nodes hold the same?'],
  check: ['cluster/check.ts', 'is everything there that a ledger says was acknowledged?'],
  chaos: ['cluster/chaos.ts', 'break a cluster under load, and prove that it held'],
  bench: ['cluster/bench.ts', 'how fast, at what price, with every acknowledgement checked'],
  node: ['node/main.ts', 'one node, configured by its environment'],
}

const [name, ...parameters] = process.argv.slice(2)
if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
  process.stdout.write(usage())
} else if (!Object.hasOwn(COMMANDS, name)) {
  process.stderr.write(`sekali: there is no command ${JSON.stringify(name)}\n${usage()}`)
  process.exitCode = 2
} else {
  const node = await orExplain(() => setUp())
  handOver(node, [path.join(ROOT, COMMANDS[name][0]), ...parameters])
}

function usage() {
  const rows = Object.entries(COMMANDS).map(([name, [, what]]) => `  ${name.padEnd(9)}${what}\n`)
  return `Usage: sekali COMMAND [options]     (sekali COMMAND --help shows its options)\n\n${rows.join('')}`
}

/** The child ends as it likes: a signal sent to us is passed on, and its end is ours. */
function handOver(node, parameters) {
  const child = spawn(node, parameters, { stdio: 'inherit' })
  // Ctrl-C reaches the child from the terminal as well; here it must only not end us first.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
