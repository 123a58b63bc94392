// PEERS: who forms the cluster, this node included. `n1=http://127.0.0.1:9001,n2=…`: ids and the addresses at which
// peers (not clients) reach each other. Nothing is guessed: no default port, no path, no credentials.

export interface PeerAddress {
  readonly id: string
  readonly host: string
  readonly port: number
  readonly url: string
}

/** Small and odd is what a majority wants; the bound only keeps accidents out. */
export const PEERS_MAX = 9

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

export const NODE_ID_RULE =
  "must be 1 to 63 letters, digits, '.', '_' or '-', a letter or digit first"
export const isNodeId = (text: string): boolean => ID.test(text)

/** The peers in the order given, or sentences that say what is wrong, without the name of the variable. */
export function parsePeers(text: string): { peers: PeerAddress[]; faults: string[] } {
  const peers: PeerAddress[] = []
  const faults: string[] = []
  for (const item of text.split(',')) {
    const peer = parsePeer(item.trim())
    if (typeof peer === 'string') faults.push(peer)
    else peers.push(peer)
  }
  if (peers.length > PEERS_MAX) faults.push(`names ${peers.length} nodes, at most ${PEERS_MAX}`)
  for (const id of repeated(peers.map((peer) => peer.id))) faults.push(`names ${id} twice`)
  for (const address of repeated(peers.map((peer) => `${peer.host}:${peer.port}`))) {
    faults.push(`gives two nodes the address ${address}`)
  }
  return { peers, faults }
}

function parsePeer(item: string): PeerAddress | string {
  const equals = item.indexOf('=')
  if (equals < 1) return 'must be written as n1=http://host:port,n2=…'
  const id = item.slice(0, equals)
  if (!isNodeId(id)) return `has a node id that ${NODE_ID_RULE}`
  const given = item.slice(equals + 1)
  if (!URL.canParse(given)) return `gives ${id} no valid URL`
  const url = new URL(given)
  // First, so that a password never gets into a message.
  if (url.username !== '' || url.password !== '') return `gives ${id} a URL with credentials`
  if (url.protocol !== 'http:')
    return `gives ${id} the scheme ${url.protocol} but only http: is spoken`
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return `gives ${id} a URL with a path, query or fragment`
  }
  // URL drops :80 as the default; it must be written all the same, so look at the text.
  const port = /:(\d{1,5})\/?$/.exec(given)?.[1]
  if (port === undefined) return `gives ${id} a URL without a port`
  if (Number(port) === 0) return `gives ${id} the port 0`
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return { id, host, port: Number(port), url: `http://${url.hostname}:${Number(port)}` }
}

function repeated(values: readonly string[]): Set<string> {
  return new Set(values.filter((value, place) => values.indexOf(value) !== place))
}
