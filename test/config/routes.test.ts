import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { keepUnchanged } from '../../src/config/keep-unchanged.ts';
import { diffPolicies } from '../../src/config/policy-diff.ts';
import { compileRegex } from '../../src/config/regex.ts';
import type { Route } from '../../src/core/policy.ts';
import { accepted, refusals, suspicionsOf } from './refusal.ts';

const versions = 'versions: { v1: { discovery: { file: a } }, v2: { discovery: { file: b } } }';
/** A service with two versions and these routes; the first route is in line 5. */
const withRoutes = (...routes: string[]) => `version: 1\nservices:\n  a:\n    ${versions}\n    routes:\n${routes.map((route) => `      - ${route}\n`).join('')}  b:\n`;
const routesOf = (...routes: string[]): readonly Route[] => accepted(withRoutes(...routes)).services.get('a')!.routes;
const refused = (...routes: string[]): string[] => refusals(withRoutes(...routes));
const warned = (...routes: string[]): string[] => suspicionsOf(withRoutes(...routes));

describe('routes', () => {
  it('are what was written, with defaults filled in', () => {
    const [jason, canary] = routesOf(
      '{ name: jason, match: [{ path: { prefix: /reviews }, method: GET, headers: { End-User: jason, x: { present: false } }, query: { q: { regex: "[0-9]+" } }, cookies: { Sid: { prefix: a } } }], to: { v2: 100 }, deadline: 2s }',
      '{ name: canary, to: { v1: 90, v2: 10 }, sticky: { header: X-User-Id }, schedule: { start: "2026-11-20T10:00:00Z", steps: [{ for: 10m, to: { v1: 90, v2: 10 } }, { to: { v2: 100 } }], holdOn: { version: v2, successRateBelow: 99% } }, mirror: { to: v2, percent: 5 }, fault: { delay: { percent: 10, duration: 2s }, abort: { percent: 1, status: 503 } }, rewrite: { prefix: /v1 }, requestHeaders: { set: { X-Canary: "1" }, remove: [Cookie] } }',
    );
    expect(jason).toMatchObject({
      name: 'jason',
      matches: [{
        path: { kind: 'prefix', value: '/reviews' }, method: 'GET',
        headers: [{ name: 'end-user', value: { kind: 'exact', value: 'jason' } }, { name: 'x', value: { kind: 'present', present: false } }],
        query: [{ name: 'q', value: { kind: 'regex', source: '[0-9]+' } }],
        cookies: [{ name: 'Sid', value: { kind: 'prefix', value: 'a' } }],
      }],
      targets: { weights: new Map([['v2', 100]]), sticky: undefined, fallback: false, schedule: undefined },
      mirrors: [], fault: undefined, rewrite: undefined, requestHeaders: undefined, responseHeaders: undefined,
      policy: { deadline: 2000 }, overrides: ['deadline'],
    });
    expect(canary).toMatchObject({
      matches: [],
      targets: {
        weights: new Map([['v1', 90], ['v2', 10]]), sticky: { kind: 'header', name: 'x-user-id' },
        schedule: {
          start: Date.UTC(2026, 10, 20, 10), steps: [{ for: 600_000, to: new Map([['v1', 90], ['v2', 10]]) }, { for: undefined, to: new Map([['v2', 100]]) }],
          holdOn: { version: 'v2', successRateBelow: 0.99, window: 60_000, minRequests: 50, action: 'hold', mode: 'enforce' },
        },
      },
      mirrors: [{ service: undefined, version: 'v2', percent: 5, maxInFlight: 64 }],
      fault: { delay: { percent: 10, duration: 2000 }, abort: { percent: 1, with: 503 }, allowHeader: false },
      rewrite: { prefix: '/v1', path: undefined, host: undefined },
      requestHeaders: { set: [['x-canary', '1']], add: [], remove: ['cookie'] },
      overrides: [],
    });
  });

  it('have their service’s policy itself where they say nothing, and inherit key by key where they do', () => {
    const { services } = accepted('version: 1\ndefaults: { retry: { maxRetries: 5 } }\nservices:\n  a:\n    retry: { backoff: { base: 50ms } }\n    routes:\n      - { name: one }\n      - { name: two, retry: { backoff: { max: 1s } } }\n');
    const { policy, routes } = services.get('a')!;
    expect(routes[0]!.policy).toBe(policy);
    expect(routes[1]!.policy.retry).toMatchObject({ maxRetries: 5, backoff: { base: 50, max: 1000 } });
    expect(routes[1]!.policy.subset).toBe(policy.subset);
  });

  it('that say the same are the same, whatever else changed', () => {
    const routes = ['{ name: x, match: [{ path: { regex: "/a+" }, headers: { h: b } }], to: { v1: 1 }, retry: { maxRetries: 1 }, mirror: { to: v2 } }', '{ name: y, match: [{ method: PUT }] }'];
    const [before, after] = [accepted(withRoutes(...routes)), accepted(`${withRoutes(...routes)}    deadline: 7s\n  c:\n`)];
    expect(after.services.get('a')!.routes).not.toBe(before.services.get('a')!.routes);
    expect(keepUnchanged(before, after).services.get('a')!.routes).toBe(before.services.get('a')!.routes);
    const changed = keepUnchanged(before, accepted(withRoutes(routes[0]!, '{ name: y, match: [{ method: GET }] }'))).services.get('a')!.routes;
    expect([changed[0] === before.services.get('a')!.routes[0], changed[1] === before.services.get('a')!.routes[1]]).toEqual([true, false]);
  });

  it('that change are told knob by knob', () => {
    const of = (...routes: string[]) => accepted(withRoutes(...routes));
    const diff = diffPolicies(of('{ name: x, to: { v1: 1 }, deadline: 2s }', '{ name: y, match: [{ method: PUT }] }'), of('{ name: x, to: { v1: 1, v2: 3 }, deadline: 3s }', '{ name: z, match: [{ method: PUT }] }'));
    expect(diff.services[0]!.knobs.map(({ knob, before, after }) => `${knob}: ${before} → ${after}`)).toEqual([
      'routes: x, y → x, z',
      'routes.x.deadline: 2s → 3s',
      'routes.x.targets: {"weights":{"v1":1},"fallback":false} → {"weights":{"v1":1,"v2":3},"fallback":false}',
      'routes.y.matches: [{"method":"PUT","headers":[],"query":[],"cookies":[]}] → not set',
      'routes.z.matches: not set → [{"method":"PUT","headers":[],"query":[],"cookies":[]}]',
    ]);
  });

  it('are found in a service that has no versions, too', () => {
    expect(accepted('version: 1\nservices:\n  a:\n    routes: [{ name: slow, match: [{ path: { exact: /slow } }], deadline: 1m }]\n').services.get('a')!.routes).toHaveLength(1);
  });
});

