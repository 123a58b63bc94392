// `npm run check`: a ledger that somebody kept while publishing, held against the cluster. Proved, or disproved.
//
// Reads only; any client in any language can have written the ledger (its format stands in client/ledger/lines.ts).
// Exit 0: nothing in it is contradicted by any node; 1: something is, or the nodes could not be read; 2: bad usage.

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { LedgerLineError, LedgerReader } from '../client/ledger/lines.ts'
import { decimalNumber, nodeUrls, runCommand, UsageError, type Values } from './args.ts'
import { NodeClient } from './http.ts'
import { readBack } from './read-back.ts'
import { verdictLines } from './verdict-text.ts'

const NODES_DEFAULT = 'http://127.0.0.1:8001,http://127.0.0.1:8002,http://127.0.0.1:8003'

const COMMAND = {
  name: 'check',
  summary: 'holds a ledger of publishes against the cluster. Exits 1 if it is disproved',
  options: {
    ledger: {
      type: 'string',
      value: 'FILE|-',
      help: 'the ledger, as `sekali publish --ledger FILE` or your own program wrote it',
    },
    nodes: { type: 'string', value: 'URL,…', help: 'nodes to be read (the three on 8001–8003)' },
    exclusive: {
      type: 'boolean',
      help: 'nothing else was ever published to this store: what nobody sent is then a phantom',
    },
    wait: {
      type: 'string',
      value: 'SECONDS',
      help: 'how long the nodes may take to reach a common applied index (10)',
    },
  },
  notes: 'The format of a ledger is described at the top of client/ledger/lines.ts.',
} as const

await runCommand(COMMAND, main)

async function main(values: Values<typeof COMMAND.options>): Promise<number> {
  if (values.ledger === undefined) throw new UsageError('--ledger FILE is needed')
  const urls = nodeUrls('--nodes', values.nodes ?? NODES_DEFAULT)
  const waitS = decimalNumber('--wait', values.wait ?? '10', { min: 0, max: 3_600 })

  const { ledger } = await readLedger(values.ledger, values.exclusive)
  const nodes = urls.map((url) => new NodeClient(url, { connections: 1 }))
  try {
    await readBack(ledger, nodes, 1_000 * waitS)
  } finally {
    await Promise.all(nodes.map((node) => node.close()))
  }
  const verdict = ledger.verdict()
  process.stdout.write(`${verdictLines(verdict, nodes.length).join('\n')}\n`)
  process.stdout.write(verdict.clean ? 'PROVED\n' : 'DISPROVED\n')
  return verdict.clean ? 0 : 1
}

/** A last line without an end is what its writer died over, before anything was built on it: it is left out. */
async function readLedger(file: string, exclusive: boolean): Promise<LedgerReader> {
  const input = file === '-' ? process.stdin : createReadStream(file)
  let lastByte = ''
  input.setEncoding('utf8')
  input.on('data', (text: unknown) => {
    lastByte = String(text).slice(-1)
  })
  const reader = new LedgerReader({ exclusive })
  let held: string | null = null
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (held !== null) reader.read(held)
      held = line
    }
    if (held === null) throw new UsageError(`--ledger: ${file} is empty`)
    if (lastByte === '\n') reader.read(held)
    else process.stderr.write('the last line of the ledger has no end and is left out\n')
  } catch (error) {
    if (error instanceof LedgerLineError)
      throw new UsageError(`--ledger: ${file}, ${error.message}`)
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined || error instanceof UsageError) throw error
    throw new UsageError(`--ledger: ${file} cannot be read (${code})`)
  }
  return reader
}
