import { defineConfig } from 'vitest/config'

// How much of raft/ its own tests and the simulation reach: `npm run coverage` fails below the thresholds. The storms run
// on threads of their own, where nothing is counted, so only those simulations take part that run in the test's thread.
export default defineConfig({
  test: {
    maxWorkers: 2,
    environment: 'node',
    testTimeout: 240_000,
    include: [
      'tests/raft/**/*.test.ts',
      'tests/simulation/{example,crash-points,kept-seeds}.test.ts',
    ],
    coverage: {
      enabled: true,
      provider: 'v8',
      include: ['raft/**'],
      reporter: ['text'],
      reportOnFailure: true,
      thresholds: { lines: 95, branches: 90 },
    },
  },
})
