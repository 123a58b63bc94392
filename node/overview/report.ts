// What a node tells its peers of itself, and the bytes it is told in: JSON, since it is small, seldom, and open to
// additions. The peer links carry it as opaque bytes; only here does it mean something.
//
// A peer may be of another version, or broken: what cannot be understood is null, never an error. Fields that are not
// known here are dropped; a new field must be optional, so that older peers still read the rest.

import { z } from 'zod'
import { type NodeReport, nodeReportSchema } from '../../client/contract/overview.ts'

export interface PeerReport extends NodeReport {
  /** A leader's: how many entries each of the others is behind. Empty from anybody else. */
  readonly followers: readonly { readonly node_id: string; readonly lag: number }[]
}

const schema: z.ZodType<PeerReport> = nodeReportSchema.extend({
  followers: z.array(z.object({ node_id: z.string(), lag: z.int().nonnegative() })),
})

const UTF8 = new TextDecoder('utf-8', { fatal: true })

export function encodeReport(report: PeerReport): Uint8Array {
  return Buffer.from(JSON.stringify(report))
}

/** null: nothing that can be understood. */
export function decodeReport(bytes: Uint8Array): PeerReport | null {
  try {
    return schema.parse(JSON.parse(UTF8.decode(bytes)))
  } catch {
    return null
  }
}
