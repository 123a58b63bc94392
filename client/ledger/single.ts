// A history taken apart: one operation an event, for the checkers that look at each event alone.
//
// A page is one `present` for each event on it, since an event once stored is there ever after: seeing it late is still
// seeing it. `absent` of a local read says nothing about time and is left out, refused publishes had no effect, and a
// call that was tried again is one more publish whose outcome nobody knows.

import type { History, Operation, Outcome, PublishRequest, ShownEvent } from './history.ts'

export interface Single {
  readonly topic: string
  readonly eventId: string
  readonly call: number
  readonly return: number
  readonly step: SingleStep
}

export type SingleStep =
  | { readonly type: 'accepted'; readonly position: number; readonly hash: string }
  | {
      readonly type: 'duplicate'
      readonly position: number
      readonly hash: string
      readonly conflict: boolean
    }
  | { readonly type: 'unknown'; readonly hash: string }
  | { readonly type: 'present'; readonly position: number; readonly hash: string | null }
  | { readonly type: 'absent' }

export function singles(history: History): Single[] {
  return history.flatMap((operation) => {
    const { request, answer } = operation
    if (request.type === 'publish') return ofPublish(operation, request)
    if (answer.type === 'page') {
      return answer.events.map((event) => single(operation, event, present(event)))
    }
    if (request.type !== 'get') return []
    if (answer.type === 'present') return [single(operation, request, present(answer))]
    if (answer.type === 'absent' && request.consistency === 'linearizable') {
      return [single(operation, request, { type: 'absent' })]
    }
    return []
  })
}

export function groupByEvent(operations: readonly Single[]): Map<string, Single[]> {
  return Map.groupBy(operations, ({ topic, eventId }) => JSON.stringify([topic, eventId]))
}

/**
 * Unknown publishes, once it is known what is stored: those whose event or content stands nowhere are dropped, as are
 * those of an event that another publish was accepted for (they changed nothing). One that alone can have stored an event
 * becomes `accepted`, at the latest when the event or a larger position was first shown.
 */
export function settleUnknowns(
  operations: readonly Single[],
  stored: Iterable<ShownEvent>,
): Single[] {
  const shownFirst = firstShown(operations)
  const byEvent = groupByEvent(operations)
  const found = new Map<string, ShownEvent>()
  for (const event of stored) found.set(JSON.stringify([event.topic, event.eventId]), event)
  return [...byEvent].flatMap(([key, group]) => {
    const known = group.filter(({ step }) => step.type !== 'unknown')
    const event = found.get(key)
    if (event === undefined || known.some(({ step }) => step.type === 'accepted')) return known
    const latest = shownFirst(event.position)
    const fitting = group.filter(
      ({ step, call }) =>
        step.type === 'unknown' &&
        (event.hash === null || step.hash === event.hash) &&
        call <= latest,
    )
    const [only] = fitting
    if (fitting.length !== 1 || only?.step.type !== 'unknown') return [...known, ...fitting]
    const { position } = event
    const step = { type: 'accepted', position, hash: only.step.hash } as const
    return [...known, { ...only, return: latest, step }]
  })
}

/** When this position, or a larger one, had first been shown for certain; Infinity: never. */
function firstShown(operations: readonly Single[]): (position: number) => number {
  const shown: { readonly position: number; readonly at: number }[] = []
  for (const { step, return: at } of operations) {
    if ('position' in step) shown.push({ position: step.position, at })
  }
  return (position) =>
    shown.reduce(
      (first, one) => (one.position >= position ? Math.min(first, one.at) : first),
      Number.POSITIVE_INFINITY,
    )
}

function ofPublish(operation: Operation, { events }: PublishRequest): Single[] {
  return events.flatMap((event, place) => {
    const unknown = single(operation, event, { type: 'unknown', hash: event.hash }, Infinity)
    const before = (operation.tries ?? 1) > 1 ? [unknown] : []
    const outcome = outcomeAt(operation, place)
    if (outcome.type === 'refused') return before
    if (outcome.type === 'unknown') return [unknown]
    return [...before, single(operation, event, { ...outcome, hash: event.hash })]
  })
}

function outcomeAt({ answer, return: at }: Operation, place: number): Outcome {
  if (at === Infinity) return { type: 'unknown' }
  if (answer.type === 'published') return answer.outcomes[place] ?? { type: 'unknown' }
  return answer.type === 'refused' ? { type: 'refused' } : { type: 'unknown' }
}

function present(shown: { readonly position: number; readonly hash: string | null }): SingleStep {
  return { type: 'present', position: shown.position, hash: shown.hash }
}

function single(
  operation: Operation,
  { topic, eventId }: { readonly topic: string; readonly eventId: string },
  step: SingleStep,
  at = operation.return,
): Single {
  return { topic, eventId, call: operation.call, return: at, step }
}
