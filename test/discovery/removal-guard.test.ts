import fc from 'fast-check';
import { expect, it } from 'vitest';
import { endpointKey } from '../../src/core/endpoint.ts';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { RemovalGuard } from '../../src/discovery/removal-guard.ts';

const endpoints = (ports: Iterable<number>): Endpoint[] => [...new Set(ports)].map((port) => ({ host: '10.0.0.1', port, weight: 1, priority: 0 }));
const ports = (list: readonly Endpoint[]): number[] => list.map((endpoint) => endpoint.port).sort((one, other) => one - other);

it.each([
  ['one of two', [1, 2], [1], [1]],
  ['two of three', [1, 2, 3], [1], [1, 2, 3]],
  ['the only one, replaced', [1], [2], [1, 2]],
  ['two of four', [1, 2, 3, 4], [1, 2], [1, 2]],
  ['none', [1, 2], [1, 2, 3], [1, 2, 3]],
])('when %s of them are missing once', (_what, before, answered, used) => {
  expect(ports(new RemovalGuard().admit(endpoints(before), endpoints(answered)))).toEqual(used);
});

it('uses all that was answered, and nothing else that is missing twice in a row; never less than half at once', () => {
  const set = fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { minLength: 1 });
  fc.assert(fc.property(fc.array(set, { minLength: 2, maxLength: 12 }), (answers) => {
    const guard = new RemovalGuard();
    let used: readonly Endpoint[] = endpoints(answers[0]!);
    let last = new Set(answers[0]);
    for (const answer of answers.slice(1)) {
      const before = used;
      used = guard.admit(before, endpoints(answer));
      const keys = new Set(ports(used));
      expect(answer.every((port) => keys.has(port))).toBe(true);
      expect([...keys].every((port) => answer.includes(port) || last.has(port))).toBe(true);
      const inDoubt = before.filter((endpoint) => answer.includes(endpoint.port) || last.has(endpoint.port));
      expect(inDoubt.filter((endpoint) => keys.has(endpoint.port)).length).toBeGreaterThanOrEqual(inDoubt.length / 2);
      expect(guard.held).toEqual(used.filter((endpoint) => !answer.includes(endpoint.port)).map(endpointKey));
      last = new Set(answer);
    }
  }), { seed: 11, numRuns: 500 });
});
