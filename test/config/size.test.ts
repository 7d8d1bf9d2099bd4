import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatSize, parseSize } from '../../src/config/size.ts';

test.each([['0B', 0], ['500B', 500], ['64KiB', 65_536], ['1.5MiB', 1_572_864], ['1GiB', 1_073_741_824], ['64KB', 64_000], ['2MB', 2_000_000]])('reads %s as %d bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(['', '64', '64K', '64Ki', '64kib', '64 KiB', '-1B', 'KiB', '1iB', '1TiB'])('does not guess at %j', (text) => expect(parseSize(text)).toBeUndefined());

test('what it writes it can read', () => {
  fc.assert(fc.property(fc.nat(2 ** 31), (bytes) => parseSize(formatSize(bytes)) === bytes));
});
