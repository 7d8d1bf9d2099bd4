/**
 * What the choice costs (H18): a microsecond at most among fifty endpoints, where the power of two choices by requests in flight takes a fifth of
 * one. How fast the machine is, and what else it does, is nobody's fault: both are measured in turn, the fastest round of each counts, and
 * what is asserted is the ratio. As in an application, each has a process of its own (bench/balancer.mjs says why).
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
// @ts-expect-error It is a script, without types.
import { balancerParts } from '../../bench/balancer-build.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Nanoseconds, of the fastest round. */
async function pick(type: 'predictive' | 'least-request'): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/balancer.mjs', '--only', type, '--candidates', '50', '--rounds', '15'], { cwd: root });
  const found = /^\| (\S+) \| 50 \| \d+ \((\d+)–\d+\) \|/m.exec(stdout);
  expect(found?.[1], stdout).toBe(type);
  return Number(found![2]);
}

it('the choice among fifty endpoints costs five times that of two drawn at random, at most', async () => {
  await balancerParts();
  let [ours, theirs] = [Infinity, Infinity];
  for (let turn = 0; turn < 3; turn += 1) {
    ours = Math.min(ours, await pick('predictive'));
    theirs = Math.min(theirs, await pick('least-request'));
  }
  expect(ours / theirs).toBeLessThan(5);
}, 60_000);
