import { expect, test } from 'vitest';
import { criticalities, DEFAULT_CRITICALITY, isCriticality, sheddability } from '../../src/core/criticality.ts';

test('what is more important is shed later', () => {
  expect(criticalities.map(sheddability)).toEqual([0, 1, 2, 3]);
  expect(sheddability(DEFAULT_CRITICALITY)).toBe(1);
});

test.each([['critical', true], ['critical-plus', true], ['Critical', false], ['', false], [0, false], [undefined, false], [null, false]])('%o is one of the four: %o', (value, is) => {
  expect(isCriticality(value)).toBe(is);
});
