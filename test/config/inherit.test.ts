import { expect, test } from 'vitest';
import { defaultPolicy, defaultServicePolicy as core, defaultWindowBudget, onceSwitchedOn } from '../../src/core/policy.ts';
import type { PolicyDocument } from '../../src/config/schema.ts';
import { accepted, acceptedObject } from './refusal.ts';

const service = (text: string) => accepted(text).services.get('a')?.policy;

test('a policy that says nothing is the built-in one', () => {
  expect(accepted('version: 1')).toEqual(defaultPolicy);
  expect(accepted('version: 1\ndefaults:\nservices:\n')).toEqual(defaultPolicy);
  expect(accepted('version: 1\nservices:\n  a:\n').services.get('a')).toEqual({ name: 'a', hosts: [{ host: 'a', port: undefined }], source: undefined, versions: new Map(), routes: [], policy: core });
});

test('a service inherits key by key, as deep as keys go', () => {
  const policy = service(`
version: 1
defaults:
  deadline: 20s
  retry: { maxRetries: 5, backoff: { base: 50ms } }
  outlier: { ejection: { jitter: 10% } }
services:
  a:
    retry: { backoff: { max: 1s }, on: [503] }
    outlier: { relative: { gap: 30% } }
`);
  expect(policy).toEqual({
    ...core,
    deadline: 20_000,
    retry: { ...core.retry, maxRetries: 5, on: [503], backoff: { ...core.retry.backoff, base: 50, max: 1000 } },
    outlier: { ...core.outlier, relative: { ...core.outlier.relative, gap: 0.3 }, ejection: { ...core.outlier.ejection, jitter: 0.1 } },
  });
});

test('services do not share what they wrote', () => {
  const { services, defaults } = accepted('version: 1\nservices:\n  a: { retry: { maxRetries: 5 } }\n  b: {}\n');
  expect(services.get('a')?.policy.retry).toMatchObject({ maxRetries: 5 });
  expect(services.get('b')?.policy).toEqual(core);
  expect(defaults).toEqual(core);
});

test.each(['subset', 'outlier', 'retry', 'circuit', 'concurrency', 'throttle', 'rateLimit', 'attemptTimeout'] as const)('%s can be switched off, for all or for one', (key) => {
  expect(accepted(`version: 1\ndefaults: { ${key}: off }\nservices: { a: }`).services.get('a')?.policy).toEqual({ ...core, [key]: 'off' });
  expect(service(`version: 1\nservices: { a: { ${key}: off } }`)).toEqual({ ...core, [key]: 'off' });
});

test('a mapping after an off switches on, with the built-in values below', () => {
  const text = 'version: 1\ndefaults: { retry: off, outlier: off }\nservices: { a: { retry: { maxRetries: 1 }, outlier: {} } }';
  expect(service(text)).toEqual({ ...core, retry: { ...core.retry, maxRetries: 1 } });
});

test('what is off by default is switched on by any of its keys, with values of its own below', () => {
  expect(service('version: 1\nservices: { a: { rateLimit: { rate: 6000/m } } }')).toEqual({ ...core, rateLimit: { rate: 100, burst: 20, mode: 'enforce' } });
  expect(service('version: 1\ndefaults: { rateLimit: { burst: 3 } }\nservices: { a: { rateLimit: { rate: 1/m } } }')?.rateLimit).toEqual({ rate: 1 / 60, burst: 3, mode: 'enforce' });
});

test('an adaptive limit may be named alone, and has values of its own below', () => {
  const adaptive = { type: 'gradient', min: 2, initial: 20, tolerance: 1.5 };
  expect(service('version: 1\nservices: { a: { concurrency: { adaptive: gradient } } }')?.concurrency).toEqual({ ...core.concurrency, adaptive });
  expect(service('version: 1\ndefaults: { concurrency: { adaptive: { min: 5 } } }\nservices: { a: { concurrency: { adaptive: aimd } } }')?.concurrency).toMatchObject({ adaptive: { ...adaptive, type: 'aimd', min: 5 } });
  expect(service('version: 1\ndefaults: { concurrency: { adaptive: aimd, max: 5 } }\nservices: { a: { concurrency: { adaptive: off } } }')?.concurrency).toEqual({ ...core.concurrency, max: 5 });
  // What nobody wrote gives way.
  expect(service('version: 1\nservices: { a: { concurrency: { max: 10, adaptive: gradient } } }')?.concurrency).toMatchObject({ max: 10 });
});