test.each([
  // The shape.
  ['{ to: { v1: 1 } }', 'routes[0].name: missing'],
  ['{ name: x, match: [] }', 'match: an empty list (expected: at least 1 match'],
  ['{ name: -x }', 'routes[0].name: "-x" (expected: route name'],
  ['{ name: x, to: { v1: 1.5 } }', 'to.v1: 1.5 (expected: integer 0–1000000)'],
  ['{ name: x, mirror: { to: v2, percent: 101 } }', 'mirror.percent: 101 (expected: number 0–100)'],
  ['{ name: x, fault: { delay: { percent: 200, duration: 1s } } }', 'fault.delay.percent: 200 (expected: number 0–100)'],
  ['{ name: x, match: [{ path: { regex: "/a(" } }] }', 'match[0].path.regex: "/a(" (expected: regular expression (RE2)'],
  ['{ name: x, match: [{ headers: { h: { regex: "(?=a)" } } }] }', 'match[0].headers.h.regex: "(?=a)" (expected: regular expression'],
  ['{ name: x, match: [{ path: { prefix: /a/../b } }] }', 'path.prefix: "/a/../b" (expected: path'],
  ['{ name: x, match: [{ path: { exact: "/a?b" } }] }', 'path.exact: "/a?b" (expected: path'],
  ['{ name: x, match: [{ method: get }] }', 'method: "get" (expected: HTTP method'],
  ['{ name: x, match: [{ headers: { "a b": c } }] }', 'expected: header name'],
  ['{ name: x, schedule: { start: tomorrow, steps: [{ to: { v1: 1 } }] }, to: { v1: 1 } }', 'schedule.start: "tomorrow" (expected: instant'],
  ['{ name: x, schedule: { start: "2026-11-20T10:00:00", steps: [{ to: { v1: 1 } }] }, to: { v1: 1 } }', 'with its offset'],
  ['{ name: x, subset: off }', 'routes[0].subset: unknown key'],
  ['{ name: x, requestHeaders: { set: { a: "b\\nc" } } }', 'set.a: "b\\nc" (expected: header value, in one line)'],
  // What belongs together.
  ['{ name: x, to: { v3: 1 } }', 'to.v3: "v3" (expected: a version of a, which has v1 and v2)'],
  ['{ name: x, to: { v1: 1 }, schedule: { start: "2026-11-20T10:00:00Z", steps: [{ to: { v9: 1 } }] } }', 'schedule.steps[0].to.v9: "v9" (expected: a version of a'],
  ['{ name: x, to: { v1: 1 }, schedule: { start: "2026-11-20T10:00:00Z", steps: [{ to: { v1: 1 } }, { to: { v2: 1 } }] } }', 'schedule.steps[0]: a mapping (expected: for, since another step follows)'],
  ['{ name: x, schedule: { start: "2026-11-20T10:00:00Z", steps: [{ to: { v1: 1 } }] } }', 'schedule: a mapping (expected: schedule only together with to)'],
  ['{ name: x, sticky: { cookie: c } }', 'sticky: a mapping (expected: sticky only together with to)'],
  ['{ name: x, to: { v1: 1 }, sticky: { cookie: c, header: h } }', 'sticky.cookie: "c" (expected: only one of header, cookie and hashKey)'],
  ['{ name: x, to: { v1: 1 }, sticky: { hashKey: false } }', 'sticky: a mapping (expected: one of header, cookie and hashKey)'],
  ['{ name: x, to: { v1: 1 }, schedule: { start: "2026-11-20T10:00:00Z", steps: [{ to: { v1: 1 } }], holdOn: { version: v2, successRateBelow: 99% } } }', 'holdOn.version: "v2" (expected: a version that a step gives a weight)'],
  ['{ name: x, to: { v2: 1 }, schedule: { start: "2026-11-20T10:00:00Z", steps: [{ to: { v2: 1 } }], holdOn: { version: v2, successRateBelow: 99%, action: rollback } } }', 'holdOn.action: "rollback" (expected: hold, since'],
  ['{ name: x, match: [{ path: { exact: /a, prefix: /b } }] }', 'match[0].path.prefix: "/b" (expected: only one of exact, prefix and regex)'],
  ['{ name: x, match: [{ path: {} }] }', 'match[0].path: an empty mapping (expected: one of exact, prefix and regex)'],
  ['{ name: x, match: [{ query: { q: { exact: a, present: false } } }] }', 'query.q.present: false (expected: only one of'],
  ['{ name: x, match: [{ headers: { A: b, a: c } }] }', 'headers.a: "a" (expected: each header once'],
  ['{ name: x, fault: { abort: { percent: 1 } } }', 'fault.abort: a mapping (expected: one of status and reset)'],
  ['{ name: x, fault: { abort: { percent: 1, status: 503, reset: true } } }', 'fault.abort.reset: true (expected: only one of status and reset)'],
  ['{ name: x, rewrite: { prefix: /a, path: /b } }', 'rewrite.path: "/b" (expected: only one of prefix and path)'],
  ['{ name: x, match: [{ path: { prefix: /p } }, { path: { exact: /a } }], rewrite: { prefix: /b } }', 'rewrite.prefix: "/b" (expected: rewrite.path, since match 2 has no prefix'],
  ['{ name: x, requestHeaders: { set: { Host: b } } }', 'requestHeaders.set.Host: "Host" (expected: rewrite.host instead)'],
  ['{ name: x, responseHeaders: { remove: [x, Content-Length] } }', 'responseHeaders.remove[1]: "Content-Length" (expected: a header that is not about the connection)'],
  ['{ name: x, mirror: { percent: 5 } }', 'mirror: a mapping (expected: to, a version, or service, or both)'],
  ['{ name: x, mirror: { to: v7 } }', 'mirror.to: "v7" (expected: a version of a, which has v1 and v2)'],
  ['{ name: x, mirror: [{ service: b }, { service: c }] }', 'mirror[1].service: "c" (expected: a service of this policy: a and b)'],
  ['{ name: x, mirror: { service: b, to: v1 } }', 'mirror.to: "v1" (expected: a version of b, which has none)'],
  ['{ name: x, deadline: 1s, attemptTimeout: 2s }', 'attemptTimeout: "2s" (expected: less than deadline, 1s)'],
])('refuses %s', (route, ...texts) => {
  const told = refused(route);
  expect(told).toHaveLength(1);
  for (const text of texts) expect(told[0]).toContain(text);
  expect(told[0]).toMatch(/^policy\.yaml:6:\d+ /);
});

