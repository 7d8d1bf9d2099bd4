/**
 * The stub resolver against a nameserver that does what it is told, in real time and over real sockets.
 */
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { DnsError } from '../../src/discovery/dns-error.ts';
import { StubResolver } from '../../src/discovery/stub-resolver.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { a, cname, soa, srv, startScriptedDns } from '../support/scripted-dns.ts';
import type { ScriptedDns, ScriptedDnsOptions, ScriptedQuery } from '../support/scripted-dns.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function server(answer: (query: ScriptedQuery) => void, options?: ScriptedDnsOptions): Promise<ScriptedDns> {
  const scripted = await startScriptedDns(answer, options);
  closing.push(() => scripted.close());
  return scripted;
}

function stubOf(...nameservers: string[]): StubResolver {
  const stub = new StubResolver({ clock: systemClock, random: systemRandom, nameservers });
  closing.push(() => stub.close());
  return stub;
}

const right = (query: ScriptedQuery): Buffer => query.reply({ answers: [a(query.name, '10.0.0.1')] });
const addresses = async (stub: StubResolver, name = 'host.test'): Promise<string[]> => (await stub.lookup(name, 'A')).records.map((record) => record.address);

async function kindOf(looking: Promise<unknown>): Promise<string> {
  const error = await looking.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof DnsError)) throw new Error(`not a DnsError: ${String(error)}`);
  return error.kind;
}

describe('one question', () => {
  it('is one query for an absolute name, with recursion, EDNS of 1232 bytes and no options', async () => {
    const dns = await server((query) => query.send(right(query)));
    await expect(addresses(stubOf(dns.address), 'Host.TEST.')).resolves.toEqual(['10.0.0.1']);
    expect(dns.queries).toHaveLength(1);
    const [query] = dns.queries;
    expect(query).toMatchObject({ name: 'host.test', type: 'A', transport: 'udp', edns: true });
    expect(query!.raw.readUInt16BE(2)).toBe(0x0100);
    expect(query!.raw.subarray(-11).toString('hex')).toBe('00002904d0000000000000');
  });

  it('under way already is not asked twice', async () => {
    const dns = await server((query) => void setTimeout(() => query.send(right(query)), 30));
    const stub = stubOf(dns.address);
    await Promise.all(Array.from({ length: 1000 }, () => addresses(stub)));
    expect(dns.queries).toHaveLength(1);
  });

  it('has another id and another port each time', async () => {
    const dns = await server((query) => query.send(right(query)));
    const stub = stubOf(dns.address);
    for (let count = 0; count < 8; count += 1) await addresses(stub);
    expect(new Set(dns.queries.map((query) => query.id)).size).toBeGreaterThan(6);
    expect(new Set(dns.queries.map((query) => query.port)).size).toBeGreaterThan(6);
  });

  it('that cannot be asked is not asked', async () => {
    const dns = await server((query) => query.send(right(query)));
    const stub = stubOf(dns.address);
    expect(await kindOf(stub.lookup('a..b', 'A'))).toBe('invalid-name');
    expect((await stub.lookup('host.invalid', 'A')).exists).toBe(false);
    expect((await stub.lookup('host.onion', 'A')).exists).toBe(false);
    expect(dns.queries).toEqual([]);
  });

  it('waits for its turn where 64 sockets are open', async () => {
    const waiting: ScriptedQuery[] = [];
    const dns = await server((query) => void waiting.push(query));
    const stub = stubOf(dns.address);
    const all = Promise.all(Array.from({ length: 200 }, (_, index) => addresses(stub, `host${index}.test`)));
    await eventually(() => waiting.length >= 64);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(waiting).toHaveLength(64);
    dns.script((query) => query.send(right(query)));
    for (const query of waiting) query.send(right(query));
    expect(await all).toHaveLength(200);
  });
});

