// Topic patterns: `*` is one level, `**` none or more at the end, `>` one or more at the end.
//
// `.` and `/` separate levels alike. One leading `/` belongs to the first level's name: a wildcard there stands for
// it too, a name does not. A text without wildcards is an exact topic, and matches only itself.

import { SekaliError } from '../../client/errors.ts'

export const PATTERN_LENGTH_MAX = 255

export interface TopicPattern {
  readonly text: string
  /** No wildcard in it: the topic index serves it. */
  readonly exact: boolean
  matches(topic: string): boolean
}

/** Throws SekaliError bad_parameter. */
export function parseTopicPattern(text: string): TopicPattern {
  const levels = levelsOf(text)
  const last = levels.at(-1)
  const tail = last === '**' || last === '>' ? last : null
  const fixed = tail === null ? levels : levels.slice(0, -1)
  const slashed = text.startsWith('/')
  if ([...text].length > PATTERN_LENGTH_MAX)
    throw refused(`has more than ${PATTERN_LENGTH_MAX} characters`)
  if (levels.includes('')) throw refused('has an empty level')
  if (fixed.includes('**') || fixed.includes('>'))
    throw refused('has ** or > before its last level')

  const exact = tail === null && !fixed.includes('*')
  if (exact) return { text, exact, matches: (topic) => topic === text }

  const levelsMin = fixed.length + (tail === '>' ? 1 : 0)
  const levelsMax = tail === null ? fixed.length : Number.POSITIVE_INFINITY
  const firstIsName = fixed.length > 0 && fixed[0] !== '*'
  return {
    text,
    exact,
    matches(topic) {
      const slashFits = topic.startsWith('/') ? slashed || !firstIsName : !slashed
      if (!slashFits) return false
      const names = levelsOf(topic)
      if (names.length < levelsMin || names.length > levelsMax) return false
      return fixed.every((level, i) => level === '*' || level === names[i])
    },
  }
}

function levelsOf(text: string): string[] {
  return (text.startsWith('/') ? text.slice(1) : text).split(/[./]/)
}

function refused(fault: string): SekaliError {
  return new SekaliError('bad_parameter', `topic ${fault}`, { field: 'topic' })
}
