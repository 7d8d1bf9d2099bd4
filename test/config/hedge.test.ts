import { expect, test } from 'vitest';
import { onceSwitchedOn } from '../../src/core/policy.ts';
import { accepted, acceptedObject, refusals } from './refusal.ts';

const hedgeOf = (written: string) => accepted(`version: 1\nservices: { a: { hedge: ${written} } }`).services.get('a')!.policy.hedge;

test('hedging is off, and on with a mapping', () => {
  expect(accepted('version: 1').defaults.hedge).toBe('off');
  expect(hedgeOf('off')).toBe('off');
  expect(hedgeOf('{}')).toEqual(onceSwitchedOn.hedge);
  expect(hedgeOf('{ extraLoad: 2%, max: 2, mode: observe }')).toEqual({ after: 'auto', extraLoad: 0.02, max: 2, mode: 'observe' });
});

test.each([
  ['auto', 'auto'],
  ['p95', 'p95'],
  ['p99.9', 'p99.9'],
  ['50ms', 50],
  ['2s', 2000],
])('after: %s', (written, after) => {
  expect(hedgeOf(`{ after: ${written} }`)).toMatchObject({ after });
});

test('in an object a number is milliseconds', () => {
  expect(acceptedObject({ version: 1, defaults: { hedge: { after: 50 } } }).defaults.hedge).toMatchObject({ after: 50 });
});

test.each([
  ['{ after: p49 }', 'after: "p49" (expected: auto, a percentile p50–p99.9, or duration 1ms–1h'],
  ['{ after: p100 }', 'after: "p100"'],
  ['{ after: p9 }', 'after: "p9"'],
  ['{ after: 0ms }', 'after: "0ms"'],
  ['{ after: 50 }', 'after: 50'],
  ['{ max: 0 }', 'max: 0 (expected: integer 1–4)'],
  ['{ extraLoad: 0.01 }', 'extraLoad: 0.01 (expected: share 0%–100%)'],
  ['{ delay: 5ms }', 'delay: unknown key'],
  ['on', '"on" (expected: off, or a mapping of after, max, extraLoad, mode)'],
])('hedge: %s is refused', (written, message) => {
  expect(refusals(`version: 1\ndefaults: { hedge: ${written} }`)[0]).toContain(message);
});