test('what is off by default is switched on by any of its keys, with built-in values beside it', () => {
  expect(service('version: 1\nservices: { a: { healthCheck: { path: /ready } } }')?.healthCheck).toEqual({ ...onceSwitchedOn.healthCheck, path: '/ready' });
  expect(service('version: 1\nservices: { a: { outlier: { successRate: {} } } }')?.outlier).toEqual({ ...core.outlier, successRate: onceSwitchedOn.outlier.successRate });
  const inherited = service('version: 1\ndefaults: { healthCheck: { interval: 5s } }\nservices: { a: { healthCheck: { expect: [204] } } }');
  expect(inherited?.healthCheck).toEqual({ ...onceSwitchedOn.healthCheck, interval: 5000, expect: [204] });
  expect(service('version: 1\ndefaults: { healthCheck: {} }\nservices: { a: { healthCheck: off } }')?.healthCheck).toBe('off');
});

test('the balancer may be named alone and keeps what it inherits', () => {
  expect(service('version: 1\ndefaults: { balancer: { type: peak-ewma, decay: 5s } }\nservices: { a: { balancer: peak-ewma } }')?.balancer).toEqual({ ...core.balancer, type: 'peak-ewma', decay: 5000 });
  expect(service('version: 1\nservices: { a: { balancer: { type: peak-ewma, failurePenalty: 2s } } }')?.balancer).toEqual({ ...core.balancer, type: 'peak-ewma', failurePenalty: 2000 });
});

test('a retry budget of the other shape starts from that shape’s own defaults, and says nothing about what both have', () => {
  const budgets = (defaults: string, own: string) => {
    const { policy } = accepted(`version: 1\ndefaults: { retry: ${defaults} }\nservices: { a: { retry: { budget: ${own} } } }`).services.get('a')!;
    return policy.retry === 'off' ? 'off' : policy.retry.budget;
  };
  expect(budgets('{}', '{ percent: 30 }')).toEqual({ ...defaultWindowBudget, percent: 30, mode: 'enforce' });
  expect(budgets('{ budget: { mode: observe } }', '{ minRetryRate: { count: 3 } }')).toEqual({ ...defaultWindowBudget, minRetryRate: { count: 3, interval: 1000 }, mode: 'observe' });
  expect(budgets('{ budget: { interval: 1m } }', '{ percent: 30 }')).toEqual({ ...defaultWindowBudget, interval: 60_000, percent: 30, mode: 'enforce' });
  expect(budgets('{ budget: { interval: 1m } }', '{ cap: 3 }')).toEqual({ ...core.retry.budget, cap: 3 });
  expect(budgets('{ budget: { interval: 1m } }', '{ mode: observe }')).toEqual({ ...defaultWindowBudget, interval: 60_000, mode: 'observe' });
  expect(budgets('off', '{ percent: 30 }')).toEqual({ ...defaultWindowBudget, percent: 30, mode: 'enforce' });
});

test('every unit becomes what core counts in', () => {
  const policy = service('version: 1\nservices: { a: { deadline: 1.5m, retry: { replayBodyUpTo: 1MiB, budget: { perSuccess: 12.5% } }, subset: { strategy: off } } }');
  expect(policy).toMatchObject({ deadline: 90_000, retry: { replayBodyUpTo: 1_048_576, budget: { perSuccess: 0.125 } }, subset: { strategy: 'off' } });
});

test('an object of the same shape says the same, and its numbers are milliseconds', () => {
  const document = { version: 1, defaults: { deadline: 2000, attemptTimeout: '1s', retry: { retryAfter: undefined } }, services: { a: { hosts: ['B:80'], circuit: 'off' } } };
  const policy = acceptedObject(document);
  expect(policy).toEqual(accepted('version: 1\ndefaults: { deadline: 2s, attemptTimeout: 1s }\nservices: { a: { hosts: ["B:80"], circuit: off } }'));
  document.defaults.deadline = 9;
  expect(policy.defaults.deadline).toBe(2000);
});

