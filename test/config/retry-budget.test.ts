import { expect, test } from 'vitest';
import { accepted, objectRefusals, refusals } from './refusal.ts';

const expected = 'either perSuccess and cap, or percent, interval and minRetryRate';

test.each([
  ['{ perSuccess: 10%, percent: 20 }', 'percent', '20'],
  ['{ minRetryRate: { count: 3 }, cap: 10 }', 'minRetryRate', 'a mapping'],
  ['{ interval: 10s, percent: 20, cap: 10 }', 'percent', '20'],
])('a budget that is paid for in two ways is refused: %s', (budget, key, found) => {
  const [first, ...more] = refusals(`version: 1\nservices:\n  a:\n    retry: { budget: ${budget} }\n`);
  expect(first).toMatch(new RegExp(`^policy\\.yaml:4:\\d+ services\\.a\\.retry\\.budget\\.${key}: ${found} \\(expected: ${expected}\\)$`));
  expect(more).toEqual([]);
});

test('it is told once where it was written, not for each service that inherits it', () => {
  expect(refusals('version: 1\ndefaults: { retry: { budget: { cap: 3, percent: 20 } } }\nservices: { a: , b: { retry: { maxRetries: 1 } } }')).toHaveLength(1);
  expect(objectRefusals({ version: 1, defaults: { retry: { budget: { cap: 3, percent: 20 } } } })).toEqual([`options.policy defaults.retry.budget.percent: 20 (expected: ${expected})`]);
});

test.each([
  ['{ percent: 101 }', 'number 0–100'],
  ['{ percent: 20% }', 'number 0–100'],
  ['{ interval: 500ms }', 'duration 1s–1h'],
  ['{ minRetryRate: 10 }', 'a mapping of count, interval'],
  ['{ minRetryRate: { count: -1 } }', 'integer 0–10000'],
  ['{ mode: dark }', 'enforce or observe'],
])('%s is refused', (budget, expectation) => {
  expect(refusals(`version: 1\ndefaults: { retry: { budget: ${budget} } }`)[0]).toContain(`(expected: ${expectation}`);
});

test('GEP-3388’s shape is accepted as the GEP has it', () => {
  const { retry } = accepted('version: 1\ndefaults: { retry: { budget: { percent: 20, interval: 10s, minRetryRate: { count: 10, interval: 1s } } } }').defaults;
  expect(retry).toMatchObject({ budget: { percent: 20, interval: 10_000, minRetryRate: { count: 10, interval: 1000 }, mode: 'enforce' } });
});
