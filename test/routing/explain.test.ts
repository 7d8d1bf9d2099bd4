import { describe, expect, it } from 'vitest';
import { knobOrigins, placeOf } from '../../src/config/knob-origins.ts';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { explain, plannedShares } from '../../src/routing/explain.ts';
import { explanationText } from '../../src/routing/explanation-text.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const text = `version: 1
unknownHosts: deny
defaults:
  deadline: 20s
services:
  reviews:
    retry: { maxRetries: 1 }
    versions:
      v1: { discovery: { endpoints: ["10.0.0.1:80"] } }
      v2: { discovery: { endpoints: ["10.0.0.2:80"] } }
    routes:
      - name: jason
        match: [{ path: { prefix: /reviews }, headers: { end-user: jason } }]
        to: { v2: 100 }
        deadline: 2s
        attemptTimeout: 1s
      - name: canary
        to: { v1: 100 }
        sticky: { cookie: sid }
        rewrite: { prefix: /v1 }
        schedule: { start: 2026-11-20T10:00:00Z, steps: [{ for: 10m, to: { v1: 90, v2: 10 } }, { to: { v2: 100 } }] }
`;

function explained(url: string, headers: readonly string[] = [], at = '2026-11-20T10:05:00Z', method = 'GET') {
  const parsed = parsePolicy(text, 'policy.yaml', {});
  if ('invalid' in parsed) throw parsed.invalid;
  const { policy, source } = parsed;
  const clock = new VirtualClock(0, Date.parse(at));
  return explain({ url: new URL(url), method, headers, hashKey: undefined }, {
    policy, source: 'policy.yaml', wall: clock.wall(),
    knobs: (knobs, service, route) => knobOrigins(knobs, service, route, source),
    placeOf: (service, route) => placeOf(['services', service, 'routes', route], source),
    shares: (service, route, request) => plannedShares({ service, route, clock, random: seededRandom(1) }, request, undefined),
  });
}

const knob = (explanation: ReturnType<typeof explained>, name: string) => explanation.knobs.find((each) => each.knob === name);

describe('an explanation', () => {
  it('says which route and why, and why not the others', () => {
    const { service, route, others, versions } = explained('http://reviews/reviews/1', ['End-User', 'jason']);
    expect(service).toBe('reviews');
    expect(route).toMatchObject({ name: 'jason', match: 'path prefix /reviews, header end-user: jason', from: 'policy.yaml:12:9', step: undefined, sent: undefined });
    expect(others).toEqual([{ route: 'canary', match: 'everything', because: 'jason is more specific, or comes first' }]);
    expect(versions).toEqual([{ name: 'v2', probability: 1 }]);
    expect(explained('http://reviews/reviewsx', ['end-user', 'jason']).others[0]!.because).toBe('the path is /reviewsx');
    expect(explained('http://reviews/reviews', ['end-user', 'bob']).others[0]!.because).toBe('header end-user is "bob"');
    expect(explained('http://reviews/reviews').others[0]!.because).toBe('there is no header end-user');
  });

  it('says which version with which probability, at a time', () => {
    const at = (time: string) => explained('http://reviews/x?y', [], time);
    expect(at('2026-11-20T09:59:59Z')).toMatchObject({ versions: [{ name: 'v1', probability: 1 }], route: { step: 0, sent: { path: '/v1/x?y' } } });
    expect(at('2026-11-20T10:00:00Z')).toMatchObject({ versions: [{ name: 'v1', probability: 0.9 }, { name: 'v2', probability: 0.1 }], route: { step: 1 } });
    expect(at('2026-11-20T10:10:00Z')).toMatchObject({ versions: [{ name: 'v2', probability: 1 }], route: { step: 2 } });
  });

  it('is certain where the user is known', () => {
    const sides = Array.from({ length: 100 }, (_, user) => explained('http://reviews/x', ['cookie', `sid=${user}`]));
    expect(sides.every(({ versions, route }) => versions.length === 1 && versions[0]!.probability === 1 && route!.sticky)).toBe(true);
    expect(new Set(sides.map(({ versions }) => versions[0]!.name))).toEqual(new Set(['v1', 'v2']));
  });

  it('says of each knob where it comes from', () => {
    const jason = explained('http://reviews/reviews/1', ['end-user', 'jason']);
    expect(knob(jason, 'deadline')).toEqual({ knob: 'deadline', value: '2s', from: 'policy.yaml:15:9' });
    expect(knob(jason, 'retry.maxRetries')).toEqual({ knob: 'retry.maxRetries', value: '1', from: 'policy.yaml:7:14' });
    expect(knob(explained('http://reviews/x'), 'deadline')).toEqual({ knob: 'deadline', value: '20s', from: 'policy.yaml:4:3' });
    expect(knob(jason, 'circuit.failureRate')).toMatchObject({ value: '50%', from: 'built-in' });
  });

  it('says what is retried', () => {
    expect(explained('http://reviews/x').retry).toBe('up to 1, on connect-failure, refused-stream, reset, gateway-error');
    expect(explained('http://reviews/x', [], undefined, 'POST').retry).toMatch(/; POST only if provably not sent$/);
    expect(explained('http://reviews/x', ['Idempotency-Key', 'k'], undefined, 'POST').retry).not.toContain('POST');
  });

  it('says that a host is nobody’s', () => {
    expect(explained('http://elsewhere/')).toMatchObject({ service: undefined, why: expect.stringContaining('EGRESS_DENIED') });
  });

  it('is readable', () => {
    const lines = explanationText(explained('http://reviews/reviews/1')).split('\n');
    expect(lines.slice(0, 12)).toEqual([
      'GET http://reviews/reviews/1  at 2026-11-20T10:05:00.000Z', '',
      'service   reviews: its hosts have reviews', 'route     canary: everything  (policy.yaml:17:9)', 'schedule  step 1', 'sent as   /v1/reviews/1',
      'version   v1  90%', 'version   v2  10%', 'deadline  20000 ms', 'retries   up to 1, on connect-failure, refused-stream, reset, gateway-error', '',
      'not',
    ]);
  });
});
