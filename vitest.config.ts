import { defineConfig } from 'vitest/config'

// One project a folder, so that `vitest run --project raft` tests one layer alone.
const project = (name: string, include: string[], extra: object = {}) => ({
  test: { name, include, environment: 'node' as const, testTimeout: 30_000, ...extra },
})

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      project('raft', ['tests/raft/**/*.test.ts']),
      project('node', ['tests/node/**/*.test.ts']),
      project('client', ['tests/client/**/*.test.ts']),
      project('repository', ['tests/*.test.ts']),
      project('simulation', ['tests/simulation/**/*.test.ts'], { testTimeout: 240_000 }),
      project('cluster', ['tests/cluster/**/*.test.ts'], { testTimeout: 120_000 }),
    ],
  },
})
