// A thread that runs one seed after the other for run-seed.ts.

import { parentPort } from 'node:worker_threads'
import { runSeed, type SeedRun } from './run-seed.ts'

parentPort?.on('message', async (run: SeedRun) => {
  parentPort?.postMessage(await runSeed(run))
})
