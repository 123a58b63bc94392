// What chaos can do to a cluster, whatever the cluster is made of: processes, containers, or nodes that somebody else
// runs. An engine breaks and mends; it reads no data and judges nothing.
//
// Every fault is told node by node and undone by its opposite; doing either twice is harmless.

export const FAULTS = [
  'kill',
  'restart',
  'pause',
  'partition',
  'one-way',
  'flap',
  'slow-link',
  'slow-disk',
] as const
export type FaultType = (typeof FAULTS)[number]

/**
 * How a cut link treats what is sent over it. `drop`: swallowed without a sign. `hold`: kept and delivered when the link
 * is mended, as TCP does after a short outage. `refuse`: connections are reset and none is taken.
 */
export type CutMode = 'drop' | 'hold' | 'refuse'

/** The links between one node and all others. `in`: towards the node; `out`: away from it. */
export type LinkCondition =
  | { readonly type: 'open' }
  | { readonly type: 'cut'; readonly direction: 'both' | 'in' | 'out'; readonly mode: CutMode }
  | { readonly type: 'delay'; readonly delayMs: number }

/** What was done to a node, for people. */
export type NodeCondition = 'up' | 'killed' | 'stopped' | 'paused'

export interface Engine {
  readonly name: 'process' | 'compose' | 'attach'
  readonly ids: readonly string[]
  /** Of the client API. */
  url(id: string): string
  /** Counts the starts of this node; null where nobody tells. */
  life(id: string): number | null
  condition(id: string): NodeCondition
  /** Why this fault cannot be had here, in a few words; null: it can. */
  lacks(fault: FaultType): string | null
  /** Nodes that ended by themselves, one sentence each. */
  crashes(): Promise<readonly string[]>

  startAll(): Promise<void>
  /** At once, without a chance to finish anything. */
  kill(id: string): Promise<void>
  /** As an operator would: it may hand over and finish. */
  stop(id: string): Promise<void>
  start(id: string): Promise<void>
  pause(id: string): Promise<void>
  resume(id: string): Promise<void>
  setLinks(id: string, condition: LinkCondition): Promise<void>
  /** Every sync of the node's disk takes so much longer; 0: no more. */
  slowDisk(id: string, delayMs: number): Promise<void>
  /** `keepData`: what the nodes stored is left for somebody to look at. Answers where, if anywhere. */
  close(keepData: boolean): Promise<string | null>
}
