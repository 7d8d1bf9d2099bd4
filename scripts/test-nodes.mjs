/**
 * Runs the test suite on each Node that we support: `npm run test:nodes [-- 22 24] [-- vitest arguments]`.
 *
 * The npm package `node` brings the binaries. They live in .cache/nodes, not among the dependencies, where 120 MB would come
 * with every install and `node` of every npm script would be replaced.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SUPPORTED = ['20', '22', '24', '26'];

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const asked = args.filter((arg) => SUPPORTED.includes(arg));
const rest = args.filter((arg) => !SUPPORTED.includes(arg));
const rows = (asked.length > 0 ? asked : SUPPORTED).map(runOn);

console.log('\nnode        passed  failed  skipped  seconds');
for (const { version, passed, failed, skipped, seconds, note } of rows) {
  console.log(`${version.padEnd(10)}  ${[passed, failed, skipped, seconds].map((value, at) => String(value).padStart([6, 6, 7, 7][at])).join('  ')}${note}`);
}
process.exitCode = rows.every((row) => row.note === '') ? 0 : 1;

function runOn(major) {
  const row = { version: `v${major}`, passed: 0, failed: 0, skipped: 0, seconds: 0, note: '' };
  const node = nodeBinary(major);
  if (node === undefined) return { ...row, note: '  NOT INSTALLED' };
  row.version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\n=== ${row.version}`);

  const counts = join(root, '.cache', `counts-${major}.json`);
  rmSync(counts, { force: true });
  const started = Date.now();
  const { status } = spawnSync(node, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...rest], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}`, INMESH_TEST_COUNTS: counts },
  });
  row.seconds = Math.round((Date.now() - started) / 1000);
  if (existsSync(counts)) {
    const report = JSON.parse(readFileSync(counts, 'utf8'));
    row.passed = report.numPassedTests;
    row.failed = report.numFailedTests;
    row.skipped = report.numPendingTests + report.numTodoTests;
  }
  return { ...row, note: status === 0 ? '' : '  FAILED' };
}

/** Of the Node that runs this script, or from .cache/nodes; undefined where it cannot be had. */
function nodeBinary(major) {
  if (process.versions.node.split('.')[0] === major) return process.execPath;
  const folder = join(root, '.cache', 'nodes', major);
  const binary = join(folder, 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    spawnSync('npm', ['install', '--prefix', folder, '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error', `node@${major}`], {
      cwd: folder,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }
  return existsSync(binary) ? binary : undefined;
}
