// Asking this node, and nobody else: one request, with a deadline, and an answer that is either what was asked for or a
// sentence about what went wrong.

export const ASK_TIMEOUT_MS = 2_000

/** The node, or the way to it, gave no usable answer; the message is for people. */
export class AskError extends Error {}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<unknown>}
 */
export async function ask(path, init = {}) {
  const signal = AbortSignal.timeout(ASK_TIMEOUT_MS)
  let answer
  let text
  try {
    answer = await fetch(path, { cache: 'no-store', redirect: 'error', signal, ...init })
    text = await answer.text()
  } catch {
    throw new AskError('This node does not answer.')
  }
  if (!answer.ok) throw new AskError(problemText(answer.status, text))
  return parseExactly(text)
}

/**
 * @param {number} status
 * @param {string} text
 */
function problemText(status, text) {
  try {
    const { title, detail } = JSON.parse(text)
    return `${title}: ${detail}.`
  } catch {
    return `This node answered with status ${status}.`
  }
}

/**
 * JSON whose numbers keep the digits they were sent with (12345678901234567890, 1.10), where the browser can.
 * @param {string} text
 * @returns {unknown}
 */
function parseExactly(text) {
  const { rawJSON } = /** @type {{ rawJSON?: (text: string) => unknown }} */ (JSON)
  if (rawJSON === undefined) return JSON.parse(text)
  /** @type {(key: string, value: unknown, context?: { source?: string }) => unknown} */
  const keepDigits = (_, value, context) => {
    const source = context?.source
    const changed = typeof value === 'number' && source !== undefined && String(value) !== source
    return changed ? rawJSON(source) : value
  }
  return JSON.parse(text, keepDigits)
}