test('names are each route’s own', () => {
  expect(refused('{ name: x }', '{ name: y, match: [{ method: GET }] }', '{ name: x, match: [{ method: PUT }] }')).toEqual([
    'policy.yaml:8:17 services.a.routes[2].name: "x" (expected: a name that no other route of a has; number 1 has it)',
  ]);
});

describe('what looks like a mistake', () => {
  it('is a route that no call takes', () => {
    expect(warned('{ name: all }', '{ name: same, match: [{ path: { prefix: / } }] }')).toEqual([
      'policy.yaml:7:9 services.a.routes[1]: no call takes same (expected: a match that all does not have as well)',
    ]);
    expect(warned('{ name: one, match: [{ path: { prefix: /a/ } }, { headers: { A: b, c: d } }] }', '{ name: two, match: [{ headers: { c: d, a: b } }, { path: { prefix: /a } }] }')[0]).toContain('no call takes two');
    expect(warned('{ name: one, match: [{ path: { prefix: /a } }] }', '{ name: two, match: [{ path: { prefix: /a } }, { method: GET }] }', '{ name: three, match: [{ path: { exact: /a } }] }')).toEqual([]);
  });

  it('is a route whose weights are all 0', () => {
    expect(warned('{ name: x, to: { v1: 0, v2: 0 } }')).toEqual(['policy.yaml:6:24 services.a.routes[0].to: every weight is 0 (expected: a weight above 0, or all calls of the route fail with NO_ENDPOINTS)']);
  });
});

