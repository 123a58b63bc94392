// When to try again, and how long to wait first. Pure: clock and random come in as parameters.
//
// A publish may be repeated at will, since its ids stay the same; so everything that may pass by itself is
// retried, and only a refusal of the request as such is final.

export interface RetryPolicy {
  /** Upper bound of the first pause; it doubles with each try. */
  readonly baseMs: number
  readonly capMs: number
}

export const RETRY_POLICY: RetryPolicy = { baseMs: 50, capMs: 2_000 }

/** Statuses behind which the same request may succeed later; 502 and 504 come from proxies in between. */
const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 429, 502, 503, 504])

export function shouldRetry(status: number): boolean {
  return RETRYABLE_STATUSES.has(status)
}

/**
 * How long to wait after failed try number `attempt` (from 0). Full jitter: anything from 0 to the bound, so that
 * clients that failed together do not come back together. Never less than the server asked for.
 */
export function backoffMs(
  attempt: number,
  retryAfterMs: number | null,
  random: () => number,
  policy: RetryPolicy = RETRY_POLICY,
): number {
  const boundMs = Math.min(policy.capMs, policy.baseMs * 2 ** Math.min(attempt, 30))
  const jitteredMs = random() * boundMs
  // Behind a Retry-After the jitter is added: all who were told "1 second" were told so at the same time.
  return retryAfterMs === null ? jitteredMs : retryAfterMs + random() * policy.baseMs
}

/**
 * How long one try may take. It doubles with each try of a call that ran out of time: a cluster whose disk takes 5 s
 * would else answer every try a moment too late.
 */
export function tryTimeMs(firstMs: number, timeouts: number): number {
  return firstMs * 2 ** Math.min(timeouts, 30)
}

/** Milliseconds from now; null for a header that is missing or not understood (RFC 9110 §10.2.3). */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  const dateMs = Date.parse(header)
  // Date.parse takes far more for a date than an HTTP date, which begins with its weekday.
  return Number.isNaN(dateMs) || !/^[A-Z][a-z]{2,8},? /.test(header)
    ? null
    : Math.max(0, dateMs - nowMs)
}
