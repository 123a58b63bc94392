// One sentence about the whole: what a person who glances at the page should believe. Pure, and careful: what is not known
// is said to be not known, and nothing is called equal that was not compared.

import { coarseSpan, list, span, whole } from './format.mjs'
import { leaderlessMs, reignsOf } from './reigns.mjs'

/**
 * @typedef {import('../../client/contract/overview.ts').Overview} Overview
 * @typedef {import('../../client/contract/overview.ts').OverviewNode} OverviewNode
 *
 * @typedef {object} Sight what there is to judge
 * @property {Overview | null} overview the latest answer; null: none yet
 * @property {number} elapsedMs since it came, or since the page was opened
 * @property {number} askingMs how much of that time the node was asked, in vain
 * @property {boolean} paused by the reader
 *
 * @typedef {object} Verdict
 * @property {'good' | 'warn' | 'bad' | 'unknown'} tone
 * @property {string} headline
 * @property {string} detail
 * @property {string} spoken for screen readers, when it changes: without anything that counts
 */

/** An answer this old says how it was, not how it is. */
export const LIVE_MS = 2_000

/**
 * @param {Sight} sight
 * @returns {Verdict}
 */
export function judge({ overview, elapsedMs, askingMs, paused }) {
  if (overview === null) return unanswered(askingMs)
  const past = elapsedMs > LIVE_MS
  if (past && (paused || askingMs <= LIVE_MS)) return judgedBefore(overview, elapsedMs, paused)
  if (past) return lost(overview, elapsedMs)
  if (overview.leader_id === null) return leaderless(overview, elapsedMs)
  return led(overview, overview.leader_id, elapsedMs)
}

/** @param {number} askingMs */
function unanswered(askingMs) {
  if (askingMs <= LIVE_MS) {
    return say('unknown', 'Asking this node …', '', '')
  }
  const headline = 'This node does not answer'
  return say('bad', `${headline}.`, `Nothing was heard for ${coarseSpan(askingMs)}.`, headline)
}

/**
 * The page itself has not asked for a while: that is no silence of the node.
 * @param {Overview} overview
 * @param {number} elapsedMs
 * @param {boolean} paused
 */
function judgedBefore(overview, elapsedMs, paused) {
  const { headline, spoken } = judge({ overview, elapsedMs: 0, askingMs: 0, paused: false })
  const why = paused ? 'Paused' : 'Asking again'
  const detail = `${why}: all of this is from ${coarseSpan(elapsedMs)} ago.`
  return say('unknown', headline, detail, paused ? 'Paused' : spoken)
}

/**
 * @param {Overview} overview
 * @param {number} elapsedMs
 */
function lost(overview, elapsedMs) {
  const headline = `${overview.node_id} does not answer`
  const detail = `Last heard ${coarseSpan(elapsedMs)} ago. What stands below was true then; of now nothing is known here. Another node may know more.`
  return say('bad', `${headline}.`, detail, headline)
}

/**
 * @param {Overview} overview
 * @param {number} elapsedMs
 */
function leaderless({ node_id, nodes, leadership }, elapsedMs) {
  const forMs = leaderlessMs(reignsOf(leadership, elapsedMs, true)) ?? 0
  const needed = majorityOf(nodes)
  const heard = nodes.filter(isHeard).length
  const why =
    heard < needed
      ? `It hears ${heard - 1} of ${nodes.length - 1} others; a leader needs ${needed} of ${nodes.length} nodes.`
      : `It hears ${heard - 1} of ${nodes.length - 1} others, which is enough for an election.`
  const silent = silentPhrase(nodes, elapsedMs)
  const detail = `${node_id} has known none for ${span(forMs)}. ${why}${silent}`
  const spoken = heard < needed ? 'No leader and no majority: publishes wait' : 'No leader'
  return say('bad', 'No leader: publishes wait.', detail, spoken)
}

/**
 * @param {Overview} overview
 * @param {string} leader
 * @param {number} elapsedMs
 */
