import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TriedEndpoints } from '../../src/core/tried.ts';

describe('the endpoints that a call has tried', () => {
  it('are a set that keeps their order', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    fc.assert(
      fc.property(fc.array(key, { maxLength: 12 }), key, (added, asked) => {
        const [tried, set] = [new TriedEndpoints(), new Set<string>()];
        expect([tried.size, tried.last, tried.has(asked)]).toEqual([0, undefined, false]);
        for (const each of added) {
          tried.add(each);
          set.add(each);
          expect([tried.size, tried.last, tried.has(asked)]).toEqual([set.size, [...set].at(-1), set.has(asked)]);
        }
      }),
    );
  });
});
