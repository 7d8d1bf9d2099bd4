import { describe, expect, it } from 'vitest';
import { defaultServicePolicy, type HostPattern, type ServiceEntry } from '../../src/core/policy.ts';
import { hostTable, splitAuthority } from '../../src/routing/hosts.ts';

function service(name: string, ...hosts: HostPattern[]): ServiceEntry {
  return { name, hosts, source: undefined, versions: new Map(), routes: [], policy: defaultServicePolicy };
}

const find = (services: ServiceEntry[], url: string) => {
  const { protocol, host } = new URL(url);
  return hostTable(services).find(splitAuthority(protocol === 'https:' ? 'https' : 'http', host))?.name;
};

describe('an authority', () => {
  it.each([
    ['http://reviews/', 'reviews', 80, false],
    ['http://reviews:9080/', 'reviews', 9080, true],
    ['https://Reviews./', 'reviews', 443, false],
    ['http://[::1]:9080/', '::1', 9080, true],
    ['https://[::1]/', '::1', 443, false],
  ])('of %s', (url, host, port, explicit) => {
    const { protocol, host: authority } = new URL(url);
    expect(splitAuthority(protocol === 'https:' ? 'https' : 'http', authority)).toEqual({ host, port, explicit });
  });
});

describe('a request is for the service', () => {
  const reviews = service('reviews', { host: 'reviews', port: undefined }, { host: 'reviews.default', port: 9080 });

  it('that has its host', () => {
    expect(find([reviews], 'http://reviews/')).toBe('reviews');
    expect(find([reviews], 'http://ratings/')).toBeUndefined();
  });

  it('whose port, where both give one, is the same', () => {
    expect(find([reviews], 'http://reviews:1234/')).toBe('reviews');
    expect(find([reviews], 'http://reviews.default:9080/')).toBe('reviews');
    expect(find([reviews], 'http://reviews.default:1234/')).toBeUndefined();
    expect(find([reviews], 'http://reviews.default/')).toBe('reviews');
  });

  it('that names the port before one that names none', () => {
    const admin = service('admin', { host: 'reviews', port: 8081 });
    expect(find([reviews, admin], 'http://reviews:8081/')).toBe('admin');
    expect(find([reviews, admin], 'http://reviews:9080/')).toBe('reviews');
  });
});
