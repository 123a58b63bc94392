// Per-event intervals: the check that trusts no position. An event is stored once, at one instant. That instant is not
// before the call of the publish that stored it, nor before the call of a read that found it absent; it is not after the
// return of the publish that stored it, nor after the return of anyone who was shown it. If nobody was told `accepted`,
// some publish with an open outcome must fit.
//
// A second opinion on the witness check; linear in the operations.

import { groupByEvent, type Single } from './single.ts'
import { named, type Violation } from './violations.ts'

export function checkPerKey(operations: readonly Single[]): Violation[] {
  return [...groupByEvent(operations).values()].flatMap((group) => checkEvent(group) ?? [])
}

function checkEvent(group: readonly Single[]): Violation | null {
  const name = named(group[0]!)
  const accepted = group.filter(({ step }) => step.type === 'accepted')
  if (accepted.length > 1) {
    const calls = accepted.map(({ call }) => call).join(', ')
    return {
      rule: 'accepted-twice',
      sentence: `${name} was accepted by publishes called at ${calls}.`,
    }
  }
  const observers = group.filter(({ step }) => step.type === 'duplicate' || step.type === 'present')
  const earliest = Math.max(
    ...group.filter(({ step }) => step.type === 'absent').map(({ call }) => call),
  )
  const latest = Math.min(...observers.map((observer) => observer.return))
  if (accepted.length === 0 && observers.length === 0) return null

  const inserters =
    accepted.length > 0 ? accepted : group.filter(({ step }) => step.type === 'unknown')
  const fitting = inserters.filter(({ step }) => fits(step, observers))
  if (fitting.length === 0) {
    return {
      rule: 'duplicate-of-nothing',
      sentence: `${name} was shown, but no publish with the content that was shown can have stored it.`,
    }
  }
  const inTime = fitting.some(
    (inserter) => Math.max(inserter.call, earliest) <= Math.min(inserter.return, latest),
  )
  if (inTime) return null
  return {
    rule: earliest > latest ? 'stale-read' : 'against-time',
    sentence:
      `${name} was shown by ${latest}, but its publish was called at ${fitting[0]!.call} and ` +
      `${earliest > 0 ? `a read called at ${earliest} found it absent` : 'no earlier one fits'}.`,
  }
}

/** Whether a publish of this content explains everything that was told about the content. */
function fits(inserter: Single['step'], observers: readonly Single[]): boolean {
  if (!('hash' in inserter)) return false
  return observers.every(({ step }) => {
    if (step.type === 'duplicate') return step.conflict === (step.hash !== inserter.hash)
    return step.type !== 'present' || step.hash === null || step.hash === inserter.hash
  })
}
