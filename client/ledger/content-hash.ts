// A short name for the content of an event: source and payload after their defaults, keys sorted, numbers as JSON
// prints them. The timestamp is not part of it, since a retry may carry a fresh one. This is what `conflict` compares.
//
// Written apart from the node's fingerprint on purpose: a judge that shares the code shares the mistake.

import { hash } from 'node:crypto'

/** 32 hexadecimal digits. */
export function contentHash(event: {
  readonly source?: string
  readonly payload?: object
}): string {
  const content = [event.source ?? '', event.payload ?? {}]
  return hash('sha256', JSON.stringify(content, sorted)).slice(0, 32)
}

function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}
