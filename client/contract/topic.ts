// Topics and patterns: which names may be published to, which patterns may be asked for.
//
// Both '.' and '/' separate levels, and one leading '/' is part of the name. This file checks; matching belongs to
// the node. Each function answers null, or one sentence that says what is wrong.

import { NAME_CODE_POINTS_MAX } from './limits.ts'

/** Levels of a topic or pattern, without the one leading '/'. */
export function topicLevels(topic: string): string[] {
  return (topic.startsWith('/') ? topic.slice(1) : topic).split(/[./]/)
}

/** What forbids this string as a topic to publish to. */
export function topicFault(topic: string): string | null {
  const fault = nameFault(topic)
  if (fault !== null) return fault
  for (const level of topicLevels(topic)) {
    if (level === '') return 'has an empty level'
    if (isWildcard(level)) return `has a level ${level}, which only a pattern may have`
  }
  return null
}

/** What forbids this string as a pattern to read by; every topic is also a pattern. */
export function patternFault(pattern: string): string | null {
  const fault = nameFault(pattern)
  if (fault !== null) return fault
  const levels = topicLevels(pattern)
  for (const [place, level] of levels.entries()) {
    if (level === '') return 'has an empty level'
    if ((level === '**' || level === '>') && place < levels.length - 1) {
      return `has ${level} before its end`
    }
  }
  return null
}

/** True when the string names many topics: it has a level '*', '**' or '>'. */
export function isPattern(topic: string): boolean {
  return topicLevels(topic).some(isWildcard)
}

/** What forbids this string as a topic or event_id: its length, counted in code points, or its form. */
export function nameFault(name: string): string | null {
  if (name === '') return 'must not be empty'
  return textFault(name)
}

/** As nameFault, for source, which may be empty. */
export function textFault(text: string): string | null {
  if (!text.isWellFormed()) return 'has a lone surrogate'
  if (codePointsExceed(text, NAME_CODE_POINTS_MAX)) {
    return `is longer than ${NAME_CODE_POINTS_MAX} code points`
  }
  return null
}

function isWildcard(level: string): boolean {
  return level === '*' || level === '**' || level === '>'
}

function codePointsExceed(text: string, max: number): boolean {
  if (text.length <= max) return false
  if (text.length > 2 * max) return true
  let count = 0
  for (const _ of text) count += 1
  return count > max
}
