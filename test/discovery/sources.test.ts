/**
 * Sources over a stub resolver over a nameserver that does what it is told.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { endpointKey } from '../../src/core/endpoint.ts';
import { systemRandom } from '../../src/core/random.ts';
import { HostsSource } from '../../src/discovery/hosts-source.ts';
import { SrvSource } from '../../src/discovery/srv.ts';
import { StubResolver } from '../../src/discovery/stub-resolver.ts';
import { a, soa, srv, startScriptedDns } from '../support/scripted-dns.ts';
import type { ReplyParts, ScriptedDns, ScriptedQuery } from '../support/scripted-dns.ts';

const NAME = '_http._tcp.reviews.default.svc.cluster.local';
const DOMAIN = 'reviews.default.svc.cluster.local';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Answers by `TYPE name`; what is not in the table does not exist. Functions answer themselves. */
type Table = Record<string, ReplyParts | ((query: ScriptedQuery) => void)>;

async function dnsOf(table: Table): Promise<ScriptedDns> {
  const dns = await startScriptedDns((query) => {
    const entry = table[`${query.type} ${query.name}`];
    if (typeof entry === 'function') entry(query);
    else query.send(query.reply(entry ?? { rcode: Object.keys(table).some((key) => key.endsWith(` ${query.name}`)) ? 0 : 3, authorities: [soa('cluster.local')] }));
  });
  closing.push(() => dns.close());
  return dns;
}

function stubOf(dns: ScriptedDns, files: { hosts?: string; resolvConf?: string } = {}): StubResolver {
  const folder = mkdtempSync(join(tmpdir(), 'inmesh-'));
  closing.push(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'hosts'), files.hosts ?? '');
  writeFileSync(join(folder, 'resolv.conf'), files.resolvConf ?? 'nameserver 127.0.0.1\n');
  const stub = new StubResolver({ clock: systemClock, random: systemRandom, nameservers: [dns.address], hosts: join(folder, 'hosts'), resolvConf: join(folder, 'resolv.conf') });
  closing.push(() => stub.close());
  return stub;
}

