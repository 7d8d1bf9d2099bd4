/**
 * EndpointSlices as a source, from an API server over real HTTPS.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { endpointKey } from '../../src/core/endpoint.ts';
import type { Resolution, Watch } from '../../src/core/endpoint.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import type { DiscoverySource } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { resolverFor } from '../../src/discovery/resolver-for.ts';
import { StubResolver } from '../../src/discovery/stub-resolver.ts';
import { eventually } from '../support/eventually.ts';
import { FakeKubernetes } from '../support/kubernetes-api.ts';
import { startKnot } from '../support/knot.ts';
import { needs } from '../support/needs.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const SOURCE: DiscoverySource = { kind: 'kubernetes', service: 'reviews', port: 'http' };

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close();
});

interface Seen { readonly watch: Watch; readonly resolutions: Resolution[]; readonly failures: Error[]; keys(): string[] }

function watching(api: FakeKubernetes, { source = SOURCE, clock = systemClock, nameservers = ['127.0.0.1:9'], zone = '' } = {}): Seen {
  const stub = new StubResolver({ clock, random: seededRandom(1), nameservers, family: 4 });
  const resolutions: Resolution[] = [];
  const failures: Error[] = [];
  const watch = resolverFor(source, { stub, clock, random: seededRandom(1), knobs: () => defaultServicePolicy.discovery, kubernetes: api.access, zone: zone || undefined })
    .watch({ resolved: (resolution) => void resolutions.push(resolution), failed: (error) => void failures.push(error) });
  cleanup.push(() => {
    watch.close();
    stub.close();
  });
  return { watch, resolutions, failures, keys: () => (resolutions.at(-1)?.endpoints ?? []).map(endpointKey).sort() };
}

let api: FakeKubernetes;
beforeEach(async () => {
  api = await FakeKubernetes.start();
  cleanup.push(() => api.close());
});

const kinds = (): string => api.requests.map((path) => (path.includes('watch=1') ? 'W' : 'L')).join('');

describe('EndpointSlices', () => {
  it('R-43: are of this zone as long as all say which zones they are for, and of all zones as soon as one does not', async () => {
    api.put('a', ['10.0.0.1', '10.0.0.2'], { zone: 'a', forZones: ['a'] });
    api.put('b', ['10.0.0.3'], { zone: 'b', forZones: ['b'] });
    const here = watching(api, { zone: 'a' });
    const nowhere = watching(api);
    await eventually(here.keys, (keys) => keys.join() === '10.0.0.1:9080,10.0.0.2:9080');
    expect(here.resolutions[0]!.endpoints.map(({ zone }) => zone)).toEqual(['a', 'a']);
    await eventually(nowhere.keys, (keys) => keys.length === 3);
    api.put('c', ['10.0.0.4']);
    await eventually(here.keys, (keys) => keys.length === 4);
    api.put('c', ['10.0.0.4'], { forZones: ['a'] });
    await eventually(here.keys, (keys) => keys.length === 3);
    await eventually(nowhere.keys, (keys) => keys.length === 4);
  });

  it('R-43: are listed in pages, watched, and followed at once: added, changed, removed, over several slices', async () => {
    api.pageSize = 1;
    api.put('a', ['10.0.0.1', '10.0.0.2']);
    api.put('b', ['10.0.0.3']);
    api.put('c', ['10.0.0.4']);
    const seen = watching(api);
    await eventually(seen.keys, (keys) => keys.length === 4);
    await eventually(() => api.watches === 1);
    expect(kinds()).toBe('LLLW');
    expect(api.requests.at(-1)).toMatch(/watch=1&allowWatchBookmarks=true&timeoutSeconds=2[4-9]\d&resourceVersion=103$/);

    const began = performance.now();
    api.put('b', ['10.0.0.3', '10.0.0.5']);
    await eventually(seen.keys, (keys) => keys.includes('10.0.0.5:9080'), 1000);
    expect(performance.now() - began).toBeLessThan(1000);
    api.remove('a');
    await eventually(seen.keys, (keys) => keys.join() === '10.0.0.3:9080,10.0.0.4:9080,10.0.0.5:9080', 1000);
    expect(kinds()).toBe('LLLW');
  });

  it('are watched from the last version, bookmarks included, when a watch ends or breaks', async () => {
    api.put('a', ['10.0.0.1']);
    const seen = watching(api);
    await eventually(() => api.watches === 1);
    api.bookmark();
    api.put('a', ['10.0.0.1', '10.0.0.2']);
    api.bookmark();
    await eventually(seen.keys, (keys) => keys.length === 2);
    for (const how of ['end', 'destroy'] as const) {
      api.cut(how);
      await eventually(() => api.watches === 0);
      api.put('a', ['10.0.0.1', '10.0.0.2', how === 'end' ? '10.0.0.3' : '10.0.0.4']);
      await eventually(seen.keys, (keys) => keys.includes(how === 'end' ? '10.0.0.3:9080' : '10.0.0.4:9080'));
    }
    expect(kinds()).toBe('LWWW');
    expect(api.requests.at(-2)).toContain('resourceVersion=104');
  });

  it.each(['status', 'event'])('are listed anew where a version is too old, told by %s; meanwhile what was known stands, and then what is gone goes', async (how) => {
    api.put('a', ['10.0.0.1']);
    api.put('b', ['10.0.0.9']);
    const seen = watching(api);
    await eventually(() => api.watches === 1);
    if (how === 'event') {
      api.sendRaw(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old resource version' } })}\n`);
      await eventually(() => api.watches === 0);
      api.remove('b');
    } else {
      api.oldestVersion = 200;
      api.cut('end');
      await eventually(() => api.watches === 0);
      api.remove('b');
      await eventually(() => kinds().includes('WL'));
      api.oldestVersion = 0;
    }
    await eventually(() => kinds().startsWith('LW') && kinds().includes('LW', 2));
    api.put('a', ['10.0.0.1', '10.0.0.2']);
    await eventually(seen.keys, (keys) => keys.join() === '10.0.0.1:9080,10.0.0.2:9080');
    expect(seen.resolutions.every((resolution) => resolution.endpoints.length > 0)).toBe(true);
  });

  it('are asked for with the token of now', async () => {
    api.put('a', ['10.0.0.1']);
    const seen = watching(api);
    await eventually(() => api.watches === 1);
    api.rotateToken();
    api.cut('end');
    await eventually(() => api.watches === 0);
    await eventually(() => api.watches === 1);
    api.put('a', ['10.0.0.1', '10.0.0.2']);
    await eventually(seen.keys, (keys) => keys.length === 2);
    expect(seen.failures).toEqual([]);
  });

  it('are asked for with a token that is read again every minute, not only when the old one is refused', async () => {
    const clock = new VirtualClock();
    watching(api, { clock });
    await eventually(() => api.watches === 1);
    api.acceptOldTokens = true;
    api.rotateToken();
    for (const seconds of [30, 31]) {
      await clock.advance(seconds * 1000);
      const before = api.requests.length;
      api.cut('end');
      await eventually(() => api.requests.length > before);
      await eventually(() => api.watches === 1);
    }
    expect(api.tokens.map((token) => token === 'Bearer first-token')).toEqual([true, true, true, false]);
  });

  it('are not believed dead while the API server is: the last ones stay, the state is stale, and it is left alone as long as it asks', async () => {
    api.put('a', ['10.0.0.1']);
    const clock = new VirtualClock();
    const seen = watching(api, { clock });
    await eventually(() => api.watches === 1);
    await eventually(seen.keys, (keys) => keys.length === 1);
    api.failWith = { status: 429, retryAfter: 7 };
    api.cut('end');
    const elapse = async (duration: number): Promise<void> => {
      for (let passed = 0; passed < duration; passed += 100) {
        await clock.advance(100);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    await elapse(2000);
    await eventually(() => kinds() === 'LWW');
    await elapse(5000);
    await eventually(() => kinds() === 'LWW');
    await elapse(10_000);
    await eventually(() => kinds().startsWith('LWWW'));
    expect(seen.watch.state().state).toBe('stale');
    expect(seen.watch.state().lastError).toMatch(/kubernetes default\/reviews:http: .* answered 429/);
    expect(seen.keys()).toEqual(['10.0.0.1:9080']);
    api.failWith = undefined;
    while (api.watches === 0) await elapse(100);
    // At once, not when the next look-up would have been due.
    const due = clock.now();
    await eventually(async () => {
      await clock.advance(5);
      return seen.watch.state().state;
    }, (state) => state === 'fresh');
    expect(clock.now() - due).toBeLessThan(1000);
  }, 20_000);

  it('are asked for again where a watch is silent for two and a half minutes', async () => {
    api.put('a', ['10.0.0.1']);
    const clock = new VirtualClock();
    watching(api, { clock });
    await eventually(() => api.watches === 1);
    await clock.advance(149_000);
    expect(api.watches).toBe(1);
    await clock.advance(1000);
    await eventually(() => api.watches === 0);
    await clock.advance(1000);
    await eventually(() => api.watches === 1);

    await clock.advance(149_000);
    api.bookmark();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await clock.advance(149_000);
    expect(api.watches).toBe(1);
    await clock.advance(1000);
    await eventually(() => api.watches === 0);
    await clock.advance(1000);
    await eventually(() => api.watches === 1);
    expect(kinds()).toBe('LWWW');
  });

  it.each(['{"type":"ADDED"', 'not json\n', '[]\n', 'null\n', '{"type":"ADDED","object":{"metadata":{"name":"x"},"addressType":"IPv4","ports":7,"endpoints":[null]}}\n'])('that are nonsense (%j) change nothing', async (nonsense) => {
    api.put('a', ['10.0.0.1']);
    const seen = watching(api);
    await eventually(() => api.watches === 1);
    api.sendRaw(nonsense);
    api.cut('end');
    await eventually(() => kinds().length >= 3, Boolean, 8000);
    await eventually(() => api.watches === 1, Boolean, 8000);
    api.put('a', ['10.0.0.1', '10.0.0.2']);
    await eventually(seen.keys, (keys) => keys.length === 2, 8000);
    expect(seen.resolutions.every((resolution) => resolution.endpoints.length > 0)).toBe(true);
  }, 20_000);

  it('that nobody can have a look at are an error, in and out of a cluster', async () => {
    api.failWith = { status: 403 };
    const seen = watching(api);
    await eventually(() => seen.failures.length > 0);
    expect(seen.failures[0]!.message).toMatch(/answered 403/);
  });

  it('leave nothing behind when they are closed', async () => {
    api.put('a', ['10.0.0.1']);
    const seen = watching(api);
    await eventually(() => api.watches === 1);
    // Only the server's side of the connection keeps this process.
    await eventually(() => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length, (sockets) => sockets === 1);
    seen.watch.close();
    await eventually(() => api.watches === 0);
    const requests = api.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(api.requests).toHaveLength(requests);
  });
});

needs('knot').describe('EndpointSlices with DNS behind them', () => {
  it('R-42: while the API server is down, DNS says where to go; when it is back, it does', async () => {
    const name = '_http._tcp.reviews.default.svc';
    const knot = await startKnot({ zone: [`${name} SRV 0 1 9080 10-0-0-1.reviews.default.svc`, `${name} SRV 0 1 9080 10-0-0-9.reviews.default.svc`] });
    cleanup.push(() => knot.close());
    api.put('a', ['10.0.0.1']);
    api.failWith = { status: 503 };
    const source: DiscoverySource = { kind: 'chain', sources: [SOURCE, { kind: 'srv', name: `${name}.cluster.local` }] };
    const seen = watching(api, { source, nameservers: [knot.address] });
    await eventually(seen.keys, (keys) => keys.join() === '10.0.0.1:9080,10.0.0.9:9080', 8000);
    api.failWith = undefined;
    await eventually(seen.keys, (keys) => keys.join() === '10.0.0.1:9080', 15_000);
    await knot.stop();
    api.put('a', ['10.0.0.1', '10.0.0.2']);
    await eventually(seen.keys, (keys) => keys.length === 2);
  }, 40_000);
});
