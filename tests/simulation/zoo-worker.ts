// A thread in which one file of the production code is loaded with a bug in it. workerData: the plant.

import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { workerData } from 'node:worker_threads'
import { editsOf, type Plant } from './zoo.ts'

const edits = editsOf(workerData as Plant)

registerHooks({
  load(asked, context, nextLoad) {
    const here = edits.filter(
      ({ file }) => new URL(`../../${file}`, import.meta.url).href === asked,
    )
    if (here.length === 0) return nextLoad(asked, context)
    let source = readFileSync(new URL(asked), 'utf8')
    for (const { file, find, put } of here) {
      const times = source.split(find).length - 1
      if (times !== 1) throw new Error(`the plant does not fit ${file}: found ${times} times`)
      source = source.replace(find, () => put)
    }
    return { format: 'module-typescript', shortCircuit: true, source }
  },
})

await import('./seed-worker.ts')