describe('SRV', () => {
  async function found(table: Table) {
    const dns = await dnsOf(table);
    const answer = await new SrvSource(stubOf(dns), `${NAME}.`).resolve();
    return { ...answer, keys: answer.endpoints.map(endpointKey), dns };
  }

  it('takes addresses from the additional section, each once, and asks nothing more', async () => {
    const { keys, dns, ttl, complete } = await found({
      [`SRV ${NAME}`]: {
        answers: [srv(NAME, `web-0.${DOMAIN}`, 80, { ttl: 30 }), srv(NAME, `web-1.${DOMAIN}`, 80, { ttl: 30 })],
        additionals: [a(`web-0.${DOMAIN}`, '10.0.0.1', 20), a(`WEB-0.${DOMAIN}`, '10.0.0.1'), a(`web-1.${DOMAIN}`, '10.0.0.2', 7), a('stray.test', '6.6.6.6')],
      },
    });
    expect(keys).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
    expect(dns.queries).toHaveLength(1);
    expect({ ttl, complete }).toEqual({ ttl: 5, complete: true });
  });

  it('takes the number of a pod from a name that has one', async () => {
    const names = ['web-0', 'web-12', '10-0-0-3', 'fd00-1-2-3-a-b-c-7', 'other'];
    const { endpoints } = await found({
      [`SRV ${NAME}`]: {
        answers: names.map((name) => srv(NAME, `${name}.${DOMAIN}`, 80)),
        additionals: names.map((name, index) => a(`${name}.${DOMAIN}`, `10.0.0.${index}`)),
      },
    });
    expect(endpoints.map(({ ordinal }) => ordinal)).toEqual([0, 12, undefined, undefined, undefined]);
  });

  it('reads the address from a dashed first label, where the rest is the service\'s own name', async () => {
    const { keys, dns } = await found({
      [`SRV ${NAME}`]: { answers: [srv(NAME, `10-0-0-1.${DOMAIN}`, 80), srv(NAME, `2001-db8--1.${DOMAIN}`, 80), srv(NAME, '10-0-0-9.elsewhere.test', 80)] },
      'A 10-0-0-9.elsewhere.test': { answers: [a('10-0-0-9.elsewhere.test', '10.0.0.99')] },
    });
    expect(keys).toEqual(['10.0.0.1:80', '[2001:db8::1]:80', '10.0.0.99:80']);
    expect(dns.queries).toHaveLength(2);
  });

  it('asks for the addresses that are missing, IPv6 only where there is no IPv4, at most 32 at one time', async () => {
    const table: Table = { [`SRV ${NAME}`]: { answers: Array.from({ length: 50 }, (_, index) => srv(NAME, `t${index}.test`, 80)) } };
    let open = 0;
    let most = 0;
    for (let index = 0; index < 50; index += 1) {
      table[`A t${index}.test`] = (query) => {
        open += 1;
        most = Math.max(most, open);
        setTimeout(() => {
          open -= 1;
          query.send(query.reply(index === 0 ? { authorities: [soa('test')] } : { answers: [a(query.name, `10.0.0.${index}`)] }));
        }, 20);
      };
    }
    table['AAAA t0.test'] = { answers: [a('t0.test', '2001:db8::1')] };
    const { keys } = await found(table);
    expect(keys).toHaveLength(50);
    expect(keys[0]).toBe('[2001:db8::1]:80');
    expect(most).toBe(32);
  });

  it('counts one target with both families once, and each of several addresses', async () => {
    const { keys } = await found({
      [`SRV ${NAME}`]: {
        answers: [srv(NAME, 'both.test', 80), srv(NAME, 'two.test', 81)],
        additionals: [a('both.test', '2001:db8::1'), a('both.test', '10.0.0.1'), a('two.test', '10.0.0.2'), a('two.test', '10.0.0.3')],
      },
    });
    expect(keys).toEqual(['10.0.0.1:80', '10.0.0.2:81', '10.0.0.3:81']);
  });

  it('keeps the addresses of a target that cannot be looked up this time', async () => {
    let failing = false;
    const target = (query: ScriptedQuery): void => query.send(query.reply(failing ? { rcode: 2 } : { answers: [a(query.name, '10.0.0.1')] }));
    const dns = await dnsOf({ [`SRV ${NAME}`]: { answers: [srv(NAME, 'a.test', 80)] }, 'A a.test': target });
    const source = new SrvSource(stubOf(dns), NAME);
    await source.resolve();
    failing = true;
    expect((await source.resolve()).endpoints.map(endpointKey)).toEqual(['10.0.0.1:80']);
  });

  it('is an error, not an empty service, where no target can be looked up', async () => {
    await expect(found({ [`SRV ${NAME}`]: { answers: [srv(NAME, 'a.test', 80)] }, 'A a.test': { rcode: 2 } })).rejects.toThrow(/SERVFAIL/);
  });

  it('knows a service that is not there from one that nobody knows of', async () => {
    expect(await found({ [`SRV ${NAME}`]: { answers: [srv(NAME, '.', 0)] } })).toMatchObject({ endpoints: [], emptyForSure: true });
    expect(await found({})).toMatchObject({ endpoints: [], emptyForSure: false, complete: true });
  });

  it('drops port 0 and addresses that nobody can have', async () => {
    const { keys } = await found({
      [`SRV ${NAME}`]: {
        answers: [srv(NAME, 'a.test', 0), srv(NAME, 'a.test', 80), srv(NAME, 'b.test', 80)],
        additionals: [a('a.test', '10.0.0.1'), a('a.test', '0.0.0.0'), a('b.test', '224.0.0.1')],
      },
      'A b.test': { answers: [a('b.test', '255.255.255.255')] },
    });
    expect(keys).toEqual(['10.0.0.1:80']);
  });

  it('takes weights within a priority, 1 where all are equal, and a little for 0 beside others', async () => {
    const { endpoints } = await found({
      [`SRV ${NAME}`]: {
        answers: [
          srv(NAME, 'a.test', 1, { weight: 33 }), srv(NAME, 'a.test', 2, { weight: 33 }),
          srv(NAME, 'a.test', 3, { priority: 1, weight: 90 }), srv(NAME, 'a.test', 4, { priority: 1, weight: 10 }), srv(NAME, 'a.test', 5, { priority: 1, weight: 0 }),
          srv(NAME, 'a.test', 1, { priority: 9, weight: 5 }),
        ],
        additionals: [a('a.test', '10.0.0.1')],
      },
    });
    expect(endpoints.map(({ port, weight, priority }) => [port, weight, priority])).toEqual([[1, 1, 0], [2, 1, 0], [3, 90, 1], [4, 10, 1], [5, 0.1, 1]]);
  });

  it('is incomplete where it is cut even over TCP', async () => {
    const { complete, keys } = await found({ [`SRV ${NAME}`]: { truncated: true, answers: [srv(NAME, `10-0-0-1.${DOMAIN}`, 80)] } });
    expect({ complete, keys }).toEqual({ complete: false, keys: ['10.0.0.1:80'] });
  });
});

