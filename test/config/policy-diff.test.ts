import { expect, test } from 'vitest';
import { diffPolicies } from '../../src/config/policy-diff.ts';
import { worstCase } from '../../src/config/worst-case.ts';
import { writeValue } from '../../src/config/write-value.ts';
import { defaultServicePolicy as core } from '../../src/core/policy.ts';
import { accepted } from './refusal.ts';

const diff = (before: string, after: string) => diffPolicies(accepted(`version: 1\n${before}`), accepted(`version: 1\n${after}`));

test('the same said in another way is no difference', () => {
  expect(diff('services: { a: { deadline: 60s } }', '# a comment\ndefaults: {}\nservices:\n  a:\n    deadline: 1m\n    retry: { maxRetries: 2 }\n')).toEqual({ services: [] });
});

test('a knob is told by service, path and values as one writes them', () => {
  const { services } = diff('services: { a: { circuit: { failureRate: 40% } } }', 'services: { a: { circuit: { openFor: 2s }, retry: { replayBodyUpTo: 1MiB, on: [reset, 503] }, rateLimit: { rate: 50/s } } }');
  expect(services).toHaveLength(1);
  expect(services[0]).toMatchObject({ service: 'a', kind: 'changed' });
  expect(services[0]!.knobs).toEqual(expect.arrayContaining([
    { knob: 'circuit.failureRate', before: '40%', after: '50%' },
    { knob: 'circuit.openFor', before: '5s', after: '2s' },
    { knob: 'retry.replayBodyUpTo', before: '64KiB', after: '1MiB' },
    { knob: 'retry.on', before: '[connect-failure, refused-stream, reset, gateway-error]', after: '[reset, 503]' },
    { knob: 'rateLimit', before: 'off', after: 'not set' },
    { knob: 'rateLimit.rate', before: 'not set', after: '50/s' },
  ]));
});

test('a changed default shows at every service that has it, and at hosts that no service names', () => {
  const { services } = diff('services: { a: {}, b: { deadline: 12s } }', 'defaults: { deadline: 15s }\nservices: { a: {}, b: { deadline: 12s } }');
  expect(services.map(({ service, knobs }) => [service, knobs])).toEqual([undefined, 'a'].map((service) => [service, [{ knob: 'deadline', before: '30s', after: '15s' }]]));
});

test('services come, go, and look for their endpoints elsewhere', () => {
  const { services, unknownHosts } = diff('services: { a: {}, c: {} }', 'unknownHosts: deny\nservices: { b: {}, c: { hosts: [c, d], discovery: { srv: _http._tcp.c } } }');
  expect(unknownHosts).toEqual({ knob: 'unknownHosts', before: 'defaults', after: 'deny' });
  expect(services.map(({ service, kind }) => `${kind} ${service}`)).toEqual(['removed a', 'added b', 'changed c']);
  expect(services[2]!.knobs).toEqual([
    { knob: 'hosts', before: '[{"host":"c"}]', after: '[{"host":"c"},{"host":"d"}]' },
    { knob: 'discovery', before: 'not set', after: '{"kind":"srv","name":"_http._tcp.c"}' },
  ]);
});

test('what it does to callers and to who is called stands beside it', () => {
  const { services } = diff('services: { a: { attemptTimeout: 1s } }', 'services: { a: { attemptTimeout: 2s, retry: { maxRetries: 4, budget: { percent: 30 } } } }');
  expect(services[0]!.effect).toEqual({
    before: { attempts: 3, load: 1, wait: 3 * 1000 + 25 + 50 },
    after: { attempts: 5, load: 1.3, wait: 5 * 2000 + 25 + 50 + 100 + 200 },
  });
});

test('without retries there is one attempt, and no wait is longer than the deadline', () => {
  expect(worstCase({ ...core, retry: 'off' })).toEqual({ attempts: 1, load: 1, wait: 10_000 });
  expect(worstCase(core)).toEqual({ attempts: 3, load: 1, wait: 30_000 });
  expect(worstCase({ ...core, retry: { ...core.retry, budget: { ...core.retry.budget, mode: 'observe' } } }).load).toBe(3);
});

test('hedges are attempts, and make nobody wait longer', () => {
  const { services } = diff('services: { a: { attemptTimeout: 1s } }', 'services: { a: { attemptTimeout: 1s, hedge: { after: 50ms, max: 1 } } }');
  expect(services[0]!.effect).toMatchObject({ before: { attempts: 3, wait: 3075 }, after: { attempts: 4, wait: 3075 } });
});

test('every knob is written as its kind is', () => {
  const { defaults } = accepted('version: 1');
  const written: string[] = [];
  const visit = (value: unknown, path: string[]): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) for (const [key, each] of Object.entries(value)) visit(each, [...path, key]);
    else written.push(`${path.join('.')}: ${writeValue(path, value)}`);
  };
  visit(defaults, []);
  expect(written).toEqual(expect.arrayContaining(['deadline: 30s', 'outlier.ejection.jitter: 20%', 'retry.replayBodyUpTo: 64KiB', 'retry.maxRetries: 2', 'subset.strategy: auto', 'propagate.trace: true']));
  // As a policy, they are the policy they were read from.
  expect(written.length).toBeGreaterThan(30);
});
