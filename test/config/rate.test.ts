import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatRate, parseRate } from '../../src/config/rate.ts';

test.each([['100/s', 100], ['6000/m', 100], ['0.5/s', 0.5], ['6/m', 0.1], ['1/h', 1 / 3600]])('reads %s as %d per second', (text, perSecond) => expect(parseRate(text)).toBe(perSecond));

test.each(['', '100', '100/', '/s', '100/ms', '100 /s', '-1/s', '1e3/s', '0/s', '0.0/h', '100/d', '100/s '])('does not guess at %j', (text) => expect(parseRate(text)).toBeUndefined());

test.each([[100, '100/s'], [0.1, '6/m'], [1 / 3600, '1/h'], [2.5, '150/m'], [1 / 7200, '0.5/h']])('writes %d as %s', (perSecond, text) => expect(formatRate(perSecond)).toBe(text));

test('what it writes it can read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.constantFrom('s', 'm', 'h'), (count, unit) => {
      const perSecond = parseRate(`${count}/${unit}`)!;
      expect(parseRate(formatRate(perSecond))).toBeCloseTo(perSecond, 9);
    }),
  );
});
