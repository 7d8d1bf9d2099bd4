import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keepUnchanged } from '../../src/config/keep-unchanged.ts';
import { accepted } from './refusal.ts';

const text = 'version: 1\ndefaults: { retry: { on: [reset, 5xx] } }\nservices:\n  a: { deadline: 12s, versions: { v1: { discovery: { endpoints: ["10.0.0.1:80"] } } } }\n  b: {}\n';

test('a policy that says the same is the same', () => {
  const before = accepted(text);
  expect(keepUnchanged(before, accepted(text))).toBe(before);
});

test('only what changed is new, and all that holds it', () => {
  const before = accepted(text);
  const after = accepted(text.replace('12s', '13s'));
  const kept = keepUnchanged(before, after);
  expect(kept).toEqual(after);
  expect(kept.services.get('a')).not.toBe(before.services.get('a'));
  expect(kept.services.get('a')?.policy.retry).toBe(before.services.get('a')?.policy.retry);
  expect(kept.services.get('a')?.versions).toBe(before.services.get('a')?.versions);
  expect(kept.services.get('b')).toBe(before.services.get('b'));
  expect(kept.defaults).toBe(before.defaults);
});

test('whatever the two are, the result equals the second, and is the first where both are equal', () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, fc.constantFrom(undefined, null, 0, 1, NaN, 'x', 'off'), fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value')), fc.array(fc.tuple(fc.constantFrom('a', 'b'), tie('value'))).map((entries) => new Map(entries))),
  })).value;
  fc.assert(fc.property(value, value, (before, after) => {
    expect(keepUnchanged(before, after)).toEqual(after);
  }));
  fc.assert(fc.property(fc.clone(value, 2), ([before, after]) => {
    expect(keepUnchanged(before, after)).toBe(before);
  }));
});
