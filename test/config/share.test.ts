import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatShare, parseShare } from '../../src/config/share.ts';

test.each([['0%', 0], ['20%', 0.2], ['0.5%', 0.005], ['99.9%', 0.999], ['100%', 1]])('reads %s as %d', (text, fraction) => expect(parseShare(text)).toBe(fraction));

test.each(['', '20', '0.2', '%', '101%', '100.1%', '-1%', '20 %', '1e1%'])('does not guess at %j', (text) => expect(parseShare(text)).toBeUndefined());

test('what it writes it can read', () => {
  fc.assert(fc.property(fc.nat(100_000), (n) => parseShare(formatShare(n / 100_000)) === n / 100_000));
});
