import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Where the counts go as JSON, for `.ci/run` and `npm run test:nodes`. */
const counts = process.env['INMESH_TEST_COUNTS'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process per file: sockets, global dispatchers and tracer providers that one file leaves behind are no other's trouble.
    pool: 'forks',
    maxWorkers: Math.max(1, Math.min(4, availableParallelism())),
    // Nothing waits this long; it is what a hung test costs. Integration tests that wait for DNS say so themselves.
    testTimeout: 15_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    reporters: ['default', './test/support/skipped-reporter.ts', ...(counts === undefined ? [] : [['json', { outputFile: counts }] as ['json', { outputFile: string }]])],
  },
});
