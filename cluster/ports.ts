// Which ports a local cluster uses, and whether they are free.

import { createServer } from 'node:net'

/** Peers listen this far above the clients' ports. */
export const PEER_PORT_DISTANCE = 1_000
export const LOOPBACK = '127.0.0.1'

export interface NodePorts {
  readonly id: string
  readonly port: number
  readonly peerPort: number
}

/** n1 on basePort, n2 on the next, and so on. */
export function portsOf(count: number, basePort: number): NodePorts[] {
  return Array.from({ length: count }, (_, place) => ({
    id: `n${place + 1}`,
    port: basePort + place,
    peerPort: basePort + PEER_PORT_DISTANCE + place,
  }))
}

export interface UnusablePort {
  readonly port: number
  /** The system's word for it, such as EADDRINUSE. */
  readonly code: string
}

/** Those of the ports that cannot be listened on now, found by trying. */
export async function unusablePorts(
  ports: readonly number[],
  host = LOOPBACK,
): Promise<UnusablePort[]> {
  const unusable: UnusablePort[] = []
  for (const port of ports) {
    const code = await listenFault(port, host)
    if (code !== null) unusable.push({ port, code })
  }
  return unusable
}

function listenFault(port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)))
  })
}
