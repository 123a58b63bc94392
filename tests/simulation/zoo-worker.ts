// A thread in which one file of the production code is loaded with a bug in it. workerData: the plant.

import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { workerData } from 'node:worker_threads'
import type { Plant } from './zoo.ts'

const { file, find, put } = workerData as Plant
const url = new URL(`../../${file}`, import.meta.url)

registerHooks({
  load(asked, context, nextLoad) {
    if (asked !== url.href) return nextLoad(asked, context)
    const source = readFileSync(url, 'utf8')
    if (source.split(find).length !== 2)
      throw new Error(
        `the plant does not fit ${file}: its text stands there ${source.split(find).length - 1} times`,
      )
    return {
      format: 'module-typescript',
      shortCircuit: true,
      source: source.replace(find, () => put),
    }
  },
})

await import('./seed-worker.ts')
