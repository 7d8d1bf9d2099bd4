import { describe, expect, it } from 'vitest';
import type { Attempt, MeshRequest } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import { errorType, requestAttributes, spanName } from '../../src/telemetry/http-attributes.ts';

function attributesOf(request: Partial<MeshRequest>, number = 1): Record<string, unknown> {
  const whole = { method: 'GET', scheme: 'http', authority: 'reviews', path: '/', headers: [], body: undefined, upgrade: undefined, ...request };
  return requestAttributes({ call: { request: whole }, number } as unknown as Attempt);
}

describe('a method', () => {
  it('that nobody knows becomes _OTHER, and its span is called HTTP', () => {
    expect(attributesOf({ method: 'FROBNICATE' })).toMatchObject({ 'http.request.method': '_OTHER', 'http.request.method_original': 'FROBNICATE' });
    expect(spanName('FROBNICATE')).toBe('HTTP');
  });

  it('that is known is given as it is', () => {
    expect(attributesOf({ method: 'PATCH' })).toMatchObject({ 'http.request.method': 'PATCH' });
    expect(attributesOf({ method: 'PATCH' })).not.toHaveProperty(['http.request.method_original']);
    expect(spanName('PATCH')).toBe('PATCH');
  });
});

describe('the server', () => {
  it.each([
    ['http', 'reviews', 'reviews', 80],
    ['https', 'reviews', 'reviews', 443],
    ['http', 'reviews.default.svc:9080', 'reviews.default.svc', 9080],
    ['http', '10.0.0.1:8080', '10.0.0.1', 8080],
    ['http', '[fd00::1]:8080', 'fd00::1', 8080],
    ['https', '[fd00::1]', 'fd00::1', 443],
    ['http', 'user:secret@reviews:81', 'reviews', 81],
  ] as const)('%s://%s', (scheme, authority, address, port) => {
    expect(attributesOf({ scheme, authority })).toMatchObject({ 'server.address': address, 'server.port': port });
  });
});

describe('url.full', () => {
  it.each([
    [{ authority: 'reviews:9080', path: '/a?b=c' }, 'http://reviews:9080/a?b=c'],
    [{ authority: 'user:secret@reviews', path: '/' }, 'http://REDACTED:REDACTED@reviews/'],
    [{ path: '/?sig=abc&x=1&Signature=def' }, 'http://reviews/?sig=REDACTED&x=1&Signature=REDACTED'],
    [{ path: '/?X-Amz-Signature=abc&X-Amz-Credential=def' }, 'http://reviews/?X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED'],
    [{ path: '/?design=abc&sig' }, 'http://reviews/?design=abc&sig'],
    [{ method: 'OPTIONS', path: '*' }, 'http://reviews'],
    [{ method: 'CONNECT', path: 'reviews:443' }, 'http://reviews'],
  ])('%o', (request, url) => {
    expect(attributesOf(request)['url.full']).toBe(url);
  });
});

it('counts resends, not sends', () => {
  expect(attributesOf({}, 1)).not.toHaveProperty(['http.request.resend_count']);
  expect(attributesOf({}, 2)['http.request.resend_count']).toBe(1);
  expect(attributesOf({}, 3)['http.request.resend_count']).toBe(2);
});

it('names a protocol only where it is not HTTP', () => {
  expect(attributesOf({})).not.toHaveProperty(['network.protocol.name']);
  expect(attributesOf({ upgrade: 'WebSocket' })['network.protocol.name']).toBe('websocket');
});

it('has few types of errors, and none of them is a message', () => {
  expect(errorType(new MeshError('ATTEMPT_TIMEOUT', 'reviews: took 1 ms too long'))).toBe('attempt_timeout');
  expect(errorType(new TypeError('a bug'))).toBe('_OTHER');
});
