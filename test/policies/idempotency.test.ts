import { describe, expect, it } from 'vitest';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { mayBeRepeated } from '../../src/policies/idempotency.ts';
import { fakeCall } from '../support/fake-call.ts';

const { methods } = defaultServicePolicy.retry;
const may = (call: ReturnType<typeof fakeCall>, sent: 'no' | 'maybe' | 'yes') => mayBeRepeated(call, methods, sent);

describe('a request may be repeated', () => {
  it('if its method promises so', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']) expect(may(fakeCall({ request: { method } }), 'yes')).toBe(true);
    for (const method of ['POST', 'PATCH', 'get', 'LOCK', 'CONNECT']) expect(may(fakeCall({ request: { method } }), 'yes')).toBe(false);
  });

  it('if it provably never left; that it may not have is no proof', () => {
    const post = fakeCall({ request: { method: 'POST' } });
    expect([may(post, 'no'), may(post, 'maybe'), may(post, 'yes')]).toEqual([true, false, false]);
  });

  it('if the caller gave an idempotency key, as an option or as a header of any spelling', () => {
    expect(may(fakeCall({ request: { method: 'POST' }, options: { idempotencyKey: 'k1' } }), 'yes')).toBe(true);
    for (const name of ['idempotency-key', 'Idempotency-Key', 'IDEMPOTENCY-KEY']) {
      expect(may(fakeCall({ request: { method: 'POST', headers: ['accept', '*/*', name, 'k1'] } }), 'yes')).toBe(true);
      expect(may(fakeCall({ request: { method: 'POST', headers: [name, ['k1']] } }), 'yes')).toBe(true);
    }
  });

  it('not with an empty key, nor where only a value looks like one', () => {
    expect(may(fakeCall({ request: { method: 'POST' }, options: { idempotencyKey: '' } }), 'yes')).toBe(false);
    expect(may(fakeCall({ request: { method: 'POST', headers: ['idempotency-key', ''] } }), 'yes')).toBe(false);
    expect(may(fakeCall({ request: { method: 'POST', headers: ['x-header', 'idempotency-key'] } }), 'yes')).toBe(false);
  });
});
