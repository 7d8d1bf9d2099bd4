/**
 * Last lines of `.ci/run`: each test that failed, with its first error, then `N passed, N failed, N skipped`, from vitest's JSON report and the
 * names of the steps that failed. Exits with 1 unless everything passed, nothing was skipped and at least one test ran.
 */
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [file, ...failedSteps] = process.argv.slice(2);
const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
const firstLines = (text) => (text ?? '').split('\n').slice(0, 4).join('\n        ');

for (const { name, message, assertionResults } of report.testResults) {
  const failures = assertionResults.filter((test) => test.status === 'failed');
  for (const test of failures) console.log(`FAILED  ${relative('.', name)}: ${test.fullName}\n        ${firstLines(test.failureMessages[0])}`);
  if (message !== '' && failures.length === 0) console.log(`FAILED  ${relative('.', name)}\n        ${firstLines(message)}`);
}

const passed = report.numPassedTests;
const skipped = report.numPendingTests + report.numTodoTests;
// A test step that fails without a failed test (a file that does not load, nothing found, a skip) counts as one all the same.
const otherSteps = failedSteps.filter((step) => step !== 'test' || report.numFailedTests === 0);
const failed = report.numFailedTests + otherSteps.length;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 && skipped === 0 && passed > 0 ? 0 : 1;
