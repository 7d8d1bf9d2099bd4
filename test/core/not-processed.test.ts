import { expect, test } from 'vitest';
import { notProcessed, saysNotProcessed } from '../../src/core/not-processed.ts';

const asked = { host: '10.0.0.7', port: 8080, weight: 1, priority: 0 };

test('is believed of the endpoint that was asked', () => {
  expect(saysNotProcessed(notProcessed('overload', '10.0.0.7:8080'), asked)).toBe(true);
  expect(saysNotProcessed(notProcessed('deadline', '10.0.0.7:8080'), asked)).toBe(true);
  expect(saysNotProcessed(notProcessed('overload', '[fd00::7]:8080'), { ...asked, alternate: 'fd00::7' })).toBe(true);
});

test.each([
  ['another endpoint behind it, whose headers it copied', 'overload; by=10.0.0.8:8080'],
  ['another port', 'overload; by=10.0.0.7:80'],
  ['nobody', 'overload'],
  ['two', 'overload; by=10.0.0.7:8080, overload; by=10.0.0.8:8080'],
  ['a reason that nobody has', 'because; by=10.0.0.7:8080'],
  ['something longer than any address', `overload; by=${'1'.repeat(10_000)}`],
  ['nothing', undefined],
])('is not believed when it comes from %s', (_whom, value) => {
  expect(saysNotProcessed(value, asked)).toBe(false);
});
