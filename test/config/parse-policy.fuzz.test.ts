/** Whatever the text, parsing ends with a policy or with problems that name their place, and with nothing else. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parsePolicy, parsePolicyObject } from '../../src/config/parse-policy.ts';
import type { ParsedPolicy } from '../../src/config/parse-policy.ts';
import { problemText } from '../../src/config/problem.ts';
import { seededRandom } from '../../src/core/random.ts';

const seed = readFileSync(new URL('../../examples/policy.yaml', import.meta.url), 'utf8');
const pieces = [
  '', ' ', '  ', '\t', '\n', '\r\n', ':', ': ', '- ', '? ', '[', ']', '{', '}', ',', '#', '&a ', '*a', '!!map ', '%YAML 1.1\n', '---\n', '...\n', '|\n', '>-\n', '"', "'", '\\', '<<: ', '@', '`', '~', 'null', 'off',
  'true', '.inf', '.nan', '0x10', '1e999', '-1', '${', '${X}', '${NAMESPACE:-', '__proto__: ', 'constructor: ', 'toString: ', 'version: 1\n', 'services:\n', 'retry: off', '5s', '20%', '64KiB', '\u0000', '\u0007', '\uFEFF', '\u2028', '\uD800', '😀', 'ä',
];

function check(parsed: ParsedPolicy, text: unknown): void {
  if ('policy' in parsed) {
    for (const { policy, hosts } of parsed.policy.services.values()) expect(policy.deadline > 0 && hosts.length > 0, String(text)).toBe(true);
    return;
  }
  expect(parsed.invalid.problems.length, String(text)).toBeGreaterThan(0);
  for (const problem of parsed.invalid.problems) expect(problemText(problem)).toMatch(/\(.*expected: .+\)$/s);
}

test('any damage to a real policy gives a policy or problems', { timeout: 60_000 }, () => {
  const random = seededRandom(20261120);
  const below = (limit: number) => Math.floor(random.next() * limit);
  let valid = 0;
  for (let round = 0; round < 2000; round++) {
    let text = seed;
    for (let damages = 1 + below(4); damages > 0; damages--) {
      const at = below(text.length + 1);
      const length = below(2) === 0 ? 0 : below(30);
      const other = below(text.length);
      const insert = below(4) === 0 ? text.slice(other, other + below(60)) : (pieces[below(pieces.length)] as string);
      text = text.slice(0, at) + insert + text.slice(at + length);
    }
    const parsed = parsePolicy(text, 'policy.yaml', { X: 'x' });
    if ('policy' in parsed) valid += 1;
    check(parsed, text);
  }
  // Both ends are reached: damage in a comment changes nothing, most other damage does.
  expect(valid).toBeGreaterThan(100);
  expect(valid).toBeLessThan(1900);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

test('any object gives a policy or problems', () => {
  const random = seededRandom(7);
  const below = (limit: number) => Math.floor(random.next() * limit);
  const keys = ['version', 'defaults', 'services', 'a', 'retry', 'on', 'hosts', 'discovery', 'deadline', '__proto__', 'constructor', 'valueOf', '', '0', 'srv', 'endpoints', 'file', 'kubernetes', 'service', 'port', 'versions', 'balancer', 'type'];
  const leaves = [1, 0, -1, NaN, '', 'off', '5s', 'a', null, undefined, true, Symbol('s'), 1n, () => 1, new Date(0), /x/];
  const make = (depth: number): unknown => {
    const kind = depth > 5 ? 0 : below(4);
    if (kind === 0) return leaves[below(leaves.length)];
    if (kind === 1) return Array.from({ length: below(4) }, () => make(depth + 1));
    const object: Record<string, unknown> = {};
    for (let n = below(6); n > 0; n--) Object.defineProperty(object, keys[below(keys.length)] as string, { value: make(depth + 1), enumerable: true, configurable: true, writable: true });
    return object;
  };
  for (let round = 0; round < 2000; round++) {
    const services = below(2) === 0 ? make(1) : { a: make(2), b: make(2) };
    check(parsePolicyObject({ version: 1, defaults: make(1), services }, {}), round);
  }
});
