// From what a node remembers of terms and leaders to what is drawn and listed: who led from when to when, and the gaps
// between. Pure.
//
// Ages count back from now, which is when the page is looked at: what the node said some time ago has aged since.

/**
 * @typedef {import('../../client/contract/overview.ts').Leadership} Leadership
 *
 * @typedef {object} Reign
 * @property {string | null} leader null: none was known
 * @property {number} term
 * @property {boolean} election the node itself stood for election in this gap
 * @property {number} fromMs age
 * @property {number} toMs age; less than fromMs
 */

/**
 * Oldest first, each ending where the next begins.
 * @param {readonly Leadership[]} leadership
 * @param {number} elapsedMs since the node said so
 * @param {boolean} live it said so just now: what it saw last goes on. Otherwise nothing is known of the time since
 * @returns {Reign[]}
 */
export function reignsOf(leadership, elapsedMs, live) {
  /** @type {Reign[]} */
  const reigns = []
  leadership.forEach((entry, place) => {
    const fromMs = entry.age_ms + elapsedMs
    const next = leadership[place + 1]
    const toMs = next === undefined ? (live ? 0 : elapsedMs) : next.age_ms + elapsedMs
    const election = entry.role === 'candidate' || entry.role === 'preCandidate'
    const last = reigns.at(-1)
    const { leader_id: leader, term } = entry
    if (last !== undefined && last.leader === leader && (leader === null || last.term === term)) {
      last.toMs = toMs
      last.term = term
      last.election ||= election
    } else reigns.push({ leader, term, election, fromMs, toMs })
  })
  return reigns
}

/**
 * How long no leader has been known; null: there is one.
 * @param {readonly Reign[]} reigns
 */
export function leaderlessMs(reigns) {
  const last = reigns.at(-1)
  return last === undefined || last.leader !== null ? null : last.fromMs - last.toMs
}
