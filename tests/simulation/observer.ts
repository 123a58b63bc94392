// What can be seen of a cluster while it runs. Checkers implement the parts that they judge by; the simulation calls.

import type { EntryOutcome, StoreStats } from '../../node/store/types.ts'
import type {
  Entry,
  Glance,
  Index,
  NodeId,
  Status,
  TraceEvent,
  WireMessage,
} from '../../raft/core/types.ts'
import type { LoadedLog, LogWrite } from '../../raft/ports.ts'

import type { Mark } from './marks.ts'

/** A node as a checker may look at it. */
export interface Observed {
  readonly id: NodeId
  readonly life: number
  /** Null while it is starting or down. */
  status(): Status | null
  stats(): StoreStats | null
  digestAt(index: Index): string | null
}

export interface Observer {
  /** A life has read its log. `store` may be another than before: the directory was lost or replaced. */
  loaded?(node: Observed, log: LoadedLog): void
  /** Handed to the disk: what is in flight now may or may not survive. */
  writing?(node: Observed, write: LogWrite): void
  /** Synced. */
  durable?(node: Observed, write: LogWrite): void
  removing?(node: Observed, before: Index): void
  /** Leaves the node now. */
  sent?(node: Observed, message: WireMessage): void
  applied?(
    node: Observed,
    entries: readonly Entry[],
    outcomes: readonly (EntryOutcome | null)[],
  ): void
  restored?(node: Observed, index: Index): void
  /** After each turn of its replica. */
  turned?(node: Observed, status: Glance): void
  noted?(node: Observed, event: TraceEvent): void
  /** What only the world itself can see. */
  reached?(mark: Mark): void
  /** Just before: it can still be looked at. */
  died?(node: Observed, how: Death): void
  /** The directory was emptied or set back: what the node promised before is forgotten. */
  forgot?(node: Observed): void
}

/** kill: the operating system keeps what was written; power: only what was synced stays. */
export type Death = 'kill' | 'power' | 'stop'

/** All who look at one cluster, told in the order in which they came, each only of what it looks at. */
export class Observers implements Required<Observer> {
  readonly #loaded: Looking<'loaded'>[] = []
  readonly #writing: Looking<'writing'>[] = []
  readonly #durable: Looking<'durable'>[] = []
  readonly #removing: Looking<'removing'>[] = []
  readonly #sent: Looking<'sent'>[] = []
  readonly #applied: Looking<'applied'>[] = []
  readonly #restored: Looking<'restored'>[] = []
  readonly #turned: Looking<'turned'>[] = []
  readonly #noted: Looking<'noted'>[] = []
  readonly #reached: Looking<'reached'>[] = []
  readonly #died: Looking<'died'>[] = []
  readonly #forgot: Looking<'forgot'>[] = []

  constructor(...observers: readonly Observer[]) {
    this.push(...observers)
  }

  push(...observers: readonly Observer[]): void {
    for (const observer of observers) {
      if (looksAt(observer, 'loaded')) this.#loaded.push(observer)
      if (looksAt(observer, 'writing')) this.#writing.push(observer)
      if (looksAt(observer, 'durable')) this.#durable.push(observer)
      if (looksAt(observer, 'removing')) this.#removing.push(observer)
      if (looksAt(observer, 'sent')) this.#sent.push(observer)
      if (looksAt(observer, 'applied')) this.#applied.push(observer)
      if (looksAt(observer, 'restored')) this.#restored.push(observer)
      if (looksAt(observer, 'turned')) this.#turned.push(observer)
      if (looksAt(observer, 'noted')) this.#noted.push(observer)
      if (looksAt(observer, 'reached')) this.#reached.push(observer)
      if (looksAt(observer, 'died')) this.#died.push(observer)
      if (looksAt(observer, 'forgot')) this.#forgot.push(observer)
    }
  }

  loaded(node: Observed, log: LoadedLog): void {
    for (const observer of this.#loaded) observer.loaded(node, log)
  }

  writing(node: Observed, write: LogWrite): void {
    for (const observer of this.#writing) observer.writing(node, write)
  }

  durable(node: Observed, write: LogWrite): void {
    for (const observer of this.#durable) observer.durable(node, write)
  }

  removing(node: Observed, before: Index): void {
    for (const observer of this.#removing) observer.removing(node, before)
  }

  sent(node: Observed, message: WireMessage): void {
    for (const observer of this.#sent) observer.sent(node, message)
  }

  applied(
    node: Observed,
    entries: readonly Entry[],
    outcomes: readonly (EntryOutcome | null)[],
  ): void {
    for (const observer of this.#applied) observer.applied(node, entries, outcomes)
  }

  restored(node: Observed, index: Index): void {
    for (const observer of this.#restored) observer.restored(node, index)
  }

  turned(node: Observed, status: Glance): void {
    for (const observer of this.#turned) observer.turned(node, status)
  }

  noted(node: Observed, event: TraceEvent): void {
    for (const observer of this.#noted) observer.noted(node, event)
  }

  reached(mark: Mark): void {
    for (const observer of this.#reached) observer.reached(mark)
  }

  died(node: Observed, how: Death): void {
    for (const observer of this.#died) observer.died(node, how)
  }

  forgot(node: Observed): void {
    for (const observer of this.#forgot) observer.forgot(node)
  }
}

type Looking<Hook extends keyof Observer> = Required<Pick<Observer, Hook>>

function looksAt<Hook extends keyof Observer>(
  observer: Observer,
  hook: Hook,
): observer is Observer & Looking<Hook> {
  return observer[hook] !== undefined
}
