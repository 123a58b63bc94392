// Events brought into a cluster before, or beside, what is measured: as fast as it goes, so many and no more.

import { CommandError } from '../args.ts'
import type { Acknowledged } from './acknowledged.ts'
import { ClosedLoop } from './closed-loop.ts'
import { PublishWork } from './publish-work.ts'

const EVENTS_PER_REQUEST = 500
const IN_FLIGHT = 8
const FILL_MS_MAX = 3_600_000

/** Sends until `events` are acknowledged, re-sent ones among them; a few more may be. Rejects if a request fails. */
export async function fill(
  acknowledged: Acknowledged,
  target: string,
  events: number,
  tell: (text: string) => void,
): Promise<void> {
  const work = new PublishWork(acknowledged, EVENTS_PER_REQUEST, IN_FLIGHT)
  let done = 0
  const loop = new ClosedLoop(work, {
    inFlight: IN_FLIGHT,
    targets: [target],
    onSettled: (operations) => {
      done += operations
      if (done + (IN_FLIGHT - 1) * EVENTS_PER_REQUEST >= events) loop.end()
    },
  })
  const progress = setInterval(() => tell(`filling: ${done} of ${events} events`), 1_000)
  try {
    const { failed, firstFailure } = await loop.run(FILL_MS_MAX)
    if (failed > 0) throw new CommandError(`filling the store failed: ${firstFailure}`)
  } finally {
    clearInterval(progress)
    await loop.close()
  }
}