describe('a reply', () => {
  const forgeries: readonly (readonly [string, (query: ScriptedQuery) => Buffer])[] = [
    ['with another id', (query) => query.reply({ id: query.id ^ 1, answers: [a(query.name, '6.6.6.6')] })],
    ['to another question', (query) => query.reply({ question: { name: 'other.test', type: 'A' }, answers: [a(query.name, '6.6.6.6')] })],
    ['to a question of another type', (query) => query.reply({ question: { name: query.name, type: 'AAAA' }, answers: [a(query.name, '6.6.6.6')] })],
    ['without a question', (query) => { const bytes = Buffer.from(query.reply({})); bytes.writeUInt16BE(0, 4); return bytes; }],
    ['that is a query', (query) => { const bytes = Buffer.from(query.reply({ answers: [a(query.name, '6.6.6.6')] })); bytes.writeUInt16BE(0x0100, 2); return bytes; }],
    ['of another opcode', (query) => { const bytes = Buffer.from(query.reply({ answers: [a(query.name, '6.6.6.6')] })); bytes.writeUInt16BE(0xa400, 2); return bytes; }],
    ['of eleven bytes', (query) => query.reply({}).subarray(0, 11)],
    ['of no bytes', () => Buffer.alloc(0)],
  ];

  it.each(forgeries)('%s is ignored, and the right one after it believed', async (_what, forged) => {
    const dns = await server((query) => {
      query.send(forged(query));
      query.send(right(query));
    });
    await expect(addresses(stubOf(dns.address))).resolves.toEqual(['10.0.0.1']);
    expect(dns.queries).toHaveLength(1);
  });

  it('in other letters is the same', async () => {
    const dns = await server((query) => query.send(query.reply({ question: { name: 'HOST.Test', type: 'A' }, answers: [a('hOST.tEST', '10.0.0.1')] })));
    await expect(addresses(stubOf(dns.address))).resolves.toEqual(['10.0.0.1']);
  });

  it('may be late: the first attempt is answered when the second is under way', async () => {
    const dns = await server(() => undefined);
    dns.script(() => {
      if (dns.queries.length === 2) dns.queries[0]!.send(right(dns.queries[0]!));
    });
    await expect(addresses(stubOf(dns.address))).resolves.toEqual(['10.0.0.1']);
    expect(new Set(dns.queries.map((query) => query.port)).size).toBe(2);
  });

  it('that never comes is waited for 4 s, in three attempts', async () => {
    const dns = await server(() => undefined);
    const began = performance.now();
    expect(await kindOf(addresses(stubOf(dns.address)))).toBe('timeout');
    expect(performance.now() - began).toBeGreaterThan(3900);
    expect(dns.queries).toHaveLength(3);
  });

  it('that is malformed leads to the next server', async () => {
    const bad = await server((query) => query.send(Buffer.concat([right(query), Buffer.from([1])])));
    const good = await server((query) => query.send(right(query)));
    await expect(addresses(stubOf(bad.address, good.address))).resolves.toEqual(['10.0.0.1']);
    expect(await kindOf(addresses(stubOf(bad.address)))).toBe('malformed');
  });

  it.each([['SERVFAIL', 2], ['REFUSED', 5], ['NOTAUTH', 9]])('%s leads to the next server', async (_name, rcode) => {
    const bad = await server((query) => query.send(query.reply({ rcode })));
    const good = await server((query) => query.send(right(query)));
    await expect(addresses(stubOf(bad.address, good.address))).resolves.toEqual(['10.0.0.1']);
    expect(await kindOf(addresses(stubOf(bad.address)))).toBe('server-failure');
  });

  it('that says neither yes nor no leads to the next server', async () => {
    const lame = await server((query) => query.send(query.reply({ authoritative: false })));
    const good = await server((query) => query.send(right(query)));
    await expect(addresses(stubOf(lame.address, good.address))).resolves.toEqual(['10.0.0.1']);
  });

  it('that there is no such name is final', async () => {
    const first = await server((query) => query.send(query.reply({ rcode: 3, authorities: [soa('test', 300, 7)] })));
    const second = await server((query) => query.send(right(query)));
    const answer = await stubOf(first.address, second.address).lookup('host.test', 'A');
    expect(answer).toMatchObject({ exists: false, records: [], ttl: 7 });
    expect(second.queries).toEqual([]);
  });

  it.each([['FORMERR', 1], ['NOTIMP', 4], ['BADVERS', 16]])('%s to EDNS leads to a query without, and is remembered', async (_name, rcode) => {
    const dns = await server((query) => query.send(query.edns ? query.reply({ rcode }) : right(query)));
    const stub = stubOf(dns.address);
    await expect(addresses(stub)).resolves.toEqual(['10.0.0.1']);
    await addresses(stub);
    expect(dns.queries.map((query) => query.edns)).toEqual([true, false, false]);
  });

  it('FORMERR without a question is one', async () => {
    const dns = await server((query) => {
      if (!query.edns) return void query.send(right(query));
      const header = Buffer.from(query.reply({ rcode: 1 }).subarray(0, 12));
      header.writeUInt16BE(0, 4);
      query.send(header);
    });
    await expect(addresses(stubOf(dns.address))).resolves.toEqual(['10.0.0.1']);
  });
});

