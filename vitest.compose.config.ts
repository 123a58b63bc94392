import { defineConfig } from 'vitest/config'

// Apart from vitest.config.ts, so that `npm test` leaves it alone: it needs a Docker engine, and builds an image.
export default defineConfig({
  test: {
    include: ['tests/compose/**/*.test.ts'],
    environment: 'node',
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
})