test('endpoints are found where the service says', () => {
  const source = (discovery: string) => accepted(`version: 1\nservices: { a: { discovery: ${discovery} } }`).services.get('a');
  expect(source('{ srv: _http._tcp.a.shop }')?.source).toEqual({ kind: 'srv', name: '_http._tcp.a.shop' });
  expect(source('{ dns: a.shop, port: 80 }')?.source).toEqual({ kind: 'dns', name: 'a.shop', port: 80 });
  expect(source('{ endpoints: ["10.0.0.1:80", "[::1]:81", "db-0:82"] }')?.source).toEqual({
    kind: 'endpoints',
    endpoints: [{ host: '10.0.0.1', port: 80 }, { host: '::1', port: 81 }, { host: 'db-0', port: 82 }],
  });
  const kept = source('{ srv: _http._tcp.a.shop, refresh: 2s }');
  expect(kept?.policy.discovery).toEqual({ ...core.discovery, refresh: 2000 });
  expect(source('{ refresh: 2s }')?.source).toBeUndefined();
});

test('endpoints are found in a file, or by the API server, where the service says so', () => {
  const source = (discovery: string) => accepted(`version: 1\nservices: { a: { discovery: ${discovery} } }`).services.get('a')?.source;
  expect(source('{ file: ./a.json }')).toEqual({ kind: 'file', path: './a.json' });
  expect(source('{ kubernetes: { service: a, port: http } }')).toStrictEqual({ kind: 'kubernetes', service: 'a', port: 'http' });
  expect(source('{ kubernetes: { service: 0-a, namespace: shop, port: 9080 } }')).toEqual({ kind: 'kubernetes', service: '0-a', namespace: 'shop', port: 9080 });
  expect(source('{ kubernetes: { service: a, port: fifteen-letters } }')).toMatchObject({ port: 'fifteen-letters' });
  expect(source('{ kubernetes: { service: a, port: 1-a } }')).toMatchObject({ port: '1-a' });
});

test('a list of sources is a chain, and refreshes as the defaults say', () => {
  const { services } = accepted('version: 1\ndefaults: { discovery: { refresh: 2s } }\nservices: { a: { discovery: [{ kubernetes: { service: a, port: http } }, { dns: a, port: 80 }, { endpoints: ["10.0.0.1:80"] }] } }');
  expect(services.get('a')).toMatchObject({
    source: {
      kind: 'chain',
      sources: [{ kind: 'kubernetes', service: 'a', port: 'http' }, { kind: 'dns', name: 'a', port: 80 }, { kind: 'endpoints', endpoints: [{ host: '10.0.0.1', port: 80 }] }],
    },
    policy: { discovery: { ...core.discovery, refresh: 2000 } },
  });
});

test('a service without a source of its own is the union of its versions', () => {
  const versions = 'versions: { v1: { discovery: { srv: _http._tcp.a-v1 } }, v2: { discovery: [{ file: a }, { file: b }] } }';
  const v1 = { kind: 'srv', name: '_http._tcp.a-v1' };
  const v2 = { kind: 'chain', sources: [{ kind: 'file', path: 'a' }, { kind: 'file', path: 'b' }] };
  const of = (knobs: string) => accepted(`version: 1\nservices: { a: { ${knobs} } }`).services.get('a');
  expect([...(of(versions)?.versions ?? [])]).toEqual([['v1', v1], ['v2', v2]]);
  expect(of(versions)?.source).toEqual({ kind: 'union', sources: [v1, v2] });
  expect(of(`discovery: { refresh: 2s }, ${versions}`)).toMatchObject({ source: { kind: 'union' }, policy: { discovery: { refresh: 2000 } } });
  const own = of(`discovery: { file: c }, ${versions}`);
  expect(own?.source).toEqual({ kind: 'file', path: 'c' });
  expect(own?.versions.size).toBe(2);
});

test('an object says chains and versions as the file does', () => {
  const document: PolicyDocument = {
    version: 1,
    services: { a: { discovery: [{ file: 'a' }, { kubernetes: { service: 'a', port: 80 } }], versions: { v1: { discovery: { dns: 'a', port: 80 } } } } },
  };
  expect(acceptedObject(document)).toEqual(accepted(JSON.stringify(document)));
});

test('aliases repeat what was written once', () => {
  const policy = accepted('version: 1\nservices:\n  a: { retry: &r { maxRetries: 4 } }\n  b: { retry: *r }\n');
  expect(policy.services.get('b')?.policy.retry).toMatchObject({ maxRetries: 4 });
});
