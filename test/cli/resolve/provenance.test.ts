import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { a, cname, soa, srv, startScriptedDns } from '../../support/scripted-dns.ts';
import type { ScriptedDns, ScriptedQuery } from '../../support/scripted-dns.ts';
import { inquire } from '../../support/inquiry.ts';
import type { Inquired } from '../../support/inquiry.ts';

const DOMAIN = 'svc.default.svc.test';
const NAME = `_http._tcp.${DOMAIN}`;

describe('what comes of each record', () => {
  let dns: ScriptedDns;
  beforeAll(async () => {
    dns = await startScriptedDns(() => undefined);
  });
  afterAll(() => dns.close());

  function asking(name: string, answer: (query: ScriptedQuery) => Parameters<ScriptedQuery['reply']>[0]): Promise<Inquired> {
    dns.script((query) => query.send(query.reply(answer(query))));
    return inquire([name, '--server', dns.address]);
  }

  it('is told of each of the ways in which a target has an address', async () => {
    const { report } = await asking(NAME, (query) => (query.type === 'SRV' ? {
      answers: [srv(NAME, `glued.${DOMAIN}`, 80, { ttl: 9 }), srv(NAME, `10-0-0-2.${DOMAIN}`, 80), srv(NAME, `named.${DOMAIN}`, 80, { priority: 1, weight: 7 })],
      additionals: [a(`glued.${DOMAIN}`, '10.0.0.1', 3)],
    } : { answers: [cname(query.name, 'web.test'), a('web.test', '10.0.0.3', 2)] }));
    expect(report.endpoints).toEqual([
      { host: '10.0.0.1', port: 80, priority: 0, weight: 1, effectiveWeight: 1, target: `glued.${DOMAIN}`, ttl: 3, from: 'glue' },
      { host: '10.0.0.2', port: 80, priority: 0, weight: 1, effectiveWeight: 1, target: `10-0-0-2.${DOMAIN}`, ttl: 5, from: 'dashed name' },
      { host: '10.0.0.3', port: 80, priority: 1, weight: 7, effectiveWeight: 1, target: `named.${DOMAIN}`, ttl: 2, from: 'look-up' },
    ]);
    expect(report.dropped).toEqual([]);
  });

  it('is told of each of the ways in which a record is of no use', async () => {
    const { report } = await asking(NAME, (query) => (query.type === 'SRV' ? {
      answers: [
        srv(NAME, `good.${DOMAIN}`, 80), srv(NAME, `twin.${DOMAIN}`, 80), srv(NAME, `good.${DOMAIN}`, 0), srv(NAME, `lost.${DOMAIN}`, 80), srv(NAME, `broken.${DOMAIN}`, 80),
        srv('_http._tcp.other.test', `good.${DOMAIN}`, 80),
      ],
      additionals: [a(`good.${DOMAIN}`, '10.0.0.1'), a(`good.${DOMAIN}`, '10.0.0.1'), a(`good.${DOMAIN}`, '2001:db8::1'), a(`good.${DOMAIN}`, '0.0.0.0'), a(`twin.${DOMAIN}`, '10.0.0.1'), a('ns.test', '10.9.9.9')],
    } : query.name.startsWith('lost') ? { rcode: 3, authorities: [soa('test')] } : { rcode: 2 }));
    expect(report.endpoints).toHaveLength(1);
    expect(report.dropped.map(({ record, reason, times }) => `${times} ${record.replaceAll(`.${DOMAIN}`, '')}: ${reason.replace(/\(.*\)/, '').trim()}`).sort()).toEqual([
      '1 SRV 0 1 0 good: port 0',
      `1 SRV 0 1 80 broken: the address of its target is not known: ${dns.address} answered SERVFAIL`,
      '1 SRV 0 1 80 good, 2001:db8::1: its target has an address of the other family, which is used',
      '1 SRV 0 1 80 good: not of the name that was asked for, nor of what that is an alias of',
      '1 SRV 0 1 80 lost: its target does not exist',
      '1 SRV 0 1 80 twin, 10.0.0.1: 10.0.0.1:80 is there already',
      '1 good A 0.0.0.0: no server can have this address',
      '1 good A 10.0.0.1: the same address twice',
      '1 ns.test A 10.9.9.9: no SRV record of the answer has this target',
    ]);
  });

  it('is told once of every SRV record, whatever is answered', async () => {
    const target = fc.constantFrom('10-0-0-1', '10-0-0-2', '0-0-0-0', 'web', 'api', 'lost');
    const record = fc.record({ target, port: fc.constantFrom(0, 80, 81), priority: fc.nat(1), weight: fc.nat(2) });
    const glue = fc.record({ target, address: fc.constantFrom('10.0.0.1', '10.0.0.9', '0.0.0.0', '2001:db8::1') });
    await fc.assert(fc.asyncProperty(fc.uniqueArray(record, { selector: (each) => JSON.stringify(each), maxLength: 8 }), fc.array(glue, { maxLength: 6 }), async (records, addresses) => {
      const { report } = await asking(NAME, (query) => {
        if (query.type === 'SRV') {
          return {
            answers: records.map(({ target: label, port, priority, weight }) => srv(NAME, `${label}.${DOMAIN}`, port, { priority, weight })),
            additionals: addresses.map(({ target: label, address }) => a(`${label}.${DOMAIN}`, address)),
          };
        }
        return query.name.startsWith('lost') || query.type === 'AAAA' ? { authorities: [soa('test')] } : { answers: [a(query.name, '10.0.0.7')] };
      });
      for (const { target: label, port, priority, weight } of records) {
        const shown = `SRV ${priority} ${weight} ${port} ${label}.${DOMAIN}`;
        const used = report.endpoints.some((endpoint) => endpoint.port === port && endpoint.priority === priority && endpoint.weight === weight && endpoint.target === `${label}.${DOMAIN}`);
        const dropped = report.dropped.some((each) => each.record === shown || each.record.startsWith(`${shown},`));
        expect([shown, used || dropped]).toEqual([shown, true]);
      }
      const keys = report.endpoints.map(({ host, port }) => `${host}:${port}`);
      expect(new Set(keys).size).toBe(keys.length);
    }), { numRuns: 60, seed: 3 });
  });

  it('is told of addresses without ports as well', async () => {
    const { report } = await asking('host.test', (query) => ({ answers: [a(query.name, '10.0.0.1'), a(query.name, '224.0.0.1'), a(query.name, '10.0.0.1'), a('other.test', '10.0.0.2')] }));
    expect(report.endpoints).toMatchObject([{ host: '10.0.0.1', port: null, from: 'answer', target: 'host.test' }]);
    expect(report.dropped.map((each) => each.record)).toEqual(['other.test A 10.0.0.2', 'host.test A 224.0.0.1', 'host.test A 10.0.0.1']);
  });
});