describe('a regular expression', () => {
  it('is for the whole text, in RE2’s words', () => {
    const test = compileRegex('/v[0-9]+/(a|b)')!;
    expect([test('/v1/a'), test('/v12/b'), test('x/v1/a'), test('/v1/a/'), test('')]).toEqual([true, true, false, false, false]);
    expect(compileRegex('(?i)jason')!('JaSon')).toBe(true);
    for (const none of ['', '(', '\\1', '(?=a)', '(?<!a)', 'a{1001}', '((a{100}){100}){100}', 'a'.repeat(1001)]) expect(compileRegex(none), none).toBeUndefined();
  });

  it('takes time in proportion to the text, whatever the two are', () => {
    for (const pattern of ['(a+)+$', '(a|a)*b', '(a|aa)+b', '(.*a){12}', '(x+x+)+y']) {
      const test = compileRegex(pattern)!;
      test('a'.repeat(100));
      const time = (length: number) => {
        const began = performance.now();
        test(`${'a'.repeat(length)}!`);
        return performance.now() - began;
      };
      // 32 times the text: linear takes 32 times as long, quadratic a thousand times; backtracking would never end.
      const [short, long] = [Math.max(0.2, Math.min(time(1000), time(1000), time(1000))), Math.min(time(32_000), time(32_000))];
      expect(long / short, pattern).toBeLessThan(400);
    }
  });

  it('never throws', () => {
    const piece = fc.constantFrom('(', ')', '[', ']', '{1,2}', '*', '+', '?', '|', '^', '$', '\\', '\\d', '\\pL', '\\C', '\\Q', '.', 'a', 'é', '\uD800', '😀', '(?i)', '(?P<n>', '{1000}', '-', ':', '\0', '\n');
    let compiled = 0;
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 40 }), (pieces, text) => {
        const found = compileRegex(pieces.join(''));
        if (found === undefined) return;
        compiled += 1;
        expect(typeof found(text)).toBe('boolean');
        found(`${text}\uD800`);
      }),
      { numRuns: 3000 },
    );
    expect(compiled).toBeGreaterThan(100);
  });
});

test('the examples of docs/routing.md are policies', () => {
  const page = readFileSync(new URL('../../docs/routing.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map((match) => match[1]!);
  expect(blocks.length).toBeGreaterThan(1);
  for (const block of blocks) expect(suspicionsOf(`version: 1\n${block}`)).toEqual([]);
});
