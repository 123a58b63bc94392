// Every effect of the script is a crash point; `npm test` takes each so-manieth, all of them are taken by
// CRASH_POINT_STRIDE=1.

import { describe, expect, test } from 'vitest'
import { CRASH_MODES, runCrashPoint } from './crash-points.ts'

const STRIDE = Number(process.env.CRASH_POINT_STRIDE ?? 40)

describe('a scripted run, struck at an effect', () => {
  test.each(CRASH_MODES)(
    '%s: nothing is lost and all agree',
    async (mode) => {
      const effects = await runCrashPoint({ effect: null, mode })
      const broken: string[] = []

      for (let effect = CRASH_MODES.indexOf(mode); effect < effects; effect += STRIDE)
        await runCrashPoint({ effect, mode }).catch((error) => broken.push(`${effect}: ${error}`))

      expect(effects).toBeGreaterThan(500)
      expect(broken).toEqual([])
    },
    900_000,
  )
})
