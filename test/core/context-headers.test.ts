import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contextFromHeaders, formatGrpcTimeout, parseExpectedTimeout, parseGrpcTimeout } from '../../src/core/context-headers.ts';

const DAY = 24 * 3_600_000;

describe('grpc-timeout', () => {
  it.each([['1H', 3_600_000], ['2M', 120_000], ['3S', 3000], ['250m', 250], ['1500u', 1.5], ['99999999n', 99.999999], ['0n', 0], ['00000012S', 12_000]])('%s is %d ms', (text, expected) => {
    expect(parseGrpcTimeout(text)).toBeCloseTo(expected, 9);
  });

  it.each(['', 'm', '100', '100000000m', '-1S', '+1S', '1.5S', '1 S', ' 1S', '1s', '1h', '1mm', '0x1S', '١S', '1e3m', 'NaNm', `${'9'.repeat(1000)}S`])('%s says nothing', (text) => {
    expect(parseGrpcTimeout(text)).toBeUndefined();
  });

  it('is written in at most eight digits, in whole units, never longer than it is', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 3.6e14, noNaN: true }), (remaining) => {
        const text = formatGrpcTimeout(remaining);
        expect(text).toMatch(/^\d{1,8}[HMSm]$/);
        const read = parseGrpcTimeout(text)!;
        expect(read).toBeLessThanOrEqual(remaining);
        // … and little shorter: less than a unit, and a unit is at most a millionth of what takes eight digits.
        expect(remaining - read).toBeLessThan(Math.max(1, remaining / 1e5));
      }),
    );
  });

  it.each([[249.9, '249m'], [99_999_999, '99999999m'], [100_000_000, '100000S'], [1e11 + 1, '1666666M'], [1e16, '99999999H'], [Infinity, '99999999H'], [0.3, '1m'], [0, '1m'], [-5, '1m']])('%d ms is %s', (remaining, text) => {
    expect(formatGrpcTimeout(remaining)).toBe(text);
  });
});

describe('x-envoy-expected-rq-timeout-ms', () => {
  it.each([['1', 1], ['0250', 250], ['999999999999999', 999_999_999_999_999]])('%s is %d ms', (text, expected) => expect(parseExpectedTimeout(text)).toBe(expected));
  it.each(['', '0', '00', '-1', '1.5', '1e3', ' 1', '1ms', 'Infinity', '9'.repeat(16)])('%s says nothing', (text) => expect(parseExpectedTimeout(text)).toBeUndefined());
});

describe('the context of an inbound request', () => {
  const said = { deadline: 250, criticality: 'sheddable', attempt: 2 };

  it('is read off headers of any kind', () => {
    const headers = { 'x-envoy-expected-rq-timeout-ms': '250', 'x-inmesh-criticality': 'sheddable', 'x-envoy-attempt-count': '2' };
    expect(contextFromHeaders(headers)).toEqual(said);
    expect(contextFromHeaders(new Headers(headers))).toEqual(said);
    expect(contextFromHeaders(new Map(Object.entries(headers)) as unknown as Headers)).toEqual(said);
    expect(contextFromHeaders({ 'X-Envoy-Expected-Rq-Timeout-Ms': '250', 'X-Inmesh-Criticality': ' sheddable ', 'X-ENVOY-ATTEMPT-COUNT': '2' })).toEqual(said);
    expect(contextFromHeaders({ 'x-envoy-expected-rq-timeout-ms': ['250'], 'x-inmesh-criticality': ['sheddable'], 'x-envoy-attempt-count': ['2'] })).toEqual(said);
  });

  it('is empty where nobody says anything', () => {
    expect(contextFromHeaders({})).toEqual({});
    expect(contextFromHeaders(new Headers())).toEqual({});
    // A header that happens to be called so is no method.
    expect(contextFromHeaders({ get: 'x', 'grpc-timeout': '1S' })).toEqual({ deadline: 1000 });
  });

  it('has the shortest of all deadlines', () => {
    expect(contextFromHeaders({ 'x-envoy-expected-rq-timeout-ms': '250', 'grpc-timeout': '100m' }).deadline).toBe(100);
    expect(contextFromHeaders({ 'x-envoy-expected-rq-timeout-ms': '50', 'grpc-timeout': '100m' }).deadline).toBe(50);
    expect(contextFromHeaders({ 'grpc-timeout': ['3S', '1S', 'soon'] }).deadline).toBe(1000);
    expect(contextFromHeaders({ 'grpc-timeout': '3S, 1S' }).deadline).toBe(1000);
  });

  it('ignores nonsense, and keeps the rest', () => {
    expect(contextFromHeaders({ 'x-envoy-expected-rq-timeout-ms': 'soon', 'grpc-timeout': '1S', 'x-inmesh-criticality': 'URGENT', 'x-envoy-attempt-count': '-1' })).toEqual({ deadline: 1000 });
    for (const count of ['0', '1.5', '', '99999', '1001', 'two']) expect(contextFromHeaders({ 'x-envoy-attempt-count': count })).toEqual({});
  });

  it('waits no longer than timers reach, whatever they say', () => {
    expect(contextFromHeaders({ 'grpc-timeout': '99999999H' }).deadline).toBe(24 * DAY);
    expect(contextFromHeaders({ 'x-envoy-expected-rq-timeout-ms': '999999999999999' }).deadline).toBe(24 * DAY);
  });

  it('never throws, and never says what makes no sense', () => {
    const name = fc.constantFrom('x-envoy-expected-rq-timeout-ms', 'grpc-timeout', 'x-envoy-attempt-count', 'x-inmesh-criticality', 'Grpc-Timeout', '__proto__', 'constructor');
    const value = fc.oneof(fc.string(), fc.stringMatching(/^\d{0,12}[HMSmunx]?$/), fc.array(fc.string()), fc.constant(undefined), fc.constantFrom('critical', 'sheddable'));
    fc.assert(
      fc.property(fc.dictionary(name, value), (headers) => {
        const { deadline, criticality, attempt } = contextFromHeaders(headers);
        if (deadline !== undefined) expect((deadline as number) >= 0 && (deadline as number) <= 24 * DAY).toBe(true);
        if (attempt !== undefined) expect(Number.isInteger(attempt) && attempt >= 1 && attempt <= 1000).toBe(true);
        expect([undefined, 'critical', 'sheddable']).toContain(criticality);
      }),
    );
  });
});