describe('a host', () => {
  const pod = 'nameserver 127.0.0.1\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n';
  const address = (name: string, ip = '10.0.0.1'): Table => ({ [`A ${name}`]: { answers: [a(name, ip)] } });

  async function keysOf(host: string, table: Table, files?: { hosts?: string; resolvConf?: string }) {
    const dns = await dnsOf(table);
    const source = new HostsSource(stubOf(dns, files), [{ host, port: 80 }], 'test');
    const answer = await source.resolve();
    return { keys: answer.endpoints.map(endpointKey), dns, source, answer };
  }

  it.each([
    ['127.0.0.1', '127.0.0.1:80'], ['::1', '[::1]:80'], ['[::1]', '[::1]:80'], ['localhost', '127.0.0.1:80'], ['api.LOCALHOST.', '127.0.0.1:80'],
  ])('%s needs no DNS, and is not looked up again', async (host, key) => {
    const { keys, dns, answer } = await keysOf(host, {});
    expect(keys).toEqual([key]);
    expect(dns.queries).toEqual([]);
    expect(answer.ttl).toBe(Infinity);
  });

  it('in the hosts file needs no DNS, and one family of it is used', async () => {
    const { keys, dns } = await keysOf('Reviews', {}, { hosts: '::1 reviews\n127.0.0.5 other reviews # here\n127.0.0.6 reviews\nfoo reviews\n0.0.0.0 reviews\n' });
    expect(keys).toEqual(['127.0.0.5:80', '127.0.0.6:80']);
    expect(dns.queries).toEqual([]);
  });

  it.each([
    ['reviews', 'reviews.shop.svc.cluster.local'],
    ['reviews.shop', 'reviews.shop.svc.cluster.local'],
    ['api.example.com', 'api.example.com'],
  ])('%s is found in a pod as %s, and from then on with one question', async (typed, name) => {
    const { keys, dns, source } = await keysOf(typed, address(name), { resolvConf: pod });
    expect(keys).toEqual(['10.0.0.1:80']);
    const asked = dns.queries.length;
    await source.resolve();
    expect(dns.queries.slice(asked).map((query) => query.name)).toEqual([name]);
  });

  it('with a trailing dot is not searched for', async () => {
    const { keys, dns } = await keysOf('reviews.shop.', {}, { resolvConf: pod });
    expect(keys).toEqual([]);
    expect(dns.queries.map((query) => query.name)).toEqual(['reviews.shop']);
  });

  it('is not lost behind a search domain that always fails', async () => {
    const { keys } = await keysOf('api.example.com', { 'A api.example.com.cluster.local': { rcode: 2 }, ...address('api.example.com') }, { resolvConf: pod });
    expect(keys).toEqual(['10.0.0.1:80']);
  });

  it('that is nowhere, with one domain failing, is not known to be nowhere', async () => {
    await expect(keysOf('reviews', { 'A reviews.svc.cluster.local': { rcode: 2 } }, { resolvConf: pod })).rejects.toThrow(/SERVFAIL/);
  });

  it('that cannot be a name is an error', async () => {
    await expect(keysOf('a..b', {})).rejects.toThrow(/name: "a\.\.b"/);
  });

  it('with both families has IPv4 addresses', async () => {
    const { keys } = await keysOf('h.test', { ...address('h.test'), 'AAAA h.test': { answers: [a('h.test', '2001:db8::1')] } });
    expect(keys).toEqual(['10.0.0.1:80']);
  });
});

describe('a list of endpoints', () => {
  it('may mix addresses and names; a name that fails keeps what it had, and hides no other', async () => {
    let failing = true;
    const dns = await dnsOf({ 'A a.test': (query) => query.send(query.reply(failing ? { rcode: 2 } : { answers: [a('a.test', '10.0.0.2')] })) });
    const source = new HostsSource(stubOf(dns), [{ host: '10.0.0.1', port: 80 }, { host: 'a.test', port: 81 }], 'test');
    const keys = async (): Promise<string[]> => (await source.resolve()).endpoints.map(endpointKey);
    expect(await keys()).toEqual(['10.0.0.1:80']);
    expect((await source.resolve()).ttl).not.toBe(Infinity);
    failing = false;
    expect(await keys()).toEqual(['10.0.0.1:80', '10.0.0.2:81']);
    failing = true;
    expect(await keys()).toEqual(['10.0.0.1:80', '10.0.0.2:81']);
  });

  it('of addresses alone holds for ever', async () => {
    const dns = await dnsOf({});
    const answer = await new HostsSource(stubOf(dns), [{ host: '10.0.0.1', port: 80 }, { host: '10.0.0.1', port: 80 }], 'test').resolve();
    expect(answer).toMatchObject({ ttl: Infinity, complete: true });
    expect(answer.endpoints).toHaveLength(1);
  });
});
