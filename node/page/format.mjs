// Numbers, spans of time and names, as people read them.

const WHOLE = new Intl.NumberFormat('en')
const ONE_DIGIT = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

/** @param {number} value */
export const whole = (value) => WHOLE.format(value)

/**
 * Events a second: whole numbers, but not 0 for what is more.
 * @param {number | null} value
 */
export function rate(value) {
  if (value === null) return '–'
  return value > 0 && value < 10 ? ONE_DIGIT.format(value) : WHOLE.format(Math.round(value))
}

/** @param {number} share 0 to 1 */
export const percent = (share) => `${ONE_DIGIT.format(share * 100)} %`

/**
 * How long something took or lasts: fine where it is short.
 * @param {number} ms
 */
export function span(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  return coarseSpan(ms)
}

/**
 * The same without more digits than a person wants.
 * @param {number} ms
 */
export function coarseSpan(ms) {
  const seconds = Math.floor(ms / 1_000)
  if (seconds < 1) return 'under 1 s'
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** @param {number} ms since 1970 */
export function clockTime(ms) {
  const date = new Date(ms)
  return Number.isNaN(ms) ? '' : date.toLocaleTimeString('en-GB')
}

/** @param {string} digest */
export const shortDigest = (digest) => digest.slice(0, 8)

/**
 * a; a and b; a, b and c
 * @param {readonly string[]} names
 */
export function list(names) {
  if (names.length < 2) return names.join('')
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/**
 * Of a URL that a peer told: only what leads to a page.
 * @param {string | null} url
 * @returns {string | null}
 */
export function webUrl(url) {
  if (url === null || !URL.canParse(url)) return null
  const { protocol, href } = new URL(url)
  return protocol === 'http:' || protocol === 'https:' ? href : null
}
