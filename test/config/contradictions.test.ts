import { expect, test } from 'vitest';
import { defaultServicePolicy as core } from '../../src/core/policy.ts';
import { accepted, objectRefusals, refusals } from './refusal.ts';

test('an attempt that may take as long as its call is told where it was written', () => {
  expect(refusals('version: 1\ndefaults:\n  deadline: 5s\n  attemptTimeout: 5s\n')).toEqual([
    'policy.yaml:4:19 defaults.attemptTimeout: "5s" (expected: less than deadline, 5s)',
  ]);
});

test('a deadline below an attempt timeout that nobody wrote is no contradiction: the deadline comes first', () => {
  const { services } = accepted('version: 1\nservices:\n  a:\n    deadline: 5s\n');
  expect(services.get('a')!.policy).toMatchObject({ deadline: 5000, attemptTimeout: 10_000 });
});

test('a deadline below an inherited attempt timeout is told where it was written', () => {
  expect(refusals('version: 1\ndefaults: { attemptTimeout: 20s }\nservices:\n  a:\n    deadline: 15s\n  b:\n    attemptTimeout: 40s\n')).toEqual([
    'policy.yaml:5:15 services.a.deadline: "15s" (expected: more than attemptTimeout, which is 20s unless attemptTimeout is set here too)',
    'policy.yaml:7:21 services.b.attemptTimeout: "40s" (expected: less than deadline, which is 30s unless deadline is set here too)',
  ]);
});

test('a contradiction in the defaults is told once, not for each service that inherits it', () => {
  expect(refusals('version: 1\ndefaults: { deadline: 5s, attemptTimeout: 5s }\nservices: { a: , b: { retry: off }, c: }')).toHaveLength(1);
});

test('what is off contradicts nothing', () => {
  expect(accepted('version: 1\ndefaults: { deadline: 5s, attemptTimeout: off }').defaults.deadline).toBe(5000);
});

test('a knob of a type of balancer that is not in use is told where it was written', () => {
  expect(refusals('version: 1\ndefaults:\n  balancer: { decay: 5s }\nservices:\n  a:\n    balancer: { type: peak-ewma, memory: 4 }\n')).toEqual([
    'policy.yaml:3:22 defaults.balancer.decay: "5s" (expected: no decay with balancer.type predictive, only with peak-ewma)',
    'policy.yaml:6:42 services.a.balancer.memory: 4 (expected: no memory with balancer.type peak-ewma, only with predictive)',
  ]);
  const { services } = accepted('version: 1\ndefaults: { balancer: { memory: 4 } }\nservices: { a: { balancer: { type: peak-ewma, decay: 1s } } }');
  expect(services.get('a')!.policy.balancer).toMatchObject({ type: 'peak-ewma', memory: 4, decay: 1_000 });
});

test.each([
  ['retry: { backoff: { base: 300ms } }', 'retry.backoff.base', 'at most max, which is 250ms'],
  ['retry: { backoff: { max: 10ms } }', 'retry.backoff.max', 'at least base, which is 25ms'],
  ['outlier: { ejection: { base: 1m } }', 'outlier.ejection.base', 'at most max, which is 30s'],
  ['concurrency: { max: 10, adaptive: { initial: 11 } }', 'concurrency.adaptive.initial', 'at most max, 10'],
  ['concurrency: { adaptive: { min: 2000 } }', 'concurrency.adaptive.min', 'at most max, which is 1024 unless concurrency.max is set here too'],
  ['healthCheck: { timeout: 10s }', 'healthCheck.timeout', 'less than interval, which is 10s'],
  ['healthCheck: { interval: 1s }', 'healthCheck.interval', 'more than timeout, which is 1s'],
  ['circuit: { openFor: 2m }', 'circuit.openFor', 'at most maxOpenFor, which is 1m'],
  ['circuit: { openFor: 2m, maxOpenFor: 90s }', 'circuit.openFor', 'at most maxOpenFor, 90s'],
  ['discovery: { maxStale: 1s }', 'discovery.maxStale', 'at least refresh, which is 5s'],
])('%s contradicts itself or what it inherits', (knobs, path, expectation) => {
  const [first, ...more] = refusals(`version: 1\nservices: { a: { ${knobs} } }`);
  expect(first).toContain(`services.a.${path}: `);
  expect(first).toContain(`(expected: ${expectation}`);
  expect(more).toEqual([]);
});

test('the same value twice is no contradiction where it need not be less', () => {
  expect(accepted('version: 1\ndefaults: { retry: { backoff: { base: 1s, max: 1s } } }').defaults.retry).toMatchObject({ backoff: { base: 1000, max: 1000 } });
});

test('one host means one service', () => {
  expect(refusals('version: 1\nservices:\n  a: { hosts: [x, Shop.] }\n  b:\n    hosts: [y, shop]\n')).toEqual([
    'policy.yaml:5:16 services.b.hosts[1]: "shop" (expected: a host that no other service claims; a does, in line 3)',
  ]);
  expect(refusals('version: 1\nservices:\n  a: { hosts: [b] }\n  b:\n')).toEqual(['policy.yaml:4:3 services.b: "b" (expected: a host that no other service claims; a does, in line 3)']);
  expect(refusals('version: 1\nservices: { a: { hosts: ["[0::1]:80"] }, b: { hosts: ["[::1]:80"] } }')[0]).toContain('"[::1]:80"');
  expect(objectRefusals({ version: 1, services: { a: { hosts: ['x'] }, b: { hosts: ['x'] } } })).toEqual([
    'options.policy services.b.hosts[0]: "x" (expected: a host that no other service claims; a does)',
  ]);
});

test('a host with a port is another host', () => {
  expect(accepted('version: 1\nservices: { a: { hosts: [x] }, b: { hosts: ["x:80"] }, c: { hosts: ["x:81"] } }').services.size).toBe(3);
});

test.each([
  ['{ srv: _a._tcp.b, dns: b, port: 1 }', 'discovery.dns: "b" (expected: only one of srv, dns, endpoints, file and kubernetes)'],
  ['{ srv: _a._tcp.b, endpoints: ["b:1"] }', 'discovery.endpoints: a list (expected: only one of'],
  ['{ srv: _a._tcp.b, file: b }', 'discovery.file: "b" (expected: only one of'],
  ['{ file: b, kubernetes: { service: b, port: 1 } }', 'discovery.kubernetes: a mapping (expected: only one of'],
  ['{ file: b, port: 80 }', 'discovery.port: 80 (expected: a port only together with dns)'],
  ['{ dns: b }', 'discovery.port: missing (expected: integer 1–65535'],
  ['{ port: 80 }', 'discovery.port: 80 (expected: a port only together with dns)'],
  ['{ srv: _a._tcp.b, port: 80 }', 'discovery.port: 80 (expected: a port only together with dns)'],
])('discovery %s is not one place to look', (discovery, text) => {
  expect(refusals(`version: 1\nservices: { a: { discovery: ${discovery} } }`).join()).toContain(`services.a.${text}`);
});

test('the built-in defaults do not contradict each other', () => {
  expect(core.attemptTimeout).toBeLessThan(core.deadline);
  expect(accepted('version: 1\ndefaults: { retry: {}, outlier: {}, circuit: {} }').defaults).toEqual(core);
});
