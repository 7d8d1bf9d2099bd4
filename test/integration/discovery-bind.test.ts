/**
 * What only BIND does: no glue beyond 13 targets, answers cut over TCP, aliases alone. And dnsmasq: no SOA.
 */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startScriptedDns } from '../support/scripted-dns.ts';
import { startBind, startDnsmasq } from '../support/static-dns.ts';
import type { StaticDns } from '../support/static-dns.ts';
import { needs } from '../support/needs.ts';
import { headless, watched } from '../support/watched.ts';
import type { Watched, WatchedOptions } from '../support/watched.ts';
import type { DiscoverySource } from '../../src/core/policy.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { eventually } from '../support/eventually.ts';

const closing: Watched[] = [];
afterEach(() => {
  for (const each of closing.splice(0)) each.close();
});

function watching(source: DiscoverySource | string, options: WatchedOptions): Watched {
  const each = watched(source, options);
  closing.push(each);
  return each;
}

const HEADER = ['$TTL 5', '@ SOA ns.dns hostmaster 1 7200 1800 86400 5', '@ NS ns.dns', 'ns.dns A 127.0.0.1'];

needs('bind').describe('discovery, asking BIND', () => {
  let bind: StaticDns;

  beforeAll(async () => {
    bind = await startBind({
      'cluster.local': [
        ...HEADER,
        ...headless('fourteen', 14),
        ...headless('many', 300),
        ...headless('crowd', 1200),
        ...Array.from({ length: 40 }, (_, index) => [`_http._tcp.named.default.svc SRV 0 1 80 web-${index}.named.default.svc`, `web-${index}.named.default.svc A 10.2.0.${index + 1}`]).flat(),
        'loopa.default.svc CNAME loopb.default.svc', 'loopb.default.svc CNAME loopa.default.svc',
        'ext.default.svc CNAME www.example.test.',
        '',
      ].join('\n'),
      'example.test': [...HEADER, 'www A 10.9.9.9', ''].join('\n'),
    });
  });

  afterAll(() => bind.close());

  it('R-21: addresses come from glue, from dashed names, and from look-ups of their own', async () => {
    expect((await watching('_http._tcp.fourteen.default.svc.cluster.local', { nameservers: [bind.address] }).first()).endpoints).toHaveLength(14);
    const { endpoints, complete } = await watching('_http._tcp.many.default.svc.cluster.local', { nameservers: [bind.address] }).first();
    expect(new Set(endpoints.map((endpoint) => endpoint.host)).size).toBe(300);
    expect(complete).toBe(true);
    const named = await watching('_http._tcp.named.default.svc.cluster.local', { nameservers: [bind.address] }).first();
    expect(named.endpoints.map((endpoint) => endpoint.host)).toContain('10.2.0.40');
    expect(named.endpoints).toHaveLength(40);
  });

  it('R-20: an answer that is cut even over TCP removes nothing', async () => {
    const cut = watching('_http._tcp.crowd.default.svc.cluster.local', { nameservers: [bind.address] });
    await expect(cut.first()).rejects.toThrow(/cut short/);

    // The same set as CoreDNS sends it: first 3 endpoints whole, then 600 of more.
    const name = '_http._tcp.crowd.default.svc.cluster.local';
    const answers = (from: number, count: number) => Array.from({ length: count }, (_, index) => (
      { type: 'SRV', name, ttl: 1, data: { priority: 0, weight: 1, port: 80, target: `10-1-${(from + index) >> 8}-${(from + index) & 255}.crowd.default.svc.cluster.local` } }) as const);
    const scripted = await startScriptedDns((query) => query.send(query.reply({ answers: answers(1, 3) })));
    const merged = watching(name, { nameservers: [scripted.address], knobs: { refresh: 100 } });
    await merged.first();
    scripted.script((query) => query.send(query.transport === 'udp' ? query.reply({ truncated: true }) : query.reply({ truncated: true, answers: answers(4, 600) })));
    await eventually(merged.keys, (keys) => keys.length === 603);
    expect(merged.resolutions.at(-1)).toMatchObject({ complete: false });
    expect(merged.state().lookup).toMatchObject({ truncated: true, transport: 'tcp' });
    await scripted.close();
  });

  it('R-23: an alias is followed to another zone; one that leads in a circle is an error, not an empty answer', async () => {
    const { endpoints } = await watching({ kind: 'dns', name: 'ext.default.svc.cluster.local.', port: 80 }, { nameservers: [bind.address] }).first();
    expect(endpoints.map((endpoint) => endpoint.host)).toEqual(['10.9.9.9']);
    await expect(watching({ kind: 'dns', name: 'loopa.default.svc.cluster.local.', port: 80 }, { nameservers: [bind.address] }).first()).rejects.toThrow(/SERVFAIL|alias/);
  });
});

needs('dnsmasq').describe('discovery, asking dnsmasq', () => {
  it('R-33: where no SOA says how long nothing is there, it is five seconds; where one does, no longer', async () => {
    const dnsmasq = await startDnsmasq(['host-record=ready.cluster.local,10.0.0.1']);
    try {
      const clock = new VirtualClock();
      const none = watching({ kind: 'dns', name: 'nothing.cluster.local.', port: 80 }, { nameservers: [dnsmasq.address], clock });
      await none.first();
      expect(none.keys()).toEqual([]);
      expect(none.state()).toMatchObject({ state: 'empty', lookup: { rcode: 'NXDOMAIN', ttl: undefined } });
      await clock.advance(4200);
      expect(none.state().age).toBe(4200);
      await clock.advance(800);
      await eventually(() => none.state().age, (age) => age! < 4200);
    } finally {
      await dnsmasq.close();
    }
  });
});
