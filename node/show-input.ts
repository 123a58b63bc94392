// Input of others, made fit for a log line, a terminal and an error message: control and direction characters are
// escaped, and no more than a few of its characters are shown. Nothing is ever parsed back from it.

export const SHOWN_CHARACTERS_MAX = 64

// C0 and C1 controls, line and paragraph separators, marks that change the direction of text, lone surrogates.
const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu

export function showInput(text: string): string {
  // Cut before anything else, so that a long input costs nothing; two UTF-16 units may be one character.
  const head = [...text.slice(0, 2 * SHOWN_CHARACTERS_MAX)].slice(0, SHOWN_CHARACTERS_MAX).join('')
  const cut = head.length < text.length ? '…' : ''
  return head.replace(UNFIT, escapeCharacter) + cut
}

function escapeCharacter(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`
}
