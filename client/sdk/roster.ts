// The nodes a client knows, and which of them it asks next. It knows; it never sends.
//
// A client stays with one node, drawn at random so that many clients spread, for as long as that node answers: what it
// published it then reads there at once. When the node fails, it moves to the one that failed longest ago (never, at
// best); among equals those that the user named come before those learned from /cluster, whose addresses may not be
// reachable from here, and then the leader. A Retry-After bars the node that said it, not the others.

import type { Member } from '../contract/state.ts'

export interface KnownNode {
  /** Without a slash at its end. */
  readonly url: string
  /** Named by the user: never forgotten. */
  readonly given: boolean
  /** Null until it has answered, or another node has told. */
  id: string | null
  /** Number of the last failure, counted over all nodes; 0: none since it last answered. */
  failure: number
  /** Monotonic; it asked not to be asked before. */
  barredUntilMs: number
}

/** More than a cluster has members; whoever tells us of more does not tell the truth. */
const LEARNED_MAX = 32

export class Roster {
  readonly #nodes: KnownNode[]
  #current: KnownNode
  #leaderId: string | null = null
  #failures = 0

  constructor(urls: readonly string[], random: () => number) {
    if (urls.length === 0) throw new TypeError('nodes: at least one URL is needed')
    this.#nodes = [...new Set(urls.map(nodeUrl))].map((url) => newNode(url, true, null))
    this.#current = this.#nodes[Math.floor(random() * this.#nodes.length)]!
  }

  get nodes(): readonly KnownNode[] {
    return this.#nodes
  }

  /** The node to ask now; one that is barred only when all are. */
  pick(nowMs: number): KnownNode {
    if (this.#current.barredUntilMs > nowMs) this.#current = this.#best(nowMs)
    return this.#current
  }

  /** How long all nodes have asked not to be asked; null: there is one that did not. */
  barredMs(nowMs: number): number | null {
    const soonestMs = Math.min(...this.#nodes.map((node) => node.barredUntilMs))
    return soonestMs > nowMs ? soonestMs - nowMs : null
  }

  /** A node by its id or URL. An unknown URL is taken as it is; an unknown id throws. */
  find(name: string): KnownNode {
    const found = this.#nodes.find((node) => node.id === name || node.url === name)
    if (found !== undefined) return found
    if (!URL.canParse(name)) throw new RangeError(`no node ${name} is known`)
    const url = nodeUrl(name)
    return this.#nodes.find((node) => node.url === url) ?? newNode(url, false, null)
  }

  answered(node: KnownNode, id: string | null): void {
    node.failure = 0
    node.barredUntilMs = 0
    if (id === null || node.id === id) return
    node.id = id
    if (node.given) this.#forget((other) => other !== node && !other.given && other.id === id)
  }

  failed(node: KnownNode, retryAfterMs: number | null, nowMs: number): void {
    this.#failures += 1
    node.failure = this.#failures
    node.barredUntilMs = retryAfterMs === null ? 0 : nowMs + retryAfterMs
    // Another call may have moved on from it already.
    if (this.#current === node) this.#current = this.#best(nowMs)
  }

  /** `id` as headers tell it: empty or null while no leader is known. */
  leads(id: string | null): void {
    this.#leaderId = id === '' ? null : id
  }

  learn(members: readonly Pick<Member, 'node_id' | 'url'>[]): void {
    for (const { node_id: id, url: text } of members) {
      if (text === null || !URL.canParse(text) || !isHttp(text)) continue
      const url = nodeUrl(text)
      const sameUrl = this.#nodes.find((node) => node.url === url)
      if (sameUrl !== undefined) {
        sameUrl.id = id
        continue
      }
      if (this.#nodes.some((node) => node.given && node.id === id)) continue
      this.#forget((node) => !node.given && node.id === id) // it has moved
      if (this.#nodes.filter((node) => !node.given).length >= LEARNED_MAX) return
      this.#nodes.push(newNode(url, false, id))
    }
  }

  #best(nowMs: number): KnownNode {
    const rank = (node: KnownNode): number[] => [
      Math.max(0, node.barredUntilMs - nowMs),
      node.failure,
      node.given ? 0 : 1,
      node.id !== null && node.id === this.#leaderId ? 0 : 1,
    ]
    return this.#nodes.reduce((best, node) => (isLess(rank(node), rank(best)) ? node : best))
  }

  #forget(which: (node: KnownNode) => boolean): void {
    for (const node of this.#nodes.filter(which)) {
      this.#nodes.splice(this.#nodes.indexOf(node), 1)
      if (this.#current === node) this.#current = this.#nodes[0]!
    }
  }
}

/** Lexicographic, of equal lengths. */
function isLess(left: readonly number[], right: readonly number[]): boolean {
  const place = left.findIndex((value, at) => value !== right[at])
  return place !== -1 && left[place]! < right[place]!
}

function newNode(url: string, given: boolean, id: string | null): KnownNode {
  return { url, given, id, failure: 0, barredUntilMs: 0 }
}

/** In one form, so that a node is not taken for two; throws TypeError for what is no address of a node. */
function nodeUrl(text: string): string {
  if (!URL.canParse(text) || !isHttp(text))
    throw new TypeError(`nodes: ${text} is not an http(s) URL`)
  const { origin, pathname } = new URL(text)
  return origin + pathname.replace(/\/+$/, '')
}

function isHttp(url: string): boolean {
  return /^https?:$/.test(new URL(url).protocol)
}
