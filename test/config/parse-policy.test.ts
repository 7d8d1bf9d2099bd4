import { expect, test } from 'vitest';
import { parsePolicy, parsePolicyObject } from '../../src/config/parse-policy.ts';
import { accepted, objectRefusals, refusals } from './refusal.ts';

const inService = (knobs: string) => `version: 1\nservices:\n  orders:\n    ${knobs}\n`;

test('a mistake is told with its place, value and expectation', () => {
  expect(refusals('version: 1\nservices:\n  orders:\n    retry:\n      maxRetries: two\n')).toEqual([
    'policy.yaml:5:19 services.orders.retry.maxRetries: "two" (expected: integer 0–10)',
  ]);
});

test('all mistakes are told at once, in the order of the file', () => {
  const text = `version: 2
defaults:
  retry: { maxRetries: 11, budget: { perSuccess: 0.1 } }
services:
  orders:
    deadline: 30
    hots: [orders]
  Wrong_Name: {}
  late:
    deadline: 5s
unknownHost: deny
`;
  expect(refusals(text).map((line) => line.slice(0, line.indexOf(' (')))).toEqual([
    'policy.yaml:1:10 version: 2',
    'policy.yaml:3:24 defaults.retry.maxRetries: 11',
    'policy.yaml:3:50 defaults.retry.budget.perSuccess: 0.1',
    'policy.yaml:6:15 services.orders.deadline: 30',
    'policy.yaml:7:5 services.orders.hots: unknown key',
    'policy.yaml:8:3 services.Wrong_Name: "Wrong_Name"',
    'policy.yaml:11:1 unknownHost: unknown key',
  ]);
});

test('a contradiction is told beside the mistakes of other services', () => {
  const lines = refusals('version: 1\nservices:\n  a: { deadline: soon }\n  b: { deadline: 5s, attemptTimeout: 5s }\n  c: { hosts: [b] }\n');
  expect(lines.map((line) => line.split(' ')[1])).toEqual(['services.a.deadline:', 'services.b.attemptTimeout:', 'services.c.hosts[0]:']);
});

test('a mistake in the defaults does not make its services wrong', () => {
  expect(refusals('version: 1\ndefaults: { deadline: soon }\nservices: { a: { attemptTimeout: 40s } }')).toHaveLength(1);
});

test('an unknown key gets the known one that is nearest, and all that are known', () => {
  expect(refusals(inService('retry: { bakoff: { base: 1s } }'))).toEqual([
    'policy.yaml:4:14 services.orders.retry.bakoff: unknown key (did you mean backoff? expected: one of maxRetries, on, methods, backoff, retryAfter, budget, replayBodyUpTo)',
  ]);
});

test.each(['hedge: off', 'tls: off', 'throttle: off', 'rateLimit: off', 'healthCheck: off', 'routes: []', 'versions: {}', 'locality: off', 'slowStart: off'])(
  'a knob of another version is not ignored: %s',
  (knob) => expect(refusals(inService(knob))[0]).toContain('unknown key'),
);