function led(overview, leader, elapsedMs) {
  const { nodes, node_id, term } = overview
  const leads = `${leader} leads term ${term}`
  const differing = nodes.filter(({ digest_check: check }) => check?.verdict === 'differs')
  if (differing.length > 0) {
    const names = list(differing.map((node) => node.node_id))
    const index = differing[0]?.digest_check?.index ?? 0
    const headline = `${names} and ${node_id} do not store the same`
    const detail = `${leads}. At index ${whole(index)} the digests differ: one of the stores is damaged.`
    return say('bad', `${headline}.`, detail, headline)
  }
  const silent = nodes.filter((node) => !isHeard(node))
  if (silent.length > 0) {
    const names = list(silent.map((node) => node.node_id))
    const spare = nodes.length - silent.length - majorityOf(nodes)
    const onlyJust = spare > 0 ? '' : '; should one more be lost, they wait'
    const detail = `Publishes go on${onlyJust}.${silentPhrase(nodes, elapsedMs)}`
    const headline = `${leads}; ${names} ${silent.length === 1 ? 'is' : 'are'} not heard`
    return say('warn', `${headline}.`, detail, headline)
  }
  const limping = nodes.flatMap((node) => limpOf(node) ?? [])
  if (limping.length > 0) {
    const headline = `${leads}; ${limping.join(', ')}`
    return say('warn', `${headline}.`, agreement(overview), headline)
  }
  const unsafe = nodes.filter(({ report }) => report?.fsync === false)
  if (unsafe.length > 0) {
    const names = list(unsafe.map((node) => node.node_id))
    const detail = `FSYNC=off on ${names}: what is acknowledged can be lost in a power cut. ${agreement(overview)}`
    return say('warn', `${leads}.`, detail, `${leads}; FSYNC is off`)
  }
  return say('good', `${leads}.`, agreement(overview), leads)
}

/**
 * What keeps a node that is heard from being a full member; null: nothing.
 * @param {OverviewNode} node
 */
function limpOf({ node_id, report }) {
  if (report === null) return `${node_id} tells nothing of itself`
  if (report.rebuilding) return `${node_id} builds its store again`
  if (report.standing === 'suspect') return `${node_id} is suspect`
  if (report.standing === 'forming') return `${node_id} has not met all others yet`
  return null
}

/** @param {Overview} overview */
function agreement({ nodes }) {
  const own = nodes.find(({ self }) => self)
  const events = own?.report?.last_position ?? 0
  const stored = `${whole(events)} ${events === 1 ? 'event' : 'events'} stored`
  const others = nodes.filter(({ self }) => !self)
  const uncompared = others.filter(({ digest_check: check }) => check === null)
  if (others.length === 0) return `${stored}.`
  if (uncompared.length > 0) {
    const names = list(uncompared.map(({ node_id }) => node_id))
    return `${stored}; not yet compared with ${names}.`
  }
  return `${stored}, the same on all ${nodes.length} nodes: the digests are equal.`
}

/**
 * @param {readonly OverviewNode[]} nodes
 * @param {number} elapsedMs
 */
function silentPhrase(nodes, elapsedMs) {
  const silent = nodes.filter((node) => !isHeard(node))
  if (silent.length === 0) return ''
  const phrases = silent.map(({ node_id, age_ms: age }) =>
    age === null
      ? `${node_id} never since this node was started`
      : `${node_id} ${coarseSpan(age + elapsedMs)} ago`,
  )
  return ` Last heard: ${list(phrases)}.`
}

/**
 * It is there, though it may not tell of itself: a peer of an older version does not.
 * @param {OverviewNode} node
 */
const isHeard = ({ fresh, linked, report }) => fresh || (linked && report === null)

/** @param {readonly OverviewNode[]} nodes */
const majorityOf = (nodes) => Math.floor(nodes.length / 2) + 1

/**
 * @param {Verdict['tone']} tone
 * @param {string} headline
 * @param {string} detail
 * @param {string} spoken
 * @returns {Verdict}
 */
const say = (tone, headline, detail, spoken) => ({ tone, headline, detail, spoken })
