import { expect, test } from 'vitest';
import { parsePolicy, parsePolicyObject } from '../../src/config/parse-policy.ts';
import { accepted, objectRefusals, refusals, suspicionsOf } from './refusal.ts';

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
    'policy.yaml:4:14 services.orders.retry.bakoff: unknown key (did you mean backoff? expected: one of maxRetries, on, methods, backoff, retryAfter, budget, replayBodyUpTo, retryOfRetry, notProcessed, mode)',
  ]);
});

test.each(['faultInjection: off'])(
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
  ['connection: off', '"off"', 'a mapping of connectTimeout, keepAlive, maxAge, maxPerEndpoint, http2'],
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
  ['outlier: { consecutiveFailures: 0 }', '0', 'integer 1–'],
  ['outlier: { panic: { mode: fail } }', '"fail"', 'least-bad, fail-open or fail-fast'],
  ['healthCheck: { path: healthz }', '"healthz"', 'path that begins with /'],
  ['healthCheck: { path: "/with space" }', '"/with space"', 'path that begins with /'],
  ['healthCheck: { expect: [200-199] }', '"200-199"', 'status 100–599, or a range such as 200-299'],
  ['healthCheck: { expect: [600] }', '600', 'status 100–599'],
  ['healthCheck: { method: POST }', '"POST"', 'GET, HEAD or OPTIONS'],
  ['healthCheck: { interval: 1ms }', '"1ms"', 'duration 100ms–1h'],
  ['outlier: { panic: { below: 50 } }', '50', 'share'],
  ['circuit: { minRequests: 0 }', '0', 'integer 1–'],
  ['concurrency: { max: 0 }', '0', 'integer 1–'],
  ['concurrency: { adaptive: vegas }', '"vegas"', 'off, gradient, aimd, or a mapping of type, min, initial, tolerance'],
  ['concurrency: { adaptive: { tolerance: 0.5 } }', '0.5', 'number 1–10'],
  ['throttle: { k: 0.5 }', '0.5', 'number 1–100'],
  ['rateLimit: { rate: 100 }', '100', 'rate such as 100/s, 6000/m or 10/h'],
  ['rateLimit: { rate: 0/s }', '"0/s"', 'rate such as 100/s'],
  ['rateLimit: 100/s', '"100/s"', 'off, or a mapping of rate, burst, mode'],
  ['balancer: fastest', '"fastest"', 'hash, or a mapping'],
  ['balancer: off', '"off"', 'hash, or a mapping'],
  ['balancer: { type: fastest }', '"fastest"', 'predictive, peak-ewma'],
  ['balancer: { memry: 8 }', 'unknown key', 'memory'],
  ['balancer: { memory: 65 }', '65', 'integer 0–64'],
  ['balancer: { type: weighted, weightUpdatePeriod: 50ms }', '"50ms"', 'duration 100ms–1h'],
  ['balancer: { type: hash, header: "x user" }', '"x user"', 'off, or header name'],
  ['balancer: { type: hash, cookie: "a=b" }', '"a=b"', 'off, or cookie name'],
  ['balancer: { type: hash, boundedLoad: 1 }', '1', 'number 1.05–100'],
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
  ['discovery: { file: "" }', '""', 'path of a file'],
  ['discovery: { file: "a\\0b" }', '"a\\u0000b"', 'path of a file'],
  ['discovery: { file: 5 }', '5', 'path of a file'],
  ['discovery: { file: [a] }', 'a list', 'path of a file'],
  ['discovery: { kubernetes: reviews }', '"reviews"', 'a mapping of service, namespace, port'],
  ['discovery: { kubernetes: { port: http } }', 'missing', 'DNS label'],
  ['discovery: { kubernetes: { service: a } }', 'missing', 'integer 1–65535, or port name'],
  ['discovery: { kubernetes: { service: A, port: http } }', '"A"', 'DNS label: lower-case letters'],
  ['discovery: { kubernetes: { service: a.b, port: http } }', '"a.b"', 'DNS label'],
  ['discovery: { kubernetes: { service: a-, port: http } }', '"a-"', 'DNS label'],
  ['discovery: { kubernetes: { service: 7, port: http } }', '7', 'DNS label'],
  [`discovery: { kubernetes: { service: ${'a'.repeat(64)}, port: http } }`, `"${'a'.repeat(64)}"`, 'at most 63'],
  ['discovery: { kubernetes: { service: a, namespace: a_b, port: http } }', '"a_b"', 'DNS label'],
  ['discovery: { kubernetes: { service: a, namespace: , port: http } }', 'nothing', 'DNS label'],
  ['discovery: { kubernetes: { service: a, port: 0 } }', '0', 'integer 1–65535, or port name'],
  ['discovery: { kubernetes: { service: a, port: 65536 } }', '65536', 'integer 1–65535, or port name'],
  ['discovery: { kubernetes: { service: a, port: 80.5 } }', '80.5', 'integer 1–65535, or port name'],
  ['discovery: { kubernetes: { service: a, port: "80" } }', '"80"', 'at least one letter'],
  ['discovery: { kubernetes: { service: a, port: HTTP } }', '"HTTP"', 'lower-case'],
  ['discovery: { kubernetes: { service: a, port: -http } }', '"-http"', 'port name'],
  ['discovery: { kubernetes: { service: a, port: http- } }', '"http-"', 'port name'],
  ['discovery: { kubernetes: { service: a, port: ends- } }', '"ends-"', 'at most 63'],
  ['discovery: { kubernetes: { service: a, port: under_score } }', '"under_score"', 'at most 63'],
  ['discovery: { kubernetes: { service: a, port: [http] } }', 'a list', 'port name'],
  ['discovery: { kubernetes: { service: a, port: http, protocol: tcp } }', 'unknown key', 'one of service, namespace, port'],
  ['discovery: { kubernetes: { servcie: a, service: a, port: http } }', 'unknown key', 'one of service'],
  ['discovery: reviews', '"reviews"', 'a mapping of srv, dns, port, endpoints, file, kubernetes, refresh, maxStale, confirmEmpty, or a list of at least 2 sources'],
  ['discovery: { endpoint: ["a:1"] }', 'unknown key', 'one of srv, dns, port, endpoints, file, kubernetes, refresh'],
  ['discovery: []', 'an empty list', 'a list of at least 2 sources'],
  ['discovery: [{ srv: "a b" }]', 'a list', 'or a list of at least 2 sources'],
  ['discovery: [{ srv: _a._tcp.b }]', 'a list', 'a list of at least 2 sources'],
  ['discovery: [{ srv: _a._tcp.b }, a]', '"a"', 'a mapping of srv, dns, port, endpoints, file, kubernetes'],
  ['discovery: [{ srv: _a._tcp.b }, ]', 'a list', 'at least 2'],
  ['discovery: [{ srv: _a._tcp.b }, [{ file: a }, { file: b }]]', 'a list', 'a mapping of srv'],
  ['discovery: [{ srv: _a._tcp.b }, { file: a, refresh: 1s }]', 'unknown key', 'one of srv, dns, port, endpoints, file, kubernetes'],
  ['discovery: [{ srv: _a._tcp.b }, { fiel: a }]', 'unknown key', 'one of srv'],
  ['discovery: [{ srv: _a._tcp.b }, { srv: "a b" }]', '"a b"', 'DNS name'],
  ['discovery: [{ srv: _a._tcp.b }, {}]', 'an empty mapping', 'one of srv, dns, endpoints, file and kubernetes'],
  ['discovery: [{ srv: _a._tcp.b }, { port: 80 }]', '80', 'a port only together with dns'],
  ['discovery: [{ srv: _a._tcp.b }, { dns: a }]', 'missing', 'the port of the addresses that dns names'],
  ['discovery: [{ srv: _a._tcp.b, file: a }, { file: a }]', '"a"', 'only one of srv, dns, endpoints, file and kubernetes'],
  ['versions: {}', 'an empty mapping', 'a mapping from version names to their discovery, at least 1'],
  ['versions:', 'nothing', 'a mapping from version names'],
  ['versions: [v1]', 'a list', 'a mapping from version names'],
  ['versions: { V1: { discovery: { file: a } } }', '"V1"', 'version name: lower-case letters'],
  ['versions: { v1-: { discovery: { file: a } } }', '"v1-"', 'version name'],
  ['versions: { v1.0: { discovery: { file: a } } }', '"v1.0"', 'version name'],
  [`versions: { ${'v'.repeat(64)}: { discovery: { file: a } } }`, `"${'v'.repeat(64)}"`, 'at most 63'],
  ['versions: { v1: }', 'nothing', 'a mapping of discovery'],
  ['versions: { v1: {} }', 'missing', 'a mapping of srv, dns, port, endpoints, file, kubernetes, or a list'],
  ['versions: { v1: { discovery: {} } }', 'an empty mapping', 'one of srv, dns, endpoints, file and kubernetes'],
  ['versions: { v1: { discovery: { file: a, refresh: 1s } } }', 'unknown key', 'one of srv'],
  ['versions: { v1: { discovery: { file: a }, deadline: 1s } }', 'unknown key', 'one of discovery'],
  ['versions: { v1: { discovery: { file: a, srv: _a._tcp.b } } }', '"a"', 'only one of'],
  ['versions: { v1: { discovery: { dns: a } } }', 'missing', 'the port of the addresses'],
  ['versions: { v1: { discovery: [{ file: a }] } }', 'a list', 'at least 2 sources'],
  ['versions: { v1: { discovery: [{ file: a }, {}] } }', 'an empty mapping', 'one of srv'],
  ['versions: { v1: { discovery: { kubernetes: { service: a, port: 0 } } } }', '0', 'integer 1–65535, or port name'],
])('%s is refused', (knobs, found, expectation) => {
  const lines = refusals(inService(knobs));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(`: ${found} (`);
  expect(lines[0]).toContain(expectation);
});

