import { defineConfig } from 'vitest/config'

// Apart from vitest.config.ts, so that `npm test` needs nothing but npm: these tests use other people's programs
// (Chromium, Prometheus, syslog-ng …) as Debian packages them, and say which one is missing.
export default defineConfig({
  test: {
    include: ['tests/tools/**/*.test.ts'],
    environment: 'node',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    passWithNoTests: true,
  },
})
