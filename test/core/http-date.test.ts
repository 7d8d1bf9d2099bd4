import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHttpDate } from '../../src/core/http-date.ts';

const WALL = Date.UTC(2026, 0, 1);

/** undici's vectors; see test/cases/http-date/README.md. */
const { httpDate } = JSON.parse(readFileSync(new URL('../cases/http-date/vectors.json', import.meta.url), 'utf8')) as { httpDate: { text: string; iso: string | null }[] };

describe('an HTTP date', () => {
  it('has enough vectors of both kinds', () => {
    expect(httpDate.filter(({ iso }) => iso !== null).length).toBeGreaterThan(100);
    expect(httpDate.filter(({ iso }) => iso === null).length).toBeGreaterThan(40);
  });

  it.each(httpDate)('$text → $iso', ({ text, iso }) => {
    const at = parseHttpDate(text, WALL);
    expect(at === undefined ? null : new Date(at).toISOString()).toBe(iso);
  });

  it.each(['2026-01-01', '6', '', ' Sun, 06 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 GMT ', 'Sun, 06 Nov 1994 08:49:37 +0000', `Sun, 06 Nov 1994 08:49:37 ${' '.repeat(1e6)}`])(
    '%j is none, whatever Date.parse makes of it',
    (text) => {
      expect(parseHttpDate(text, WALL)).toBeUndefined();
    },
  );

  it('of two digits is at most fifty years ahead', () => {
    expect(new Date(parseHttpDate('Sunday, 06-Nov-76 08:49:37 GMT', WALL)!).getUTCFullYear()).toBe(2076);
    expect(new Date(parseHttpDate('Sunday, 06-Nov-77 08:49:37 GMT', WALL)!).getUTCFullYear()).toBe(1977);
  });

  it('is read back as it is written, to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_102_444_800 }), (seconds) => {
        expect(parseHttpDate(new Date(seconds * 1000).toUTCString(), WALL)).toBe(seconds * 1000);
      }),
    );
  });
});
