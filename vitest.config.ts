import { defineConfig } from 'vitest/config'

// Acting as the owner of a server goes through every thread of a worker, each time.
process.env['UV_THREADPOOL_SIZE'] ??= '1'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/labs/**', 'test/bench/**', 'node_modules/**'],
    globalSetup: ['test/support/global-setup.ts'],
    disableConsoleIntercept: true,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two cores, real servers and two tests at a time: a race in a test is told ("retry x1" beside its name) and does not hide 5,000 others.
    // On a developer's machine nothing is tried again.
    retry: process.env['CI'] === undefined ? 0 : 1,
    // .ci/run adds the runs up from this file.
    reporters: process.env['PGWAL_REPORT'] === undefined ? ['default'] : ['default', 'json'],
    ...(process.env['PGWAL_REPORT'] === undefined ? {} : { outputFile: { json: process.env['PGWAL_REPORT'] } }),
    pool: 'forks',
    execArgv: ['--v8-pool-size=1'],
    maxWorkers: 2,
  },
})