test.each([
  ['deadline: 30', '30', 'duration 1ms–576h, with its unit ms, s, m or h'],
  ['deadline: 30sec', '"30sec"', 'duration'],
  ['deadline: 0s', '"0s"', 'duration 1ms–576h'],
  ['deadline: 1000h', '"1000h"', 'duration 1ms–576h'],
  ['deadline: -1s', '"-1s"', 'duration'],
  ['deadline: off', '"off"', 'duration'],
  ['deadline:', 'nothing', 'duration'],
  ['deadline: [1s]', 'a list', 'duration'],
  ['deadline: 2026-01-01', '"2026-01-01"', 'duration'],
  ['attemptTimeout: 30', '30', 'off, or duration'],
  ['retry: on', '"on"', 'off, or a mapping of maxRetries'],
  ['retry: false', 'false', 'off, or a mapping of maxRetries'],
  ['retry:', 'nothing', 'off, or a mapping of maxRetries'],
  ['retry: []', 'an empty list', 'off, or a mapping of maxRetries'],
  ['connection: off', '"off"', 'a mapping of connectTimeout, keepAlive, maxPerEndpoint'],
  ['retry: { maxRetries: 1.5 }', '1.5', 'integer 0–10'],
  ['retry: { maxRetries: -1 }', '-1', 'integer 0–10'],
  ['retry: { maxRetries: .inf }', 'Infinity', 'integer 0–10'],
  ['retry: { maxRetries: .nan }', 'NaN', 'integer 0–10'],
  ['retry: { on: 5xx }', '"5xx"', 'list of connect-failure'],
  ['retry: { on: [] }', 'an empty list', 'at least 1'],
  ['retry: { on: [5xx, 4xx] }', '"4xx"', 'connect-failure, refused-stream'],
  ['retry: { on: [200] }', '200', 'or a status code 400–599'],
  ['retry: { on: [503, 503] }', '503', 'each once'],
  ['retry: { methods: [get] }', '"get"', 'HTTP method in capitals'],
  ['retry: { budget: { perSuccess: 20 } }', '20', 'share 0%–100%'],
  ['retry: { budget: { perSuccess: 120% } }', '"120%"', 'share 0%–100%'],
  ['retry: { replayBodyUpTo: 64 }', '64', 'size 0B–64MiB, with its unit'],
  ['retry: { replayBodyUpTo: 1GiB }', '"1GiB"', 'size 0B–64MiB'],
  ['outlier: { relative: { minRequests: 0 } }', '0', 'integer 1–'],
  ['outlier: { relative: { gap: much } }', '"much"', 'share'],
  ['outlier: { panic: { below: 50 } }', '50', 'share'],
  ['circuit: { minRequests: 0 }', '0', 'integer 1–'],
  ['concurrency: { max: 0 }', '0', 'integer 1–'],
  ['balancer: predictive', '"predictive"', 'peak-ewma, or a mapping'],
  ['balancer: off', '"off"', 'peak-ewma, or a mapping'],
  ['balancer: { type: hash }', '"hash"', 'peak-ewma'],
  ['balancer: { memory: 8 }', 'unknown key', 'one of type, decay'],
  ['telemetry: { spans: all }', '"all"', 'attempts, calls or off'],
  ['propagate: { trace: yes }', '"yes"', 'true or false'],
  ['hosts: []', 'an empty list', 'at least 1'],
  ['hosts: orders', '"orders"', 'list of host name'],
  ['hosts: [http://orders]', '"http://orders"', 'host name'],
  ['hosts: ["*.shop"]', '"*.shop"', 'host name'],
  ['hosts: [a, a]', '"a"', 'each once'],
  ['hosts: [a, A.]', '"a"', 'no other service claims; orders does'],
  ['discovery: { srv: "a b" }', '"a b"', 'DNS name'],
  ['discovery: { srv: [] }', 'an empty list', 'DNS name'],
  ['discovery: { dns: 10.0.0.1, port: 80 }', '"10.0.0.1"', 'DNS name'],
  ['discovery: { dns: a, port: 0 }', '0', 'integer 1–65535'],
  ['discovery: { endpoints: [10.0.0.1] }', '"10.0.0.1"', 'address with port'],
  ['discovery: { endpoints: ["::1:80"] }', '"::1:80"', 'address with port'],
  ['discovery: { endpoints: [] }', 'an empty list', 'at least 1'],
])('%s is refused', (knobs, found, expectation) => {
  const lines = refusals(inService(knobs));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(`: ${found} (`);
  expect(lines[0]).toContain(expectation);
});

test.each(['-a', 'a-', 'A', 'a_b', 'a b', 'a/b', '.a', 'a'.repeat(254)])('%.20s is no name of a service', (name) => {
  expect(refusals(`version: 1\nservices: { "${name}": {} }`)[0]).toContain('expected: service name: lower-case letters');
});

test('a service called 007 is called that', () => expect([...accepted('version: 1\nservices: { 007: { hosts: [bond] } }').services.keys()]).toEqual(['007']));

