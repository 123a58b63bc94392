// A small linearizability checker after Wing and Gong, with Lowe's memory and Porcupine's layout: it searches an order of
// the operations that respects time and that a sequential model accepts. A second opinion and an explanation for
// small histories, not the workhorse: the search is exponential where many operations overlap.
//
// Operations that never return may be left out of the order: their effect may come later than everything seen.

import { groupByEvent, type Single, type SingleStep } from './single.ts'
import { named, type Violation } from './violations.ts'

export interface Timed {
  readonly call: number
  readonly return: number
}

/** An object that does one operation at a time. States are values: never changed, equal when their keys are. */
export interface Model<Operation, State> {
  readonly initial: State
  /** The state after it; null: this operation cannot have had this answer in this state. */
  step(state: State, operation: Operation): State | null
  keyOf(state: State): string
}

/** One end of an operation, in a list by time; `match` of a call is its return, if it has one. */
interface End<Operation> {
  readonly operation: Operation
  readonly place: number
  readonly isCall: boolean
  match: End<Operation> | null
  before: End<Operation> | null
  after: End<Operation> | null
}

export function isLinearizable<Operation extends Timed, State>(
  operations: readonly Operation[],
  model: Model<Operation, State>,
): boolean {
  const head = endsByTime(operations)
  let left = operations.filter((operation) => operation.return !== Infinity).length
  let state = model.initial
  let linearized = 0n
  const seen = new Set<string>()
  const taken: {
    readonly end: End<Operation>
    readonly state: State
    readonly linearized: bigint
  }[] = []

  let end = head.after
  while (left > 0) {
    if (end?.isCall) {
      // Take this call as the next to happen, unless the same set has led to the same state before.
      const next = model.step(state, end.operation)
      const set = linearized | (1n << BigInt(end.place))
      const memory = next === null ? '' : `${set.toString(36)} ${model.keyOf(next)}`
      if (next === null || seen.has(memory)) {
        end = end.after
        continue
      }
      seen.add(memory)
      taken.push({ end, state, linearized })
      state = next
      linearized = set
      if (end.match) left -= 1
      lift(end)
      end = head.after
      continue
    }
    // A return is reached (or the end): what returned here should have happened by now. Undo the last choice.
    const last = taken.pop()
    if (last === undefined) return false
    unlift(last.end)
    if (last.end.match) left += 1
    ;({ state, linearized } = last)
    end = last.end.after
  }
  return true
}

function endsByTime<Operation extends Timed>(operations: readonly Operation[]): End<Operation> {
  const ends = operations.flatMap((operation, place): End<Operation>[] => {
    const end = (isCall: boolean): End<Operation> => {
      return { operation, place, isCall, match: null, before: null, after: null }
    }
    const call = end(true)
    if (operation.return === Infinity) return [call]
    call.match = end(false)
    return [call, call.match]
  })
  const at = (end: End<Operation>) => (end.isCall ? end.operation.call : end.operation.return)
  ends.sort((a, b) => at(a) - at(b) || Number(b.isCall) - Number(a.isCall))
  const head = {
    isCall: false,
    match: null,
    before: null,
    after: null,
  } as unknown as End<Operation>
  let last = head
  for (const end of ends) {
    last.after = end
    end.before = last
    last = end
  }
  return head
}

function lift<Operation>(call: End<Operation>): void {
  for (const end of [call, call.match]) {
    if (!end) continue
    end.before!.after = end.after
    if (end.after) end.after.before = end.before
  }
}

/** Exactly undoes the lift, when done in reverse order: a lifted end still knows its neighbours. */
function unlift<Operation>(call: End<Operation>): void {
  for (const end of [call.match, call]) {
    if (!end) continue
    end.before!.after = end
    if (end.after) end.after.before = end
  }
}

/** One event; its position is null until somebody has named it. */
type EventState = 'absent' | { readonly position: number | null; readonly hash: string }

const eventModel: Model<Single, EventState> = {
  initial: 'absent',
  step: (state, { step }) => (state === 'absent' ? stepAbsent(step) : stepPresent(state, step)),
  keyOf: (state) => (state === 'absent' ? state : `${state.position} ${state.hash}`),
}

function stepAbsent(step: SingleStep): EventState | null {
  switch (step.type) {
    case 'accepted':
      return { position: step.position, hash: step.hash }
    case 'unknown':
      return { position: null, hash: step.hash }
    case 'absent':
      return 'absent'
    default:
      return null
  }
}

function stepPresent(state: Exclude<EventState, 'absent'>, step: SingleStep): EventState | null {
  // An unknown publish would change nothing here, so it need not happen.
  if (step.type !== 'duplicate' && step.type !== 'present') return null
  if (state.position !== null && state.position !== step.position) return null
  if (step.type === 'duplicate') {
    if (step.conflict !== (step.hash !== state.hash)) return null
  } else if (step.hash !== null && step.hash !== state.hash) return null
  return { position: step.position, hash: state.hash }
}

/** Names the events whose operations no order explains. */
export function checkLinearizable(operations: readonly Single[]): Violation[] {
  return [...groupByEvent(operations).values()]
    .filter((group) => !isLinearizable(group, eventModel))
    .map((group) => ({
      rule: 'stale-read',
      sentence: `No order of the ${group.length} operations on ${named(group[0]!)} explains all their answers.`,
    }))
}
