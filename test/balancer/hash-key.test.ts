import { describe, expect, it } from 'vitest';
import { hashKeyOf } from '../../src/balancer/hash-key.ts';
import type { HeaderList } from '../../src/core/call.ts';
import { defaultBalancer } from '../../src/core/balancer-policy.ts';

const keyOf = (headers: HeaderList, hashKey?: string, knobs: { header?: string; cookie?: string } = { header: 'X-User-Id', cookie: 'sid' }) =>
  hashKeyOf({ tried: new Set(), hashKey, request: { headers } }, { ...defaultBalancer, ...knobs });

describe('the key of a request', () => {
  it('is what the call says, else the header, else the cookie', () => {
    const both = ['x-user-id', 'ann', 'cookie', 'sid=7'];
    expect(keyOf(both, 'given')).toBe('given');
    expect(keyOf(both)).toBe('ann');
    expect(keyOf(['cookie', 'sid=7'])).toBe('7');
    expect(keyOf(['accept', '*/*'])).toBeUndefined();
    expect(hashKeyOf({ tried: new Set() }, { ...defaultBalancer, header: 'x-user-id' })).toBeUndefined();
  });

  it('is not what is empty', () => {
    expect(keyOf(['x-user-id', '', 'cookie', 'sid=7'], '')).toBe('7');
    expect(keyOf(['x-user-id', '', 'cookie', 'sid='])).toBeUndefined();
  });

  it('is found however the header is written, and of several the first', () => {
    expect(keyOf(['X-USER-ID', 'ann', 'x-user-id', 'bob'])).toBe('ann');
    expect(keyOf(['x-user-id', ['ann', 'bob']])).toBe('ann');
    expect(keyOf(['x-user-idx', 'no', 'y-user-id', 'no'])).toBeUndefined();
  });

  it.each([
    ['sid=7', '7'],
    ['a=1; sid=7; b=2', '7'],
    ['a=1;sid= 7 ;b=2', '7'],
    ['sid=a=b', 'a=b'],
    ['xsid=1; sidx=2; sid=7', '7'],
    ['sid=7; sid=8', '7'],
    ['sid', undefined],
    ['a=sid=7', undefined],
    ['; ;', undefined],
    ['', undefined],
  ])('of the cookies %j is %j', (cookies, key) => {
    expect(keyOf(['cookie', cookies])).toBe(key);
  });

  it('is none where the policy names neither', () => {
    expect(keyOf(['x-user-id', 'ann', 'cookie', 'sid=7'], undefined, {})).toBeUndefined();
  });
});