test('mistakes of chains and versions are told with the place of the item', () => {
  const text = `version: 1
services:
  a:
    discovery:
      - srv: _http._tcp.a
      - fiel: a.json
      - kubernetes: { service: a, prot: http }
    versions:
      v1: { discovery: [{ file: a }, { dns: A B, port: 80 }] }
      V2: { discovery: { file: a } }
  b:
    discovery:
      - srv: _http._tcp.b
      - { dns: b }
    versions:
      v1: { discovery: { file: a, srv: _http._tcp.b } }
`;
  const known = 'srv, dns, port, endpoints, file, kubernetes';
  expect(refusals(text)).toEqual([
    `policy.yaml:6:9 services.a.discovery[1].fiel: unknown key (did you mean file? expected: one of ${known})`,
    expect.stringMatching(/^policy\.yaml:7:9 services\.a\.discovery\[2\]\.kubernetes\.port: missing \(expected: integer 1–65535, or port name/),
    'policy.yaml:7:35 services.a.discovery[2].kubernetes.prot: unknown key (did you mean port? expected: one of service, namespace, port)',
    expect.stringMatching(/^policy\.yaml:9:45 services\.a\.versions\.v1\.discovery\[1\]\.dns: "A B" /),
    expect.stringMatching(/^policy\.yaml:10:7 services\.a\.versions\.V2: "V2" \(expected: version name/),
    'policy.yaml:14:9 services.b.discovery[1].port: missing (expected: integer 1–65535, the port of the addresses that dns names)',
    'policy.yaml:16:32 services.b.versions.v1.discovery.file: "a" (expected: only one of srv, dns, endpoints, file and kubernetes)',
  ]);
});

test('the same of an object, whose places are keys', () => {
  const discovery = [{ srv: '_http._tcp.a' }, { kubernetes: { service: 'a', port: 'HTTP' } }];
  expect(objectRefusals({ version: 1, services: { a: { discovery } } })).toEqual([expect.stringMatching(/^options\.policy services\.a\.discovery\[1\]\.kubernetes\.port: "HTTP" /)]);
});

test('a path is no longer than the longest there is', () => {
  const at = (length: number) => ({ version: 1, services: { a: { discovery: { file: 'a'.repeat(length) } } } });
  expect(parsePolicyObject(at(4096), {})).toHaveProperty('policy');
  expect(objectRefusals(at(4097))[0]).toContain('expected: path of a file');
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
  expect(suspicionsOf('version: 1\nservices:\n  a: { discovery: { srv: a.default.svc } }\n')).toEqual([
    'policy.yaml:3:26 services.a.discovery.srv: "a.default.svc" (expected: an SRV name, which begins with _port._tcp)',
  ]);
  expect(suspicionsOf('version: 1\nservices: { a: { discovery: { srv: _http._tcp.a } } }')).toEqual([]);
  const deep = 'version: 1\nservices:\n  a: { discovery: [{ file: a }, { srv: a }], versions: { v1: { discovery: { srv: _h._tcp.b } }, v2: { discovery: { srv: c } } } }\n';
  expect(suspicionsOf(deep)).toEqual([expect.stringContaining('policy.yaml:3:40 services.a.discovery[1].srv: "a"'), expect.stringContaining('services.a.versions.v2.discovery.srv: "c"')]);
});

test.each([
  [99, 'has 99 problems', 99],
  [100, 'has 100 problems', 100],
  [101, 'has more than 100 problems', 100],
  [500, 'has more than 100 problems', 100],
])('of %i mistakes it %s, and tells the first hundred', (mistakes, text, told) => {
  const parsed = parsePolicy(`version: 1\nservices:\n${Array.from({ length: mistakes }, (_, i) => `  s${i}: { a: 1 }\n`).join('')}`, 'policy.yaml', {});
  if (!('invalid' in parsed)) throw new Error('accepted');
  expect(parsed.invalid.problems).toHaveLength(told);
  expect(parsed.invalid.message.split('\n')).toHaveLength(told + 1);
  expect(parsed.invalid.message).toContain(`policy.yaml ${text}:\n  policy.yaml:3:9 services.s0.a: `);
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