describe('a server that refuses', () => {
  it('is skipped at once', async () => {
    const good = await server((query) => query.send(right(query)));
    const stub = stubOf(`127.0.0.1:${await freePort()}`, good.address);
    const began = performance.now();
    await expect(addresses(stub)).resolves.toEqual(['10.0.0.1']);
    expect(performance.now() - began).toBeLessThan(450);
  });

  it('is an error at once where there is no other', async () => {
    const began = performance.now();
    expect(await kindOf(addresses(stubOf(`127.0.0.1:${await freePort()}`)))).toBe('network');
    expect(performance.now() - began).toBeLessThan(3000);
  });
});

describe('an answer too large for UDP', () => {
  const many = (query: ScriptedQuery): Buffer => query.reply({ answers: Array.from({ length: 300 }, (_, index) => srv(query.name, `t${index}.test`, 80)) });
  const cut = (query: ScriptedQuery): Buffer => query.reply({ truncated: true, answers: [srv(query.name, 'partial.test', 1)] });
  const ports = async (stub: StubResolver): Promise<number> => (await stub.lookup('_http._tcp.host.test', 'SRV')).records.length;

  it('is asked for over TCP; what was cut off is not looked at', async () => {
    const dns = await server((query) => query.send(query.transport === 'tcp' ? many(query) : cut(query)));
    await expect(ports(stubOf(dns.address))).resolves.toBe(300);
    expect(dns.queries.map((query) => query.transport)).toEqual(['udp', 'tcp']);
  });

  it('may be cut off in the middle of a record', async () => {
    const dns = await server((query) => query.send(query.transport === 'tcp' ? many(query) : cut(query).subarray(0, -5)));
    await expect(ports(stubOf(dns.address))).resolves.toBe(300);
  });

  it('shares one connection with others that are asked for at the same time', async () => {
    const dns = await server((query) => query.send(query.transport === 'tcp' ? many(query) : cut(query)));
    const stub = stubOf(dns.address);
    await Promise.all([ports(stub), stub.lookup('_x._tcp.other.test', 'SRV'), stub.lookup('_y._tcp.other.test', 'SRV')]);
    expect(dns.connections).toBe(1);
  });

  it('may come over TCP in another order than asked for', async () => {
    const held: (() => void)[] = [];
    const dns = await server((query) => {
      if (query.transport === 'udp') return void query.send(cut(query));
      held.push(() => query.send(query.reply({ answers: [srv(query.name, 'x.test', Number(/\d+/.exec(query.name)![0]))] })));
      if (held.length === 5) for (const send of held.reverse()) send();
    });
    const stub = stubOf(dns.address);
    const found = await Promise.all([1, 2, 3, 4, 5].map(async (n) => (await stub.lookup(`_p${n}._tcp.host.test`, 'SRV')).records[0]?.port));
    expect(found).toEqual([1, 2, 3, 4, 5]);
    expect(dns.connections).toBe(1);
  });

  it('is tried once more on a new connection where the connection breaks', async () => {
    let broken = false;
    const dns = await server((query) => {
      if (query.transport === 'udp') return void query.send(cut(query));
      if (broken) return void query.send(many(query));
      broken = true;
      query.reset();
    });
    await expect(ports(stubOf(dns.address))).resolves.toBe(300);
    expect(dns.connections).toBe(2);
  });

  it('is an error where TCP is blocked', async () => {
    const dns = await server((query) => query.send(cut(query)), { tcp: false });
    expect(await kindOf(ports(stubOf(dns.address)))).toBe('network');
  });

  it('is incomplete where it is truncated over TCP too', async () => {
    const dns = await server((query) => query.send(cut(query)));
    const answer = await stubOf(dns.address).lookup('_http._tcp.host.test', 'SRV');
    expect(answer).toMatchObject({ truncated: true, lookup: { transport: 'tcp', truncated: true } });
    expect(answer.records).toHaveLength(1);
  });

  it('is asked for over TCP from the start the next time', async () => {
    const dns = await server((query) => query.send(query.transport === 'tcp' ? many(query) : cut(query)));
    const stub = stubOf(dns.address);
    for (let count = 0; count < 10; count += 1) await ports(stub);
    expect(dns.queries.filter((query) => query.transport === 'udp')).toHaveLength(1);
    expect(dns.connections).toBe(1);
  });

  it('is asked for over UDP again after TCP has failed', async () => {
    let blocked = false;
    const dns = await server((query) => {
      if (query.transport === 'udp') return void query.send(blocked ? query.reply({ answers: [srv(query.name, 'one.test', 80)] }) : cut(query));
      if (blocked) query.reset();
      else query.send(many(query));
    });
    const stub = stubOf(dns.address);
    await ports(stub);
    blocked = true;
    expect(await kindOf(ports(stub))).toBe('network');
    await expect(ports(stub)).resolves.toBe(1);
  });

  it('leaves the connection open for a while, and none after close', async () => {
    const dns = await server((query) => query.send(query.transport === 'tcp' ? many(query) : cut(query)));
    const stub = stubOf(dns.address);
    await ports(stub);
    await ports(stub);
    expect(dns.connections).toBe(1);
    expect(dns.open).toBe(1);
    stub.close();
    await eventually(() => dns.open === 0);
    expect(await kindOf(ports(stub))).toBe('closed');
  });
});

