import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../support/free-port.ts';
import { inquire } from '../../support/inquiry.ts';
import { a, soa, srv, startScriptedDns } from '../../support/scripted-dns.ts';
import type { ScriptedDns, ScriptedDnsOptions, ScriptedQuery } from '../../support/scripted-dns.ts';

const SERVICE = 'reviews.shop.svc.cluster.local';
const NAME = `_http._tcp.${SERVICE}`;

describe('what is made of it', () => {
  const closing: ScriptedDns[] = [];
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'inmesh-cli-'))));
  afterEach(async () => {
    for (const dns of closing.splice(0)) await dns.close();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function server(answer: (query: ScriptedQuery) => void, options?: ScriptedDnsOptions): Promise<string> {
    const dns = await startScriptedDns(answer, options);
    closing.push(dns);
    return dns.address;
  }
  const missing = (query: ScriptedQuery): void => query.send(query.reply({ rcode: 3, authorities: [soa('cluster.local')] }));
  const good = (query: ScriptedQuery): void => query.send(query.reply({ answers: [a(query.name, '10.0.0.1')] }));

  it('a server that refuses, beside one that answers', async () => {
    const dead = `127.0.0.1:${await freePort()}`;
    const { report, notes, page } = await inquire(['host.test', '--server', dead, '--server', await server(good)]);
    expect(report).toMatchObject({ outcome: 'found', attempts: [{ server: dead, outcome: 'failed' }, { outcome: 'answered', rcode: 'NOERROR' }] });
    expect(notes).toEqual(['server-unreachable']);
    expect(page).toMatch(new RegExp(`warning: ${dead} over UDP: .*ECONNREFUSED`));
  });

  it('servers that cannot tell, or will not', async () => {
    const failing = await server((query) => query.send(query.reply({ rcode: 2 })));
    const refusing = await server((query) => query.send(query.reply({ rcode: 5 })));
    const { report, page, notes } = await inquire(['www.host.test', '--server', failing, '--server', refusing]);
    expect(report).toMatchObject({ outcome: 'failed', error: `${refusing} answered REFUSED`, client: { does: 'keeps' } });
    expect(notes).toEqual(['server-failure', 'server-failure']);
    expect(page).toContain(`warning: ${failing} says SERVFAIL`);
  });

  it('TCP that is blocked where it is needed', async () => {
    const { report, notes } = await inquire([NAME, '--server', await server((query) => query.send(query.reply({ truncated: true })), { tcp: false })]);
    expect(report).toMatchObject({ outcome: 'failed', attempts: [{ transport: 'udp', truncated: true }, { transport: 'tcp', outcome: 'failed' }] });
    expect(notes).toEqual(['tcp-blocked']);
  });

  it('a server without EDNS, and one that answers for others', async () => {
    const { report, notes, page } = await inquire(['host.test', '--server', await server((query) => {
      query.send(query.reply({ id: query.id ^ 1 }));
      if (query.edns) query.send(query.reply({ rcode: 1 }));
      else good(query);
    })]);
    expect(report.attempts.map(({ edns, rcode, discarded }) => [edns, rcode, discarded])).toEqual([[true, 'FORMERR', 1], [false, 'NOERROR', 1]]);
    expect(notes).toEqual(['no-edns', 'discarded']);
    expect(page).toContain('again without EDNS');
  });

  it('bytes that are no DNS message', async () => {
    const { report, notes, page } = await inquire(['host.test', '--server', await server((query) => query.send(Buffer.concat([query.reply(), Buffer.from('\x1b[2J')])))]);
    expect(report).toMatchObject({ outcome: 'failed', attempts: [{ outcome: 'malformed', error: 'malformed DNS message: 4 bytes after the last record' }] });
    expect(notes).toEqual(['malformed-reply']);
    expect(page).not.toContain('\x1b');
  });

  it('a ClusterIP, in SRV and in A', async () => {
    const dns = await server((query) => query.send(query.reply(query.type === 'SRV' ? { answers: [srv(NAME, SERVICE, 80)], additionals: [a(SERVICE, '10.96.0.9')] } : { answers: [a(query.name, '10.96.0.9')] })));
    expect((await inquire([NAME, '--server', dns])).notes).toEqual(['virtual-address']);
    const { notes, page } = await inquire([SERVICE, '--server', dns]);
    expect(notes).toEqual(['srv-form']);
    expect(page).toContain(`inmesh resolve _http._tcp.${SERVICE}`);
    expect((await inquire(['www.example.test', '--server', dns])).notes).toEqual([]);
  });

  it('equal weights, shared addresses, TTL 0 and names read as addresses', async () => {
    const { notes } = await inquire([NAME, '--server', await server((query) => query.send(query.reply({
      answers: [srv(NAME, `10-0-0-1.${SERVICE}`, 80, { weight: 50, ttl: 0 }), srv(NAME, `10-0-0-1.${SERVICE}`, 81, { weight: 50, ttl: 0 })],
    })))]);
    expect(notes).toEqual(['ttl-zero', 'dashed-names', 'equal-weights', 'shared-address']);
  });

  it('an answer that is cut over TCP as well, and read as far as it goes', async () => {
    const { report, notes, page } = await inquire([NAME, '--server', await server((query) => query.send(query.reply({ truncated: true, answers: query.transport === 'udp' ? [] : [srv(NAME, `10-0-0-1.${SERVICE}`, 80), srv(NAME, `10-0-0-2.${SERVICE}`, 80)] })))]);
    expect(report).toMatchObject({ outcome: 'found', client: { does: 'adds', complete: false }, attempts: [{ records: { answer: {} } }, { truncated: true, records: { answer: { SRV: 2 } } }] });
    expect(notes).toEqual(['truncated-over-tcp', 'dashed-names']);
    expect(page).toContain('adds these 2 endpoints to what it has, and removes none');
  });

  it('records that are not read', async () => {
    const { report, page } = await inquire(['host.test', '--server', await server((query) => query.send(query.reply({ answers: [a(query.name, '10.0.0.1'), { type: 'TXT', name: query.name, data: 'text' }] })))]);
    expect(report.attempts).toMatchObject([{ records: { answer: { A: 1 } }, unread: 1 }]);
    expect(page).toContain('1 A, 1 of other types or classes, not read, TTL 5 s');
  });

  it('one type, searched for past a domain that fails, and no further than it is found', async () => {
    const resolvConf = join(folder, 'resolv.conf');
    writeFileSync(resolvConf, 'nameserver 10.96.0.10\nsearch broken.test empty.test good.test more.test\noptions ndots:5\n');
    const dns = await server((query) => {
      if (query.name.includes('broken')) query.send(query.reply({ rcode: 2 }));
      else if (query.name.includes('empty')) missing(query);
      else good(query);
    });
    const { report } = await inquire(['web', '--type', 'a', '--server', dns], { resolvConf });
    expect(report.attempts.map(({ question }) => `${question.type} ${question.name}`)).toEqual(['A web.broken.test', 'A web.empty.test', 'A web.good.test']);
    expect(report.endpoints).toMatchObject([{ target: 'web.good.test' }]);
  });

  it('a port that has another name, or a Service that is not there', async () => {
    const { report, notes, page } = await inquire([NAME, '--server', await server(missing)]);
    expect(report).toMatchObject({ outcome: 'empty', client: { does: 'doubts-empty' } });
    expect(notes).toEqual(['nxdomain', 'list-ports']);
    expect(page).toContain(`inmesh resolve --type srv ${SERVICE}`);
  });

  it('an SRV name that was thought to be relative', async () => {
    const dns = await server(missing);
    for (const name of ['_http._tcp.reviews.shop', '_http._tcp.reviews.shop.svc']) {
      expect((await inquire([name, '--server', dns])).page).toContain(`In this cluster: ${NAME}`);
    }
    expect((await inquire(['_http._tcp.reviews', '--server', dns])).page).toContain('In this cluster: _http._tcp.reviews.<namespace>.svc.cluster.local');
  });

  it('a short name outside a cluster, and inside one, where each step of the search is shown', async () => {
    const dns = await server((query) => (query.name === 'reviews.shop.svc.cluster.local' ? good(query) : missing(query)));
    const outside = await inquire(['reviews.shop', '--server', dns]);
    expect(outside.notes).toEqual(['no-search-list', 'nxdomain']);
    expect(outside.page).toContain('In full: reviews.shop.svc.cluster.local');

    const resolvConf = join(folder, 'resolv.conf');
    writeFileSync(resolvConf, `nameserver 10.96.0.10\nsearch other.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n`);
    const inside = await inquire(['reviews.shop', '--server', dns], { resolvConf });
    expect(inside.report.candidates).toEqual(['reviews.shop.other.svc.cluster.local', 'reviews.shop.svc.cluster.local', 'reviews.shop.cluster.local', 'reviews.shop']);
    expect(inside.report.attempts.map(({ question, rcode }) => [question.name, rcode])).toEqual([['reviews.shop.other.svc.cluster.local', 'NXDOMAIN'], ['reviews.shop.svc.cluster.local', 'NOERROR']]);
    expect(inside.page).toContain('tries    reviews.shop.other.svc.cluster.local, then reviews.shop.svc.cluster.local, then');
  });

  it('a type alone, which is not there', async () => {
    const dns = await server((query) => (query.type === 'A' ? good(query) : query.send(query.reply({ authorities: [soa('test')] }))));
    const { report, notes } = await inquire(['host.test', '--type', 'aaaa', '--server', dns]);
    expect(report).toMatchObject({ outcome: 'empty', attempts: [{ question: { type: 'AAAA' } }] });
    expect(notes).toEqual(['nodata']);
  });

  it('a name that needs no DNS', async () => {
    const hosts = join(folder, 'hosts');
    writeFileSync(hosts, '10.0.0.5 db\n');
    expect((await inquire(['DB'], { hosts })).report).toMatchObject({ outcome: 'found', attempts: [], endpoints: [{ host: '10.0.0.5', from: 'hosts file' }] });
    expect((await inquire(['10.0.0.6'])).report).toMatchObject({ outcome: 'found', attempts: [], endpoints: [{ host: '10.0.0.6', from: 'the name itself' }], client: { next: null } });
  });
});
