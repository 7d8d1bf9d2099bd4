import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../src/config/duration.ts';

test.each([['250ms', 250], ['2s', 2000], ['5m', 300_000], ['1h', 3_600_000], ['1.5s', 1500], ['4.35m', 261_000], ['0s', 0], ['0.5ms', 0.5], [2000, 2000], [0, 0]])(
  'reads %s as %d ms',
  (text, expected) => expect(parseDuration(text)).toBe(expected),
);

test.each(['', '2', 's', '-2s', '+2s', '2 s', ' 2s', '2s ', '2S', '2sec', '1h30m', '1e3ms', '.5s', '5.s', '0x10s', '２s', `${'9'.repeat(400)}s`, '2d', -1, NaN, Infinity])(
  'does not guess at %s',
  (text) => expect(parseDuration(text)).toBeUndefined(),
);

test('what it writes it can read', () => {
  fc.assert(fc.property(fc.nat(2_000_000_000), (millis) => parseDuration(formatDuration(millis)) === millis));
});

test.each([[0, '0s'], [30, '30ms'], [1000, '1s'], [1500, '1500ms'], [90_000, '90s'], [86_400_000, '24h']])('writes %d ms as %s', (millis, text) => {
  expect(formatDuration(millis)).toBe(text);
});