describe('an alias', () => {
  it('is followed inside the answer, in any order', async () => {
    const dns = await server((query) => query.send(query.reply({ answers: [a('c.test', '10.0.0.3', 60), cname('b.test', 'c.test', 9), cname('a.test', 'b.test', 30)] })));
    const answer = await stubOf(dns.address).lookup('a.test', 'A');
    expect(answer).toMatchObject({ canonical: 'c.test', ttl: 9 });
    expect(answer.records).toHaveLength(1);
    expect(dns.queries).toHaveLength(1);
  });

  it('without its target is followed by asking', async () => {
    const dns = await server((query) => query.send(query.name === 'a.test' ? query.reply({ answers: [cname('a.test', 'b.other')] }) : right(query)));
    await expect(addresses(stubOf(dns.address), 'a.test')).resolves.toEqual(['10.0.0.1']);
    expect(dns.queries.map((query) => query.name)).toEqual(['a.test', 'b.other']);
  });

  it('of eight links is followed, of nine is not', async () => {
    const links = (count: number) => (query: ScriptedQuery): void => {
      const n = Number(query.name.slice(1, 2));
      query.send(query.reply({ answers: n < count ? [cname(query.name, `h${n + 1}.test`)] : [a(query.name, '10.0.0.1')] }));
    };
    const dns = await server(links(8));
    await expect(addresses(stubOf(dns.address), 'h0.test')).resolves.toEqual(['10.0.0.1']);
    dns.script(links(9));
    expect(await kindOf(addresses(stubOf(dns.address), 'h0.test'))).toBe('alias');
  });

  it('in a circle is an error', async () => {
    const dns = await server((query) => query.send(query.reply({ answers: [cname('a.test', 'b.test'), cname('b.test', 'a.test')] })));
    expect(await kindOf(addresses(stubOf(dns.address), 'a.test'))).toBe('alias');
  });

  it('of two names is malformed', async () => {
    const dns = await server((query) => query.send(query.reply({ answers: [cname('a.test', 'b.test'), cname('a.test', 'c.test')] })));
    expect(await kindOf(addresses(stubOf(dns.address), 'a.test'))).toBe('malformed');
  });

  it('of a name that does not exist is a name that does not exist', async () => {
    const dns = await server((query) => query.send(query.reply({ rcode: 3, answers: [cname('a.test', 'b.test')], authorities: [soa('test')] })));
    expect(await stubOf(dns.address).lookup('a.test', 'A')).toMatchObject({ exists: false, records: [], canonical: 'b.test' });
  });
});

describe('where to ask', () => {
  it.each(['localhost', '127.0.0.1:0', '127.0.0.1:70000', '::1:53:', '[127.0.0.1]:53', ''])('refuses the nameserver %j', (text) => {
    expect(() => new StubResolver({ clock: systemClock, random: systemRandom, nameservers: [text] })).toThrow(/nameservers\[0\].*expected/);
  });

  it('takes IPv6 addresses with and without a port', () => {
    expect(() => new StubResolver({ clock: systemClock, random: systemRandom, nameservers: ['::1', '[::1]:5353', '127.0.0.1'] })).not.toThrow();
    expect(() => new StubResolver({ clock: systemClock, random: systemRandom, nameservers: [] })).toThrow(/at least one/);
  });

  it('reads resolv.conf', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inmesh-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'resolv.conf');
    writeFileSync(path, 'search a.test b.test.\nnameserver 127.0.0.1\noptions ndots:5 timeout:1\n');
    const stub = new StubResolver({ clock: systemClock, random: systemRandom, resolvConf: path });
    closing.push(() => stub.close());
    expect(stub.search).toMatchObject({ search: ['a.test', 'b.test'], ndots: 5 });
  });
});

describe('closing', () => {
  it('ends what is under way with an error', async () => {
    const dns = await server(() => undefined);
    const stub = stubOf(dns.address);
    const looking = kindOf(addresses(stub));
    await eventually(() => dns.queries.length === 1);
    stub.close();
    expect(await looking).toBe('closed');
  });
});
