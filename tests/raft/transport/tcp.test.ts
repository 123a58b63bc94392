// The transport contract on TCP over loopback, and what only TCP can show.

import { transportContract } from '../transport-contract.ts'
import { TcpWorld } from './tcp-world.ts'

transportContract('TcpTransport', (nodeCount) => TcpWorld.open(nodeCount))
