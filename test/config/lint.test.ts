import { expect, test } from 'vitest';
import { suspicionsOf } from './refusal.ts';

const inService = (knobs: string) => suspicionsOf(`version: 1\nservices:\n  a: { ${knobs} }\n`);

test('the defaults raise no suspicion', () => {
  expect(suspicionsOf('version: 1\ndefaults: { deadline: 30s, attemptTimeout: 10s, retry: { maxRetries: 2 } }\nservices: { a: {} }')).toEqual([]);
});

test('retrying timeouts for which the deadline has no room', () => {
  expect(inService('deadline: 3s, attemptTimeout: 2s, retry: { on: [timeout] }')).toEqual([
    'policy.yaml:3:55 services.a.retry.on: a list (expected: an attemptTimeout of at most half the deadline (2s of 3s), or no attempt that times out can be retried)',
  ]);
  expect(inService('deadline: 3s, attemptTimeout: 1500ms, retry: { on: [timeout] }')).toEqual([]);
  expect(inService('deadline: 3s, attemptTimeout: 2s, retry: { on: [reset] }')).toEqual([]);
  expect(inService('deadline: 3s, attemptTimeout: 2s, retry: { on: [5xx], maxRetries: 0 }')).toEqual([]);
});

test('is told where it was written, once', () => {
  const warnings = suspicionsOf('version: 1\ndefaults: { retry: { on: [timeout] }, attemptTimeout: 1s }\nservices:\n  a: {}\n  b: { deadline: 1500ms }\n');
  expect(warnings).toEqual([expect.stringContaining('policy.yaml:5:18 services.b.deadline: "1500ms"')]);
});

test('retries of retries, which multiply', () => {
  expect(inService('retry: { retryOfRetry: true, maxRetries: 3 }')).toEqual([expect.stringContaining('in a chain of 3 such services one call becomes up to 64 attempts at the last one')]);
});

test('subsets of each client’s own, where the same key should find the same endpoint', () => {
  expect(inService('balancer: { type: hash, header: x-user-id }, subset: { strategy: rendezvous }')).toEqual([
    expect.stringContaining('services.a.subset.strategy: "rendezvous" (expected: subset.strategy off or auto with balancer.type hash'),
  ]);
  expect(inService('balancer: hash')).toEqual([]);
  expect(inService('balancer: hash, subset: off')).toEqual([]);
  expect(inService('balancer: predictive, subset: { strategy: rendezvous }')).toEqual([]);
  expect(suspicionsOf('version: 1\ndefaults: { subset: { strategy: load-aware } }\nservices:\n  a: { balancer: hash }\n  b: {}\n')).toEqual([expect.stringContaining('policy.yaml:4:18 services.a.balancer: "hash"')]);
});

test('slow start and locality that change nothing', () => {
  expect(inService('slowStart: { minWeight: 100% }')).toEqual([expect.stringContaining('slowStart.minWeight: "100%" (expected: less than 100%: nobody starts slowly)')]);
  expect(inService('locality: { remoteCost: 1 }')).toEqual([expect.stringContaining('locality.remoteCost: 1 (expected: more than 1')]);
  expect(inService('balancer: round-robin, locality: { remoteCost: 2 }')).toEqual([expect.stringContaining('services.a.locality: a mapping (expected: off with balancer.type round-robin')]);
  expect(inService('balancer: round-robin, locality: off')).toEqual([]);
  expect(inService('balancer: round-robin')).toEqual([]);
});
