import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { networkOf, Zones } from '../../src/core/zones.ts';

const table = new Map([
  ['10.0.0.0/8', 'region'], ['10.1.0.0/16', 'a'], ['10.1.2.0/24', 'b'], ['10.1.2.3/32', 'c'], ['0.0.0.0/0', 'elsewhere'],
  ['fd00::/8', 'v6'], ['fd00:1::/32', 'v6-a'], ['fd00:1:0:0:0:0:0:5/128', 'v6-b'],
]);
const zones = new Zones(table, undefined, () => []);
const zoneOf = (host: string) => zones.of({ host });

describe('zones', () => {
  it.each([
    ['10.9.9.9', 'region'], ['10.1.9.9', 'a'], ['10.1.2.9', 'b'], ['10.1.2.3', 'c'], ['192.168.0.1', 'elsewhere'],
    ['fd00:2::1', 'v6'], ['fd00:1:ffff::', 'v6-a'], ['fd00:1::5', 'v6-b'], ['FD00:1:0::5', 'v6-b'], ['fe80::1', undefined], ['::ffff:10.1.2.3', undefined], ['db-0.example', undefined],
  ])('of the networks that %s is in, the smallest counts: %s', (host, zone) => expect(zoneOf(host)).toBe(zone));

  it('an endpoint is where its source says it is, else where its address is, of either family', () => {
    expect(zones.of({ host: '10.1.2.3', zone: 'z' })).toBe('z');
    expect(zones.of({ host: 'fe80::1', alternate: '10.1.2.3' })).toBe('c');
    expect(new Zones(new Map(), undefined, () => []).of({ host: '10.1.2.3' })).toBeUndefined();
  });

  it('this process is where somebody said, else where the first of its addresses is that is anywhere', () => {
    expect(new Zones(table, 'z', () => ['10.1.2.3']).own).toBe('z');
    expect(new Zones(new Map([['10.1.0.0/16', 'a']]), undefined, () => ['fe80::1', '10.1.0.9']).own).toBe('a');
    expect(new Zones(new Map(), undefined, () => { throw new Error('nobody needs to know'); }).own).toBeUndefined();
  });

  it('a network is an address and how much of it counts, with nothing beyond that', () => {
    for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.1/8', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0/8', '/8', '', 'fd00::/129', 'fd00::1/64', 'fe80::%eth0/10', '10.0.0.0/ 8', 'reviews/8']) {
      expect(networkOf(text), text).toBeUndefined();
    }
    expect(networkOf('FD00:0::/16')).toBe(networkOf('fd00::/16'));
    expect(networkOf('0.0.0.0/0')).not.toBe(networkOf('::/0'));
  });

  it('agrees with arithmetic, of whatever address and prefix', () => {
    const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const written = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
    fc.assert(fc.property(address, address, fc.integer({ min: 0, max: 32 }), (network, other, prefix) => {
      const mask = prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0;
      const one = new Zones(new Map([[`${written((network & mask) >>> 0)}/${prefix}`, 'here']]), undefined, () => []);
      expect(one.of({ host: written(other) })).toBe(((other ^ network) & mask) === 0 ? 'here' : undefined);
      expect(one.of({ host: written(network) })).toBe('here');
    }));
  });
});
