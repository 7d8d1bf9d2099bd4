import { expect, test } from 'vitest';
import { ordinalOf } from '../../src/core/ordinal.ts';

test.each([
  ['reviews-0', 'reviews', 0],
  ['reviews-12', 'reviews', 12],
  ['Reviews-12', 'reviews', 12],
  ['reviews-v2-9999', 'reviews-v2', 9999],
  ['reviews-3.reviews.default.svc.cluster.local', 'reviews', 3],
  ['0ad-4', '0ad', 4],
])('%s is a pod of a StatefulSet', (name, set, index) => {
  expect(ordinalOf(name)).toEqual({ set, index });
});

test.each([
  'reviews', 'reviews-', '-3', '7', 'reviews-03', 'reviews-12345', 'reviews-7d9c6b5f4-x2x9z', 'reviews-7d9c6b5f4-24568',
  'ip-10-0-0-1', '10-0-0-1', '10-0-0-1.reviews.default.svc.cluster.local', 'reviews-3x', '4f1e0c6a9b7d', '',
])('%s is none', (name) => {
  expect(ordinalOf(name)).toBeUndefined();
});
