// How another system takes part: a module from outside this project, named by `--against FILE`, that can start a cluster of
// it and publish. `--against DIRECTORY` names another checkout of sekali, for before and after.
//
// The module exports a Driver as `driver`. It is loaded as it is, so it is JavaScript or strippable TypeScript, without
// `await` at its top level. It ends only what it started; its data belong into the directory it is given.

import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { UsageError } from '../args.ts'

export interface Driver {
  readonly name: string
  /** What an acknowledgement of it means: that an event is … */
  readonly promise: string
  /** The way of publishing that takes most: so many requests at once, of so many events each. */
  readonly batch: { readonly inFlight: number; readonly eventsPerRequest: number }
  /** A fresh cluster that takes events; its data in that empty directory. */
  start(directory: string): Promise<DriverCluster>
}

export interface DriverCluster {
  /** Of each node; what they started themselves is counted with them. */
  readonly pids: readonly number[]
  /** Which of them leads. */
  leader(): Promise<number>
  /** A client of these nodes alone. A publish without an outcome rejects after so long. */
  connect(nodes: readonly number[], timeoutMs: number): Promise<DriverClient>
  /** How many events are stored, for the account; null where that cannot be asked. */
  stored(): Promise<number | null>
  stop(): Promise<void>
}

export interface DriverClient {
  /** Resolves when all of them are acknowledged: one, or `batch.eventsPerRequest`. */
  publish(events: readonly DriverEvent[]): Promise<void>
  close(): Promise<void>
}

export interface DriverEvent {
  readonly topic: string
  readonly eventId: string
  /** What makes two events the same. */
  readonly key: string
  /** The whole event, as the nodes of sekali get it. */
  readonly json: Buffer
}

/** What runs beside us. */
export type Opponent =
  | { readonly type: 'driver'; readonly name: string; readonly driver: Driver }
  | { readonly type: 'checkout'; readonly name: string; readonly entry: string }

export function opponentAt(given: string): Opponent {
  const place = path.resolve(given)
  const found = statSync(place, { throwIfNoEntry: false })
  if (found === undefined) throw new UsageError(`--against: there is no ${given}`)
  if (found.isDirectory()) {
    const entry = path.join(place, 'node', 'main.ts')
    if (statSync(entry, { throwIfNoEntry: false }) !== undefined) {
      return { type: 'checkout', name: path.basename(place), entry }
    }
    throw new UsageError(`--against: ${given} is no checkout of sekali: it has no node/main.ts`)
  }
  const { driver } = loaded(given, place)
  if (typeof driver?.start === 'function') return { type: 'driver', name: driver.name, driver }
  throw new UsageError(`--against: ${given} exports no driver; cluster/bench/driver.ts says how`)
}

function loaded(given: string, place: string): { readonly driver?: Driver } {
  try {
    return createRequire(import.meta.url)(place)
  } catch (error) {
    const [reason] = String(error instanceof Error ? error.message : error).split('\n')
    throw new UsageError(`--against: ${given} could not be loaded: ${reason}`)
  }
}
