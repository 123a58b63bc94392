// Which names a published topic may have.
//
// `.` and `/` separate levels. A level that patterns give a meaning (`*`, `**`, `>`) and an empty one are
// refused, so that no topic can be mistaken for a pattern; one leading `/` is part of the name. Everything
// else, control characters included, is stored exactly as sent.

const DOT = 0x2e
const SLASH = 0x2f
const STAR = 0x2a
const GREATER = 0x3e

/** What is wrong with a topic, as a phrase; null: nothing. */
export function topicFault(bytes: Uint8Array, from: number, to: number): string | null {
  let levelStart = bytes[from] === SLASH ? from + 1 : from
  for (let at = levelStart; at <= to; at++) {
    const byte = bytes[at]
    if (at < to && byte !== DOT && byte !== SLASH) continue

    const size = at - levelStart
    const first = bytes[levelStart]
    if (size === 0) return 'has an empty level'
    if (size === 1 && first === GREATER) return 'has the level ">", which stands for a pattern'
    if (first === STAR && (size === 1 || (size === 2 && bytes[levelStart + 1] === STAR))) {
      return 'has a level of stars, which stands for a pattern'
    }
    levelStart = at + 1
  }
  return null
}

/** Code points in well-formed UTF-8. */
export function codePoints(bytes: Uint8Array, from: number, to: number): number {
  let count = 0
  for (let at = from; at < to; at++) if ((bytes[at]! & 0xc0) !== 0x80) count++
  return count
}
