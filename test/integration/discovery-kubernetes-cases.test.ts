/**
 * What CoreDNS' own tests expect of its Kubernetes plugin (test/cases/dns-kubernetes): every case as CoreDNS answers it, and those that a
 * zone file can hold, from Knot and from BIND.
 */
import { readFileSync } from 'node:fs';
import type { Answer } from 'dns-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { endpointKey } from '../../src/core/endpoint.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { StubAnswer } from '../../src/discovery/alias.ts';
import { StubResolver } from '../../src/discovery/stub-resolver.ts';
import { startKnot } from '../support/knot.ts';
import { needs } from '../support/needs.ts';
import { startScriptedDns } from '../support/scripted-dns.ts';
import { startBind } from '../support/static-dns.ts';
import { watched } from '../support/watched.ts';

interface Case {
  readonly id: string;
  readonly qname: string;
  readonly qtype: string;
  readonly rcode: 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL';
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
  readonly truncated?: boolean;
}

const read = (name: string): string => readFileSync(new URL(`../cases/dns-kubernetes/${name}`, import.meta.url), 'utf8');
const all = JSON.parse(read('cases.json')) as Case[];
type Asked = Case & { readonly qtype: 'A' | 'AAAA' | 'SRV' };
/** Of the types that discovery asks for. */
const cases = all.filter((each): each is Asked => ['A', 'AAAA', 'SRV'].includes(each.qtype));
/** Groups that the zone files say the same about. The others need another mode of the plugin (pods, zones, several clusters). */
const inZone = cases.filter(({ id }) => /^(?:dnsPreserveCaseCases|commonDnsTestCases|dnsTestCases|nsTestCases|kubeApexCases)#/.test(id));

const RCODES = { NOERROR: 0, NXDOMAIN: 3, SERVFAIL: 2 };

function recordOf(text: string): Answer {
  const [name = '', ttl, , type, ...data] = text.split(/\s+/);
  const common = { name: name.replace(/\.$/, ''), ttl: Number(ttl) };
  switch (type) {
    case 'SRV':
      return { ...common, type, data: { priority: Number(data[0]), weight: Number(data[1]), port: Number(data[2]), target: data[3]!.replace(/\.$/, '') } };
    case 'SOA':
      return { ...common, type, data: { mname: data[0]!, rname: data[1]!, serial: Number(data[2]), refresh: 7200, retry: 1800, expire: 86_400, minimum: Number(data[6]) } };
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'NS':
      return { ...common, type, data: data[0]!.replace(/\.$/, '') };
    default:
      throw new Error(text);
  }
}

/** What a case says about the type that was asked for, as comparable strings. */
function expected({ qtype, answer = [] }: Asked): string[] {
  return answer.map(recordOf).filter((record) => record.type === qtype).map((record) => {
    if (record.type === 'SRV') return `${record.data.priority} ${record.data.port} ${record.data.target.toLowerCase()}`;
    return record.type === 'A' || record.type === 'AAAA' ? record.data : '';
  }).sort();
}

function found({ records }: StubAnswer): string[] {
  return records.map((record) => (record.type === 'SRV' ? `${record.priority} ${record.port} ${record.target}` : 'address' in record ? record.address : '')).sort();
}

const stubs: StubResolver[] = [];
afterAll(() => {
  for (const stub of stubs) stub.close();
});

function stubAt(address: string): StubResolver {
  const stub = new StubResolver({ clock: systemClock, random: systemRandom, nameservers: [address] });
  stubs.push(stub);
  return stub;
}

async function holds(stub: StubResolver, one: Asked): Promise<void> {
  if (one.rcode === 'SERVFAIL') {
    await expect(stub.lookup(one.qname, one.qtype)).rejects.toMatchObject({ kind: 'server-failure' });
    return;
  }
  const answer: StubAnswer = await stub.lookup(one.qname, one.qtype);
  expect({ exists: answer.exists, records: found(answer) }).toEqual({ exists: one.rcode === 'NOERROR', records: expected(one) });
}

describe('every case of CoreDNS, as CoreDNS answers it', () => {
  it('has cases', () => {
    expect(cases.length).toBeGreaterThan(70);
    expect(inZone.length).toBeGreaterThan(40);
  });

  it.each(cases)('$id: $qtype $qname', async (one) => {
    const dns = await startScriptedDns((query) => query.send(query.reply({
      rcode: RCODES[one.rcode],
      truncated: query.transport === 'udp' && one.truncated === true,
      answers: (one.answer ?? []).map(recordOf),
      authorities: (one.authority ?? []).map(recordOf),
      additionals: (one.additional ?? []).map(recordOf),
    })));
    await holds(stubAt(dns.address), one);
    await dns.close();
  });
});

const start = {
  knot: () => startKnot({ zone: read('cluster.local.zone'), complete: true }),
  bind: () => startBind({ 'cluster.local': read('cluster.local.zone'), 'interwebs.test': read('interwebs.test.zone') }),
};

for (const name of ['knot', 'bind'] as const) {
  needs(name).describe(`the cases of CoreDNS that a zone can hold, from ${name}`, () => {
    let server: { readonly address: string; close(): Promise<void> };
    let stub: StubResolver;
    beforeAll(async () => {
      server = await start[name]();
      stub = stubAt(server.address);
    });
    afterAll(() => server.close());

    // Knot serves one zone here, so it has only the alias of what is outside; BIND has both, and gives the alias alone all the same.
    const served = inZone.filter(({ qname }) => name === 'bind' || !qname.startsWith('external.testns'));

    it.each(served)('$id: $qtype $qname', (one) => holds(stub, one));

    it('names the endpoints of a headless service, one for each address', async () => {
      const seen = watched('_http._tcp.hdls1.testns.svc.cluster.local', { nameservers: [server.address] });
      expect((await seen.first()).endpoints.map(endpointKey).sort()).toEqual(
        ['172.0.0.2:80', '172.0.0.3:80', '172.0.0.4:80', '172.0.0.5:80', '[5678:abcd::1]:80', '[5678:abcd::2]:80']);
      seen.close();
    });

    it('knows a ClusterIP', async () => {
      const seen = watched('_http._tcp.svc1.testns.svc.cluster.local', { nameservers: [server.address] });
      expect(await seen.first()).toMatchObject({ virtual: true, endpoints: [{ host: '10.0.0.1', port: 80 }] });
      seen.close();
    });
  });
}
