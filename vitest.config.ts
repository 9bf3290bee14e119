import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/labs/**', 'test/bench/**', 'node_modules/**'],
    globalSetup: ['test/support/global-setup.ts'],
    disableConsoleIntercept: true,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // .ci/run adds the runs up from this file.
    reporters: process.env['PGWAL_REPORT'] === undefined ? ['default'] : ['default', 'json'],
    ...(process.env['PGWAL_REPORT'] === undefined ? {} : { outputFile: { json: process.env['PGWAL_REPORT'] } }),
    pool: 'forks',
    maxWorkers: 2,
  },
})
