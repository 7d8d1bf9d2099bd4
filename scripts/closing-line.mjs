/**
 * Last line of `.ci/run`: `N passed, N failed, N skipped`, from vitest's JSON report and the names of the steps that failed.
 * Exits with 1 unless everything passed, nothing was skipped and at least one test ran.
 */
import { existsSync, readFileSync } from 'node:fs';

const [file, ...failedSteps] = process.argv.slice(2);
const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
const passed = report.numPassedTests;
const skipped = report.numPendingTests + report.numTodoTests;
// A test step that fails without a failed test (a file that does not load, nothing found, a skip) counts as one all the same.
const otherSteps = failedSteps.filter((step) => step !== 'test' || report.numFailedTests === 0);
const failed = report.numFailedTests + otherSteps.length;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 && skipped === 0 && passed > 0 ? 0 : 1;
