/**
 * The whole of discovery against a real nameserver.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { endpointKey } from '../../src/core/endpoint.ts';
import type { Resolution, Watch } from '../../src/core/endpoint.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import type { DiscoveryKnobs, DiscoverySource } from '../../src/core/policy.ts';
import { systemRandom } from '../../src/core/random.ts';
import { resolverFor } from '../../src/discovery/resolver-for.ts';
import { StubResolver } from '../../src/discovery/stub-resolver.ts';
import { eventually } from '../support/eventually.ts';
import { startKnot } from '../support/knot.ts';
import type { Knot } from '../support/knot.ts';
import { needs } from '../support/needs.ts';

const SERVICE = '_http._tcp.reviews.default.svc';

function replicas(count: number, service = SERVICE): string[] {
  const domain = service.split('.').slice(2).join('.');
  return Array.from({ length: count }, (_, index) => {
    const label = `10-1-${Math.floor(index / 250)}-${(index % 250) + 1}`;
    return [`${service} SRV 0 33 9080 ${label}.${domain}`, `${label}.${domain} A ${label.replaceAll('-', '.')}`];
  }).flat();
}

needs('knot').describe('discovery, asking Knot', () => {
  let knot: Knot;
  let stub: StubResolver;
  const watches: Watch[] = [];

  beforeAll(async () => {
    knot = await startKnot({
      zone: [
        ...replicas(300, '_http._tcp.many.default.svc'),
        ...replicas(800, '_http._tcp.crowd.default.svc'),
        '_http._tcp.gone.default.svc SRV 0 0 0 .',
        '_http._tcp.shared.default.svc SRV 0 1 31001 127-0-0-1.shared.default.svc',
        '_http._tcp.shared.default.svc SRV 0 1 31002 127-0-0-1.shared.default.svc',
        '_http._tcp.shared.default.svc SRV 0 1 31003 127-0-0-1.shared.default.svc',
        '127-0-0-1.shared.default.svc A 127.0.0.1',
        'plain.default.svc A 10.0.0.9',
        'six.default.svc AAAA 2001:db8::9',
        'both.default.svc A 10.0.0.10',
        'both.default.svc AAAA 2001:db8::10',
        'alias.default.svc CNAME plain.default.svc',
        'loop1.default.svc CNAME loop2.default.svc',
        'loop2.default.svc CNAME loop1.default.svc',
        'broken.default.svc A 0.0.0.0',
        'broken.default.svc A 224.0.0.1',
        'broken.default.svc A 10.0.0.11',
      ],
    });
  });

  beforeEach(() => {
    stub = new StubResolver({ clock: systemClock, random: systemRandom, nameservers: [knot.address] });
  });

  afterEach(() => {
    for (const watch of watches.splice(0)) watch.close();
    stub.close();
  });

  afterAll(() => knot.close());

  function watched(source: DiscoverySource, knobs: Partial<DiscoveryKnobs> = {}): { resolutions: Resolution[]; failures: Error[]; watch: Watch; keys(): string[] } {
    const resolutions: Resolution[] = [];
    const failures: Error[] = [];
    const resolver = resolverFor(source, { stub, clock: systemClock, random: systemRandom, knobs: () => ({ ...defaultServicePolicy.discovery, ...knobs }) });
    const watch = resolver.watch({ resolved: (resolution) => void resolutions.push(resolution), failed: (error) => void failures.push(error) });
    watches.push(watch);
    return { resolutions, failures, watch, keys: () => (resolutions.at(-1)?.endpoints ?? []).map(endpointKey).sort() };
  }

  async function endpoints(source: DiscoverySource): Promise<Resolution> {
    const { resolutions, failures } = watched(source);
    await eventually(() => resolutions.length + failures.length > 0);
    if (failures[0] !== undefined) throw failures[0];
    return resolutions[0]!;
  }

  it.each([[300, 'many'], [800, 'crowd']])('finds all of %i endpoints, over TCP', async (count, service) => {
    const { endpoints: found, complete } = await endpoints({ kind: 'srv', name: `_http._tcp.${service}.default.svc.cluster.local` });
    expect(found).toHaveLength(count);
    expect(complete).toBe(true);
    expect(found.every(({ port, weight, priority }) => port === 9080 && weight === 1 && priority === 0)).toBe(true);
  });

  it('keeps instances apart that share an address', async () => {
    const { endpoints: found } = await endpoints({ kind: 'srv', name: '_http._tcp.shared.default.svc.cluster.local' });
    expect(found.map(endpointKey).sort()).toEqual(['127.0.0.1:31001', '127.0.0.1:31002', '127.0.0.1:31003']);
  });

  it('believes the target "." at once', async () => {
    const { endpoints: found } = await endpoints({ kind: 'srv', name: '_http._tcp.gone.default.svc.cluster.local' });
    expect(found).toEqual([]);
  });

  it.each([
    ['a plain name', 'plain', ['10.0.0.9:80']],
    ['an alias', 'alias', ['10.0.0.9:80']],
    ['a name with IPv6 alone', 'six', ['[2001:db8::9]:80']],
    ['a name with both families, as one', 'both', ['10.0.0.10:80']],
    ['a name with addresses that nobody can have', 'broken', ['10.0.0.11:80']],
  ])('finds %s', async (_what, name, keys) => {
    const { endpoints: found } = await endpoints({ kind: 'dns', name: `${name}.default.svc.cluster.local.`, port: 80 });
    expect(found.map(endpointKey)).toEqual(keys);
  });

  it('fails on aliases that lead in a circle', async () => {
    await expect(endpoints({ kind: 'dns', name: 'loop1.default.svc.cluster.local.', port: 80 })).rejects.toThrow(/alias/);
  });

  it('follows what is added and removed, and keeps the last good answer while the server is gone', async () => {
    const own = await startKnot({ zone: replicas(2) });
    const ownStub = new StubResolver({ clock: systemClock, random: systemRandom, nameservers: [own.address] });
    stub.close();
    stub = ownStub;
    try {
      const seen = watched({ kind: 'srv', name: `${SERVICE}.cluster.local` }, { refresh: 200 });
      await eventually(seen.keys, (keys) => keys.length === 2);
      await own.update([`add ${SERVICE} 5 SRV 0 33 9081 10-1-0-1.reviews.default.svc`]);
      await eventually(seen.keys, (keys) => keys.includes('10.1.0.1:9081'));
      await own.update([`delete ${SERVICE} SRV 0 33 9080 10-1-0-2.reviews.default.svc`]);
      await eventually(seen.keys, (keys) => keys.join() === '10.1.0.1:9080,10.1.0.1:9081');
      await own.stop();
      await eventually(() => seen.failures.length > 0);
      expect(seen.watch.state().state).toBe('stale');
      expect(seen.keys()).toHaveLength(2);
      await own.restart();
      await own.update([`add ${SERVICE} 5 SRV 0 33 9082 10-1-0-1.reviews.default.svc`]);
      await eventually(seen.keys, (keys) => keys.length === 3, 10_000);
      expect(seen.watch.state().state).toBe('fresh');
    } finally {
      await own.close();
    }
  });

  it('asks again at once when somebody saw an endpoint fail', async () => {
    const own = await startKnot({ zone: replicas(1), ttl: 30 });
    stub.close();
    stub = new StubResolver({ clock: systemClock, random: systemRandom, nameservers: [own.address] });
    try {
      const seen = watched({ kind: 'srv', name: `${SERVICE}.cluster.local` }, { refresh: 30_000 });
      await eventually(seen.keys, (keys) => keys.length === 1);
      await own.update([`add ${SERVICE} 30 SRV 0 33 9081 10-1-0-1.reviews.default.svc`]);
      seen.watch.refresh('connect-error');
      await eventually(seen.keys, (keys) => keys.length === 2, 1500);
    } finally {
      await own.close();
    }
  });

  it('asks the next nameserver when the first is silent, and when it refuses', async () => {
    const black = await startKnot({ zone: [] });
    const closed = await startKnot({ zone: [] });
    black.suspend();
    await closed.close();
    try {
      for (const [first, within] of [[black.address, 1000], [closed.address, 200]] as const) {
        const second = new StubResolver({ clock: systemClock, random: systemRandom, nameservers: [first, knot.address] });
        const began = performance.now();
        const answer = await second.lookup('plain.default.svc.cluster.local', 'A');
        expect(answer.records.map((record) => record.address)).toEqual(['10.0.0.9']);
        expect(performance.now() - began).toBeLessThan(within);
        second.close();
      }
    } finally {
      await black.close();
    }
  });
});
