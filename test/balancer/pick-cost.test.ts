/**
 * What the choice costs (H18): a microsecond at most among fifty endpoints, where the power of two choices by requests in flight takes a fifth of
 * one; and as much among ten thousand as among ten, but for what it takes to read memory that is further away. How fast the machine is, and what else it does, is nobody's fault: both are measured in turn, the fastest round of each counts, and
 * what is asserted is the ratio. As in an application, each has a process of its own (bench/balancer.mjs says why).
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
// @ts-expect-error It is a script, without types.
import { balancerParts } from '../../bench/balancer-build.mjs';
import type { BalancerType } from '../../src/core/balancer-policy.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Nanoseconds, of the fastest round. */
async function pick(type: BalancerType, candidates: number): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/balancer.mjs', '--only', type, '--candidates', String(candidates), '--rounds', '8'], { cwd: root });
  const found = /^\| (\S+) \| (\d+) \| \d+ \((\d+)–\d+\) \|/m.exec(stdout);
  expect(found?.slice(1, 3), stdout).toEqual([type, String(candidates)]);
  return Number(found![3]);
}

beforeAll(() => balancerParts() as Promise<unknown>, 60_000);

it('the choice among fifty endpoints costs five times that of two drawn at random, at most', async () => {
  let [ours, theirs] = [Infinity, Infinity];
  for (let turn = 0; turn < 3; turn += 1) {
    ours = Math.min(ours, await pick('predictive', 50));
    theirs = Math.min(theirs, await pick('least-request', 50));
  }
  expect(ours / theirs).toBeLessThan(5);
}, 120_000);

it.each(['least-request', 'peak-ewma', 'round-robin'] as const)('%s: the choice among ten thousand endpoints costs less than twice that among ten', async (type) => {
  let [few, many] = [Infinity, Infinity];
  for (let turn = 0; turn < 2; turn += 1) {
    few = Math.min(few, await pick(type, 10));
    many = Math.min(many, await pick(type, 10_000));
  }
  expect(many / few).toBeLessThan(2);
}, 120_000);
