// The HEALTHCHECK of the Dockerfile: exit 0 when the node beside it says that it is ready, else 1 and why. It stands in for
// curl, which the image has no other use for; what "ready" means is decided by /readyz alone.

import { get } from 'node:http'

const TIMEOUT_MS = 2_500
const EVERYWHERE: ReadonlySet<string> = new Set(['', '0.0.0.0', '::'])

const { HOST = '', PORT = '8001' } = process.env
const host = EVERYWHERE.has(HOST) ? '127.0.0.1' : HOST

const request = get({ host, port: PORT, path: '/readyz', timeout: TIMEOUT_MS }, (answer) => {
  answer.pipe(process.stdout)
  process.exitCode = answer.statusCode === 200 ? 0 : 1
})
request.on('timeout', () => request.destroy(new Error('no answer in time')))
request.on('error', (error) => {
  console.log(error.message)
  process.exitCode = 1
})
