import { describe, expect, it } from 'vitest';
import { accepted, refusals } from './refusal.ts';

const tls = (text: string): string => `version: 1\nservices:\n  reviews:\n    tls: ${text}\n`;

describe('tls', () => {
  it('is off, and begins with these once it is on', () => {
    expect(accepted('version: 1').defaults.tls).toBe('off');
    expect(accepted(tls('{}')).services.get('reviews')!.policy.tls).toEqual({ mode: 'tls', ca: 'system', cert: 'off', key: 'off', serverName: 'auto', spiffeIds: 'off', minVersion: '1.2' });
  });

  it('of a service inherits the files of defaults, and says whom it expects', () => {
    const policy = accepted('version: 1\ndefaults:\n  tls: { mode: mutual, ca: /ca, cert: /cert, key: /key }\nservices:\n  reviews:\n    tls: { spiffeIds: [spiffe://td/a] }\n  ratings:\n    tls: off\n  web:\n    tls: { mode: tls }\n');
    const of = (name: string) => policy.services.get(name)!.policy.tls;
    expect(of('reviews')).toMatchObject({ mode: 'mutual', ca: '/ca', cert: '/cert', key: '/key', spiffeIds: ['spiffe://td/a'] });
    expect(of('ratings')).toBe('off');
    expect(of('web')).toMatchObject({ mode: 'tls', cert: '/cert' });
  });

  it.each([
    ['{ mode: mutual }', ['4:10 services.reviews.tls: no cert (expected: a cert, with mode mutual)', '4:10 services.reviews.tls: no key (expected: a key, with mode mutual)']],
    ['{ mode: mutual, cert: /a }', ['4:10 services.reviews.tls: no key (expected: a key, with mode mutual)']],
    ['{ cert: /a, key: /b }', ['4:18 services.reviews.tls.cert: "/a" (expected: no cert with mode tls, only with mutual)', '4:27 services.reviews.tls.key: "/b" (expected: no key with mode tls, only with mutual)']],
    ['{ spiffeIds: [spiffe://td/a] }', ['4:10 services.reviews.tls: no ca (expected: a ca of your own with spiffeIds: the public ones vouch for no SPIFFE ID)']],
    ['{ ca: ca.crt }', ['4:16 services.reviews.tls.ca: "ca.crt" (expected: system, or absolute path of a PEM file, such as /var/run/secrets/tls/ca.crt)']],
    ['{ serverName: 10.0.0.1 }', ['4:24 services.reviews.tls.serverName: "10.0.0.1" (expected: auto, or DNS name, such as reviews.shop.svc)']],
    ['{ ca: /ca, spiffeIds: [] }', ['4:32 services.reviews.tls.spiffeIds: an empty list (expected: list of SPIFFE ID, such as spiffe://td/ns/shop/sa/reviews; * for a segment, ** for the rest, at least 1)']],
    ['{ ca: /ca, spiffeIds: [spiffe://*/a] }', ['4:33 services.reviews.tls.spiffeIds[0]: "spiffe://*/a" (expected: SPIFFE ID, such as spiffe://td/ns/shop/sa/reviews; * for a segment, ** for the rest)']],
    ['{ minVersion: "1.1" }', ['4:24 services.reviews.tls.minVersion: "1.1" (expected: 1.2 or 1.3)']],
    ['mutual', ['4:10 services.reviews.tls: "mutual" (expected: off, or a mapping of mode, ca, cert, key, serverName, spiffeIds, minVersion)']],
  ])('cannot be %s', (text, expected) => {
    expect(refusals(tls(text)).map((each) => each.replace(/^policy\.yaml:/, ''))).toEqual(expected);
  });
});
