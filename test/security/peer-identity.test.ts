import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseSpiffePattern, type SpiffePattern } from '../../src/core/spiffe-id.ts';
import { serverNameProblem, spiffeIdOf, spiffeProblem } from '../../src/security/peer-identity.ts';
import { CertificateAuthority, type LeafOptions } from '../support/certificate-authority.ts';

const root = CertificateAuthority.root();
const certificate = (options: LeafOptions) => new X509Certificate(root.issue(options).cert);
const patterns = (...texts: string[]) => texts.map((text) => parseSpiffePattern(text) as SpiffePattern);

describe('the SPIFFE ID of a certificate', () => {
  it('is its one URI name', () => {
    expect(spiffeIdOf(certificate({ uris: ['spiffe://td/ns/shop/sa/reviews'], dns: ['reviews'] }))).toMatchObject({ id: 'spiffe://td/ns/shop/sa/reviews', trustDomain: 'td' });
  });

  it.each<[string, LeafOptions, RegExp]>([
    ['without any name', {}, /no URI name/],
    ['with DNS names alone', { dns: ['reviews'] }, /no URI name/],
    ['with two URI names', { uris: ['spiffe://td/a', 'spiffe://td/b'] }, /2 URI names/],
    ['with a web address beside the ID', { uris: ['spiffe://td/a', 'https://td/a'] }, /2 URI names/],
    ['with the same ID twice', { uris: ['spiffe://td/a', 'spiffe://td/a'] }, /2 URI names/],
    ['with a web address', { uris: ['https://td/a'] }, /no SPIFFE ID: it does not begin with spiffe/],
    ['with capitals in its trust domain', { uris: ['spiffe://TD/a'] }, /no SPIFFE ID/],
    ['that may sign others', { uris: ['spiffe://td/a'], ca: true }, /signs others/],
    ['with an ID smuggled into a DNS name', { dns: ['x, URI:spiffe://td/a'] }, /no URI name/],
    ['with one smuggled in behind a quote', { dns: ['x", URI:spiffe://td/a'] }, /no URI name/],
    ['with one smuggled into another URI', { uris: ['https://x/", URI:spiffe://td/a'] }, /no SPIFFE ID/],
    ['with a comma in the ID', { uris: ['spiffe://td/a, URI:spiffe://td/b'] }, /no SPIFFE ID/],
  ])('%s is none', (_what, options, problem) => {
    expect(spiffeIdOf(certificate(options))).toEqual({ problem: expect.stringMatching(problem) });
  });

  it('is one of those that are expected, or the message says which', () => {
    const reviews = certificate({ uris: ['spiffe://td/ns/shop/sa/reviews'] });
    expect(spiffeProblem(reviews, patterns('spiffe://td/ns/shop/sa/reviews'))).toBeUndefined();
    expect(spiffeProblem(reviews, patterns('spiffe://td/ns/a', 'spiffe://td/ns/*/sa/reviews'))).toBeUndefined();
    expect(spiffeProblem(reviews, patterns('spiffe://td/ns/a', 'spiffe://other/**'))).toBe('it is spiffe://td/ns/shop/sa/reviews (expected: spiffe://td/ns/a or spiffe://other/**)');
  });
});

describe('the server name of a certificate', () => {
  it.each<[string, LeafOptions, string, boolean]>([
    ['its own', { dns: ['reviews', 'short'] }, 'short', true],
    ['with other capitals', { dns: ['Reviews'] }, 'reviews', true],
    ['under its wildcard', { dns: ['*.shop.svc'] }, 'reviews.shop.svc', true],
    ['two below its wildcard', { dns: ['*.svc'] }, 'reviews.shop.svc', false],
    ['under half a wildcard', { dns: ['rev*.svc'] }, 'reviews.svc', false],
    ['another', { dns: ['ratings'] }, 'reviews', false],
    ['in its subject alone', { name: 'reviews' }, 'reviews', false],
    ['in its subject, beside others', { name: 'reviews', dns: ['ratings'] }, 'reviews', false],
    ['of a URI', { uris: ['spiffe://reviews/a'] }, 'reviews', false],
  ])('is %s', (_what, options, name, good) => {
    expect(serverNameProblem(certificate(options), name) === undefined).toBe(good);
  });

  it('that is wrong is told with those that it has, as far as they can be printed', () => {
    expect(serverNameProblem(certificate({ dns: ['ratings'], ips: ['10.0.0.1'] }), 'reviews')).toBe('its certificate is for DNS:ratings, IP Address:10.0.0.1 (expected: DNS:reviews)');
    expect(serverNameProblem(certificate({}), 'reviews')).toBe('its certificate is for no name at all (expected: DNS:reviews)');
    expect(serverNameProblem(certificate({ dns: ['a\r\nb'] }), 'reviews')).not.toMatch(/[\r\n]/);
  });
});
