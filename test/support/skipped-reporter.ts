/**
 * Names every skipped test at the end of a run, where nobody can overlook it, and with CI=true makes the run fail: a test that
 * does not run proves nothing.
 */
import type { Reporter, TestModule } from 'vitest/node';

export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped: string[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) skipped.push(`${module.relativeModuleId} > ${test.fullName}`);
    }
    if (skipped.length === 0) return;
    const inCi = process.env['CI'] === 'true';
    console.log(`\n${skipped.length} skipped ${skipped.length === 1 ? 'test' : 'tests'}${inCi ? ', which CI counts as a failure' : ''}:`);
    for (const name of skipped) console.log(`  SKIPPED ${name}`);
    if (inCi) process.exitCode = 1;
  }
}
