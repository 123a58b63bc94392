// What the peers last said of themselves, how long ago, and whether what they store is what this node stores.
//
// Digests are compared at a common index only: a peer's digest is of the index that it had applied, and this node's own
// of that index is looked up. If this node is not there yet, the comparison waits; until then the last one stands.

import { decodeReport, type PeerReport } from './report.ts'

export interface DigestCheck {
  readonly verdict: 'equal' | 'differs'
  readonly index: number
  /** When the peer reported that digest. */
  readonly atMs: number
}

export interface Heard {
  readonly report: PeerReport | null
  readonly atMs: number
  readonly check: DigestCheck | null
  /** Reports that could not be understood. */
  readonly ignored: number
}

export interface PeerReportsOptions {
  /** This node's own digest at exactly that applied index; null: not applied yet, or no longer kept. */
  readonly digestAt: (index: number) => string | null
  /** Told at the first of a row. */
  readonly onIgnored: (peer: string) => void
  readonly onDiffers: (peer: string, index: number) => void
}

const NEVER: Heard = { report: null, atMs: 0, check: null, ignored: 0 }

export class PeerReports {
  readonly #options: PeerReportsOptions
  readonly #heard = new Map<string, Heard>()

  constructor(options: PeerReportsOptions) {
    this.#options = options
  }

  /** Bytes of any kind. */
  hear(peer: string, bytes: Uint8Array, nowMs: number): void {
    const before = this.of(peer) // the last chance for a comparison that had to wait
    const report = decodeReport(bytes)
    if (report !== null) this.#heard.set(peer, { ...before, report, atMs: nowMs })
    else {
      this.#heard.set(peer, { ...before, ignored: before.ignored + 1 })
      if (before.ignored === 0) this.#options.onIgnored(peer)
    }
  }

  of(peer: string): Heard {
    const heard = this.#heard.get(peer) ?? NEVER
    if (heard.report === null || heard.check?.atMs === heard.atMs) return heard
    const { applied_index: index, digest } = heard.report
    const own = this.#options.digestAt(index)
    if (own === null) return heard
    const verdict = own === digest ? 'equal' : 'differs'
    if (verdict === 'differs' && heard.check?.verdict !== 'differs') {
      this.#options.onDiffers(peer, index)
    }
    const checked = { ...heard, check: { verdict, index, atMs: heard.atMs } as const }
    this.#heard.set(peer, checked)
    return checked
  }
}
