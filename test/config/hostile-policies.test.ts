/** Nothing that may be written into a policy file holds up the process that reads it, and what is wrong with it is told in few words. */
import { expect, it } from 'vitest';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import { problemText } from '../../src/config/problem.ts';
import { hostilePolicies } from './hostile-policies.ts';

/** Twice the 200 ms that hold on a machine with nothing else to do: tests share theirs, and its caches. */
const bound = 400;

it.each(Object.entries(hostilePolicies))('is soon through with %s', (_, text) => {
  // Processor time, so that what others take of the machine is not counted; the best of some, for what was before leaves garbage.
  let [best, parsed] = [Infinity, parsePolicy('', 'policy.yaml', {})];
  for (let tries = 0; tries < 4 && best >= bound; tries++) {
    const before = process.cpuUsage();
    parsed = parsePolicy(text, 'policy.yaml', {});
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  expect(best).toBeLessThan(bound);
  if ('policy' in parsed) return;
  const lines = parsed.invalid.problems.map(problemText);
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.length).toBeLessThanOrEqual(100);
  for (const line of lines) expect(line.length).toBeLessThan(600);
});
