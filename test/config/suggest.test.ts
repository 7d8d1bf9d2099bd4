import { expect, test } from 'vitest';
import { nearest } from '../../src/config/suggest.ts';

const known = ['maxRetries', 'methods', 'backoff', 'budget', 'on', 'retryAfter'];

test.each([['bakoff', 'backoff'], ['backoffs', 'backoff'], ['bcakoff', 'backoff'], ['max_retries', 'maxRetries'], ['MAXRETRIES', 'maxRetries'], ['no', 'on'], ['metods', 'methods']])(
  'takes %s for %s',
  (word, meant) => expect(nearest(word, known)).toBe(meant),
);

test.each(['', 'xyz', 'hedge', 'completelyDifferent', 'b'.repeat(100_000)])('has nothing to say to %.20s', (word) => expect(nearest(word, known)).toBeUndefined());

test('the nearest of several is meant', () => expect(nearest('maxx', ['min', 'max', 'maxim'])).toBe('max'));
