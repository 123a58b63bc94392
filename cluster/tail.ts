// `npm run tail`: shows events as they are accepted, from whichever node is there, until Ctrl-C.
//
// One line an event on standard output, everything else on standard error, so that it can stand in a pipe: the pipe sets the
// pace, and when its reader goes, so does this. Reads only.

import { once } from 'node:events'
import type { StoredEvent } from '../client/contract/event.ts'
import { patternFault } from '../client/contract/topic.ts'
import { SekaliError } from '../client/errors.ts'
import type { Retry } from '../client/sdk/caller.ts'
import { Sekali } from '../client/sekali.ts'
import { CommandError, nodeUrls, runCommand, UsageError, type Values, wholeNumber } from './args.ts'
import { listenForStop } from './signals.ts'

const NODES_DEFAULT = 'http://127.0.0.1:8001,http://127.0.0.1:8002,http://127.0.0.1:8003'
const NUMBERS = { min: 0, max: Number.MAX_SAFE_INTEGER }
/** A cluster that is away is told once in so many tries, not at each. */
const TRIES_TOLD = 10

const COMMAND = {
  name: 'tail',
  summary: 'events as they are accepted, one line each, until Ctrl-C',
  options: {
    topic: {
      type: 'string',
      operand: true,
      value: 'TOPIC',
      help: "a topic or a pattern, 'orders.**' say (all)",
    },
    after: { type: 'string', value: 'POSITION', help: 'begin behind it, not with what is new' },
    'from-start': { type: 'boolean', help: 'begin with the first event' },
    count: { type: 'string', value: 'N', help: 'end after so many events' },
    nodes: { type: 'string', value: 'URL,…', help: 'any of the nodes (the three on 8001–8003)' },
    json: { type: 'boolean', help: 'whole events, one JSON object a line' },
  },
} as const

await runCommand(COMMAND, main)

async function main(values: Values<typeof COMMAND.options>): Promise<number> {
  const { topic } = values
  const fault = topic === undefined ? null : patternFault(topic)
  if (fault !== null) throw new UsageError(`--topic ${fault}`)
  const after = startOf(values)
  const count =
    values.count === undefined ? null : wholeNumber('--count', values.count, { ...NUMBERS, min: 1 })

  const stop = listenForStop(() => process.exit(1))
  const sekali = new Sekali({
    nodes: nodeUrls('--nodes', values.nodes ?? NODES_DEFAULT),
    onRetry: tellRetries(),
  })
  void stop.asked.then(() => sekali.close())
  endWithReader()

  const show = values.json ? JSON.stringify : line
  const wanted = { ...(topic !== undefined && { topic }), ...(after !== undefined && { after }) }
  let shown = 0
  try {
    for await (const event of sekali.follow(wanted)) {
      if (!process.stdout.write(`${show(event)}\n`)) await once(process.stdout, 'drain')
      shown += 1
      if (shown === count) break
    }
  } catch (error) {
    if (error instanceof SekaliError) throw new CommandError(error.message)
    throw error
  } finally {
    await sekali.close()
    stop.release()
  }
  return 0
}

function startOf(values: Values<typeof COMMAND.options>): number | undefined {
  if (values['from-start']) {
    if (values.after !== undefined) throw new UsageError('--after and --from-start are two starts')
    return 0
  }
  return values.after === undefined ? undefined : wholeNumber('--after', values.after, NUMBERS)
}

function line({ position, topic, event_id, payload }: StoredEvent): string {
  return printable(`${position}  ${topic}  ${event_id}  ${JSON.stringify(payload)}`)
}

/** An event may hold anything; a terminal must not obey it. */
function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}

function tellRetries(): (retry: Retry) => void {
  let tries = 0
  return ({ url, reason }) => {
    if (tries % TRIES_TOLD === 0) process.stderr.write(`${url}: ${reason}; going on elsewhere\n`)
    tries += 1
  }
}

/** `| head` has what it wanted: that is no failure. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}
