import { expect, it } from 'vitest';
import { judge } from '../../../src/cli/resolve/judgement.ts';
import type { SourceAnswer } from '../../../src/discovery/source.ts';

const one: SourceAnswer = { endpoints: [{ host: '10.0.0.1', port: 80, weight: 1, priority: 0 }], complete: true, ttl: 5 };
const none: SourceAnswer = { endpoints: [], complete: true, ttl: 5 };

it.each<[string, SourceAnswer | Error, object]>([
  ['uses what is whole', one, { does: 'uses', next: { min: 4250, max: 5000 } }],
  ['only adds what is cut', { ...one, complete: false }, { does: 'adds', complete: false }],
  ['asks again within the TTL', { ...one, ttl: 2 }, { next: { min: 1700, max: 2000 } }],
  ['asks once more after a TTL of 0', { ...one, ttl: 0 }, { next: { min: 1000, max: 1000 }, ttl: 0 }],
  ['asks less often for much', { ...one, ttl: 30, bytes: 4096 * 20 }, { next: { min: 17_000, max: 20_000 } }],
  ['never asks again for what always holds', { ...one, ttl: Infinity }, { does: 'uses', next: null, ttl: null }],
  ['doubts that there is nothing', none, { does: 'doubts-empty', next: { min: 4250, max: 5000 } }],
  ['believes it where somebody wrote it down', { ...none, emptyForSure: true }, { does: 'believes-empty' }],
  ['keeps what it has where the answer was cut before its first endpoint', { ...none, complete: false }, { does: 'keeps', error: expect.stringContaining('cut short') as string }],
  ['keeps what it has where there was no answer', new Error('silence'), { does: 'keeps', error: 'silence', next: { min: 100, max: 1000 } }],
])('a client %s', async (_title, answer, expected) => {
  const judgement = await judge(answer, 'srv x');
  expect({ ...judgement, next: judgement.next && { min: Math.round(judgement.next.min), max: Math.round(judgement.next.max) } }).toMatchObject(expected);
});