test('a service whose name is no host needs hosts', () => {
  expect(refusals('version: 1\nservices:\n  007: {}\n')).toEqual(['policy.yaml:3:3 services.007: no hosts (expected: hosts, since the name of the service is no host name)']);
});

test.each(['__proto__', 'constructor', 'prototype'])('%s names nothing, at any depth, and pollutes nothing', (name) => {
  for (const text of [`version: 1\n${name}: { polluted: true }`, `version: 1\nservices: { ${name}: { polluted: true } }`, `version: 1\ndefaults: { ${name}: { polluted: true } }`, inService(`retry: { ${name}: { polluted: true } }`)]) {
    expect(refusals(text)).toEqual([expect.stringContaining('expected: any name but __proto__, constructor and prototype')]);
    expect(refusals(text.replace(name, `"${name}"`))).toHaveLength(1);
  }
  expect(objectRefusals(JSON.parse(`{ "version": 1, "services": { "${name}": { "polluted": true } } }`))[0]).toContain('any name but');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('the version is needed', () => {
  expect(refusals('services: {}\n')).toEqual(['policy.yaml:1:1 version: missing (expected: 1, the version of the policy format)']);
  expect(refusals('version: "1"\n')[0]).toContain('version: "1" (expected: 1');
  expect(objectRefusals({})[0]).toContain('options.policy version: missing');
});

test('an SRV name without port and protocol is allowed, with a warning', () => {
  const parsed = parsePolicy('version: 1\nservices:\n  a: { discovery: { srv: a.default.svc } }\n', 'policy.yaml', {});
  expect(parsed).toMatchObject({ warnings: ['policy.yaml:3:26 services.a.discovery.srv: "a.default.svc" (expected: an SRV name, which begins with _port._tcp)'] });
  expect(parsePolicy('version: 1\nservices: { a: { discovery: { srv: _http._tcp.a } } }', 'policy.yaml', {})).toMatchObject({ warnings: [] });
});

test('a hundred mistakes are enough', () => {
  const parsed = parsePolicy(`version: 1\nservices:\n${Array.from({ length: 500 }, (_, i) => `  s${i}: { a: 1 }\n`).join('')}`, 'policy.yaml', {});
  if (!('invalid' in parsed)) throw new Error('accepted');
  expect(parsed.invalid.problems).toHaveLength(100);
  expect(parsed.invalid.message).toMatch(/^policy\.yaml has at least 100 problems:\n {2}policy\.yaml:3:9 services\.s0\.a: /);
});

test('what YAML cannot say is refused in an object', () => {
  const circle: { version: number; services?: unknown } = { version: 1 };
  circle.services = circle;
  const wide: unknown[] = [];
  for (let i = 0; i < 10; i++) wide.push(wide);
  for (const document of [null, 'text', 5, [], () => {}, new Map(), circle, { version: 1, services: wide }, { version: 1, defaults: new Date() }, { version: 1n }, { version: 1, services: new Array(1e9) }, { version: Symbol('x') }]) {
    expect(objectRefusals(document).length).toBeGreaterThan(0);
  }
  expect(objectRefusals({ version: 1, defaults: { deadline: () => 5 } })).toEqual([
    'options.policy defaults.deadline: a function (expected: what YAML can say: a mapping, list, string, number, boolean or null)',
  ]);
});

test('numbers of an object are milliseconds, within the same bounds', () => {
  expect(objectRefusals({ version: 1, defaults: { deadline: 0.5 } })[0]).toContain('defaults.deadline: 0.5 (expected: duration 1ms');
  expect(objectRefusals({ version: 1, defaults: { deadline: Infinity } })[0]).toContain('Infinity');
  expect(objectRefusals({ version: 1, defaults: { retry: { budget: { perSuccess: 0.2 } } } })[0]).toContain('0.2 (expected: share');
});

test('a frozen object and one without prototype are plain', () => {
  expect(parsePolicyObject(Object.freeze(Object.assign(Object.create(null), { version: 1 })), {})).toHaveProperty('policy');
});
