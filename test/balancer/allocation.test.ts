/**
 * A pick leaves nothing on the heap, whatever the kind of balancer, whether it is the only one that the process uses or one of all, and whatever there is
 * to be looked at. What the engine puts on the heap depends on what it has seen and compiled, so each is measured in a process of its own, as the
 * package is built.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
// @ts-expect-error It is a script, without types.
import { balancerParts } from '../../bench/balancer-build.mjs';
import { balancerTypes } from '../../src/core/balancer-policy.ts';

const script = fileURLToPath(new URL('../support/heap-of-picks.mjs', import.meta.url));
let parts: string;

beforeAll(async () => {
  parts = (await balancerParts()) as string;
}, 60_000);

/** Bytes per pick, by what was picked from. */
async function left(types: readonly string[]): Promise<Record<string, number>> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64', script, parts, ...types]);
  return JSON.parse(stdout) as Record<string, number>;
}

/** A fraction on the heap is 16. What the engine needs for itself meanwhile is in the figure. */
const NOTHING = 0.8;

it.each([...balancerTypes.map((type) => [type, [type]] as const), ['all of them', balancerTypes] as const])('%s: a pick leaves nothing on the heap', async (_, types) => {
  const bytes = Object.entries(await left(types));
  expect(bytes.length).toBe(3 * types.length);
  expect(bytes.filter(([, each]) => !(each < NOTHING))).toEqual([]);
}, 60_000);
