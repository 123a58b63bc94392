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

/** Those of the ports that somebody listens on; looking lasts as long as binding and closing them. */
export async function busyPorts(ports: readonly number[], host = LOOPBACK): Promise<number[]> {
  const busy: number[] = []
  for (const port of ports) if (!(await isFree(port, host))) busy.push(port)
  return busy
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(error)
    })
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
