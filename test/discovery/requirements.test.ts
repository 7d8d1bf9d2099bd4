/**
 * Requirements of docs/discovery.md that need a nameserver which misbehaves on demand, or virtual time. Those for real nameservers are in
 * test/integration.
 */
import { createSocket } from 'node:dgram';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { DnsError } from '../../src/discovery/dns-error.ts';
import { serviceName } from '../../src/discovery/kubernetes-name.ts';
import { Poller } from '../../src/discovery/poller.ts';
import { distinct } from '../../src/discovery/source.ts';
import type { SourceAnswer } from '../../src/discovery/source.ts';
import { rawMessage } from '../support/dns-bytes.ts';
import { eventually } from '../support/eventually.ts';
import { malformed } from '../support/malformed.ts';
import { a, cname, soa, srv, startScriptedDns } from '../support/scripted-dns.ts';
import type { ScriptedDns, ScriptedQuery } from '../support/scripted-dns.ts';
import { VirtualClock, settle } from '../support/virtual-clock.ts';
import { watched } from '../support/watched.ts';
import type { Watched, WatchedOptions } from '../support/watched.ts';
import type { DiscoverySource } from '../../src/core/policy.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function server(answer: (query: ScriptedQuery) => void): Promise<ScriptedDns> {
  const scripted = await startScriptedDns(answer);
  closing.push(() => scripted.close());
  return scripted;
}

function watching(source: DiscoverySource | string, options: WatchedOptions): Watched {
  const each = watched(source, options);
  closing.push(() => each.close());
  return each;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'inmesh-'));
  closing.push(() => rmSync(path, { recursive: true }));
  return path;
}

const NAME = '_http._tcp.reviews.default.svc.cluster.local';
const DOMAIN = 'reviews.default.svc.cluster.local';
const host = (name = 'host.test.'): DiscoverySource => ({ kind: 'dns', name, port: 80 });
const right = (query: ScriptedQuery): Buffer => query.reply({ answers: [a(query.name, '10.0.0.1')] });

/** Moves virtual time while real sockets work: in steps, so that what was sent can come back. */
async function elapse(clock: VirtualClock, duration: number, step = 100): Promise<void> {
  for (let passed = 0; passed < duration; passed += step) {
    await clock.advance(step);
    for (let turn = 0; turn < 3; turn += 1) await settle();
  }
}

describe('what is asked', () => {
  it('R-1: one question for an absolute name, no search list', async () => {
    const dns = await server((query) => query.send(query.reply({ answers: [srv(query.name, `10-0-0-1.${DOMAIN}`, 80)] })));
    const path = join(folder(), 'resolv.conf');
    writeFileSync(path, 'nameserver 127.0.0.1\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n');
    const name = serviceName({ service: 'Reviews', namespace: 'default', port: 'http' }, ['default.svc.cluster.local']);
    await watching(name, { nameservers: [dns.address], resolvConf: path }).first();
    expect(dns.queries.map((query) => `${query.type} ${query.name}`)).toEqual([`SRV ${NAME}`]);
  });

  it('R-2: a name that DNS cannot carry is refused before it is encoded', async () => {
    const dns = await server((query) => query.send(right(query)));
    for (const name of ['a..b', 'x'.repeat(192), 'a\nb', 'ü/b', `${'x'.repeat(63)}.`.repeat(5)]) {
      await expect(watching(host(name), { nameservers: [dns.address] }).first()).rejects.toMatchObject({ kind: 'invalid-name' });
    }
    for (const wrong of [{ service: 'a.b', port: 'http' }, { service: 'a', port: 'x y' }, { service: '', port: 'http' }]) {
      expect(() => serviceName({ namespace: 'default', ...wrong }, [])).toThrow(DnsError);
    }
    expect(dns.queries).toEqual([]);
  });

  it('R-35: a thousand look-ups of one name at one time are one query', async () => {
    const dns = await server((query) => void setTimeout(() => query.send(right(query)), 20));
    const { stub } = watching({ kind: 'endpoints', endpoints: [{ host: '10.0.0.1', port: 80 }] }, { nameservers: [dns.address] });
    await Promise.all(Array.from({ length: 1000 }, () => stub.lookup('host.test', 'A')));
    expect(dns.queries).toHaveLength(1);
  });

  it('R-37: A and AAAA leave from different sockets, one after the other', async () => {
    const dns = await server((query) => query.send(query.reply({ answers: query.type === 'A' ? [] : [a(query.name, '2001:db8::1')], authorities: [soa('test')] })));
    const seen = watching(host(), { nameservers: [dns.address], family: 4 });
    expect((await seen.first()).endpoints.map((endpoint) => endpoint.host)).toEqual(['2001:db8::1']);
    expect(dns.queries.map((query) => query.type)).toEqual(['A', 'AAAA']);
    expect(dns.queries[0]!.port).not.toBe(dns.queries[1]!.port);
  });
});

describe('what is accepted', () => {
  it('R-24: only the reply of the server that was asked, with the right id and question; others are counted', async () => {
    const attacker = createSocket('udp4');
    closing.push(() => attacker.close());
    const dns = await server((query) => {
      // The right id and question, from another port: the kernel drops it.
      attacker.send(query.reply({ answers: [a(query.name, '6.6.6.6')] }), query.port, '127.0.0.1', () => {
        query.send(query.reply({ id: query.id ^ 1, answers: [a(query.name, '6.6.6.6')] }));
        query.send(query.reply({ question: { name: 'other.test', type: 'A' }, answers: [a(query.name, '6.6.6.6')] }));
        const otherClass = Buffer.from(query.reply({ answers: [a(query.name, '6.6.6.6')] }));
        otherClass.writeUInt16BE(3, 12 + query.name.length + 2 + 2);
        query.send(otherClass);
        query.send(right(query));
      });
    });
    const seen = watching(host(), { nameservers: [dns.address] });
    await seen.first();
    expect(seen.keys()).toEqual(['10.0.0.1:80']);
    expect(seen.state().lookup).toMatchObject({ discarded: 3, server: dns.address });
  });

  it('R-25: no malformed message changes anything, throws anywhere, or takes long', async () => {
    let attack: Buffer | undefined;
    const dns = await server((query) => {
      if (attack === undefined) return void query.send(query.reply({ answers: [a(query.name, '10.0.0.1', 1)] }));
      const forged = Buffer.from(attack);
      forged.writeUInt16BE(query.id, 0);
      query.send(forged);
    });
    const seen = watching(host('a.test.'), { nameservers: [dns.address], knobs: { refresh: 100 } });
    await seen.first();
    for (const [what, parts] of malformed) {
      attack = rawMessage(parts);
      const failures = seen.failures.length;
      const asked = dns.queries.length;
      const began = process.cpuUsage();
      await expect(seen.stub.lookup('a.test', 'A'), what).rejects.toBeInstanceOf(DnsError);
      expect(process.cpuUsage(began).user / 1000, what).toBeLessThan(100);
      expect(dns.queries.length).toBeGreaterThan(asked);
      expect(seen.failures.length).toBeGreaterThanOrEqual(failures);
    }
    seen.watch.refresh('asked');
    await eventually(() => seen.failures.length > 0);
    expect(seen.keys()).toEqual(['10.0.0.1:80']);
  }, 60_000);

  it('R-26: a server without EDNS is asked without it; one that fails is not the last', async () => {
    const failing = await server((query) => query.send(query.reply({ rcode: 2 })));
    const old = await server((query) => query.send(query.edns ? query.reply({ rcode: 16 }) : right(query)));
    const seen = watching(host(), { nameservers: [failing.address, old.address] });
    await seen.first();
    expect(seen.keys()).toEqual(['10.0.0.1:80']);
    expect(old.queries.map((query) => query.edns)).toEqual([true, false]);
    expect(failing.queries).toHaveLength(1);
  });

  it('R-38: addresses that no server can have are dropped, and named', async () => {
    const bad = ['0.0.0.0', '224.0.0.1', '255.255.255.255'];
    const dns = await server((query) => query.send(query.reply({ answers: [...bad, '10.0.0.1'].map((address) => a(query.name, address)) })));
    const seen = watching(host(), { nameservers: [dns.address] });
    await seen.first();
    expect(seen.keys()).toEqual(['10.0.0.1:80']);
    expect(seen.state().lookup?.dropped).toEqual(bad);
  });

  it('R-39: no name has more than 4,096 endpoints, no process more than 64 sockets', async () => {
    const endpoints = Array.from({ length: 5000 }, (_, index) => ({ host: '10.0.0.1', port: index + 1, weight: 1, priority: 0 }));
    expect(distinct(endpoints)).toMatchObject({ cut: true });
    expect(distinct(endpoints).endpoints).toHaveLength(4096);
    expect(distinct([...endpoints.slice(0, 4096), ...endpoints.slice(0, 4096)])).toMatchObject({ cut: false });

    const waiting: ScriptedQuery[] = [];
    const dns = await server((query) => void waiting.push(query));
    const { stub } = watching({ kind: 'endpoints', endpoints: [{ host: '10.0.0.1', port: 80 }] }, { nameservers: [dns.address] });
    const all = Promise.all(Array.from({ length: 200 }, (_, index) => stub.lookup(`host${index}.test`, 'A')));
    await eventually(() => waiting.length === 64);
    dns.script((query) => query.send(right(query)));
    for (const query of waiting) query.send(right(query));
    expect(await all).toHaveLength(200);
  });
});

describe('which server, when', () => {
  it('R-27: the next one after half a second; a late answer counts', async () => {
    const silent = await server(() => undefined);
    const good = await server((query) => query.send(right(query)));
    const seen = watching(host(), { nameservers: [silent.address, good.address] });
    await seen.first();
    expect(good.queries[0]!.at - silent.queries[0]!.at).toBeGreaterThan(450);

    const late = await server(() => undefined);
    late.script(() => {
      if (late.queries.length === 2) late.queries[0]!.send(right(late.queries[0]!));
    });
    await watching(host(), { nameservers: [late.address] }).first();
  });

  it('R-28: a server that refuses costs no time', async () => {
    const good = await server((query) => query.send(right(query)));
    const closed = await startScriptedDns(() => undefined);
    await closed.close();
    const clock = new VirtualClock();
    const seen = watching(host(), { nameservers: [closed.address, good.address], clock });
    await seen.first();
    expect(clock.now()).toBe(0);
  });

  it('R-29: a server that was silent twice is asked last for half a minute', async () => {
    const silent = await server(() => undefined);
    const good = await server((query) => query.send(right(query)));
    const { stub } = watching({ kind: 'endpoints', endpoints: [{ host: '10.0.0.1', port: 80 }] }, { nameservers: [silent.address, good.address] });
    for (let count = 0; count < 5; count += 1) await stub.lookup('host.test', 'A');
    expect(silent.queries).toHaveLength(2);
    expect(good.queries).toHaveLength(5);
  });

  it('R-30: resolv.conf is read again when it changes; what makes no sense changes nothing', async () => {
    const [first, second] = [await server((query) => query.send(right(query))), await server((query) => query.send(right(query)))];
    const path = join(folder(), 'resolv.conf');
    writeFileSync(path, `nameserver ${first.address}\n`);
    const clock = new VirtualClock();
    const { stub } = watching({ kind: 'endpoints', endpoints: [{ host: '10.0.0.1', port: 80 }] }, { resolvConf: path, clock });
    await stub.lookup('host.test', 'A');
    expect([first.queries.length, second.queries.length]).toEqual([1, 0]);

    writeFileSync(`${path}.new`, '# being written');
    renameSync(`${path}.new`, path);
    await clock.advance(5000);
    await stub.lookup('host.test', 'A');
    expect([first.queries.length, second.queries.length]).toEqual([2, 0]);

    writeFileSync(`${path}.new`, `nameserver ${second.address}\noptions rotate\n`);
    renameSync(`${path}.new`, path);
    await stub.lookup('host.test', 'A');
    expect([first.queries.length, second.queries.length]).toEqual([3, 0]);
    await clock.advance(5000);
    await stub.lookup('host.test', 'A');
    rmSync(path);
    await clock.advance(5000);
    await stub.lookup('host.test', 'A');
    expect([first.queries.length, second.queries.length]).toEqual([3, 2]);
  });

  it('R-31: localhost and names of the hosts file need no DNS, .invalid gets none; the file is read again when it changes', async () => {
    const dns = await server((query) => query.send(right(query)));
    const path = join(folder(), 'hosts');
    writeFileSync(path, '127.0.0.5 reviews\n');
    const clock = new VirtualClock();
    const options = { nameservers: [dns.address], hosts: path, clock };
    const named = watching(host('Reviews'), options);
    const local = watching(host('api.localhost'), options);
    const never = watching(host('host.invalid.'), options);
    await Promise.all([named.first(), local.first(), never.first()]);
    expect([named.keys(), local.keys(), never.keys()]).toEqual([['127.0.0.5:80'], ['127.0.0.1:80'], []]);
    writeFileSync(path, '127.0.0.6 reviews\n127.0.0.7 reviews\n');
    await clock.advance(20_000);
    expect(named.keys()).toEqual(['127.0.0.6:80', '127.0.0.7:80']);
    expect(dns.queries).toEqual([]);
  });
});

describe('TCP', () => {
  const cut = (query: ScriptedQuery): Buffer => query.reply({ truncated: true });
  const whole = (query: ScriptedQuery): Buffer => query.reply({ answers: Array.from({ length: 300 }, (_, index) => srv(query.name, `10-1-${index >> 8}-${index & 255}.${DOMAIN}`, 80, { ttl: 30 })) });
  const overTcp = (query: ScriptedQuery): void => query.send(query.transport === 'udp' ? cut(query) : whole(query));

  it('R-17: what does not fit into UDP comes over TCP: one query each, and what was cut is not looked at', async () => {
    const dns = await server((query) => query.send(query.transport === 'udp' ? query.reply({ truncated: true, answers: [srv(query.name, '6-6-6-6.test', 1)] }) : whole(query)));
    const seen = watching(NAME, { nameservers: [dns.address] });
    expect((await seen.first()).endpoints).toHaveLength(300);
    expect(dns.queries.map((query) => query.transport)).toEqual(['udp', 'tcp']);
    expect(dns.queries.every((query) => query.edns)).toBe(true);
    expect(seen.state().lookup).toMatchObject({ transport: 'tcp', truncated: false });
  });

  it('R-18: the next questions go over the same connection, which is closed before the server does it, and moved on after a minute', async () => {
    const dns = await server(overTcp);
    const clock = new VirtualClock();
    const { stub } = watching({ kind: 'endpoints', endpoints: [{ host: '10.0.0.1', port: 80 }] }, { nameservers: [dns.address], clock });
    for (let count = 0; count < 10; count += 1) {
      await stub.lookup(NAME, 'SRV');
      await clock.advance(5000);
    }
    expect(dns.queries.filter((query) => query.transport === 'udp')).toHaveLength(1);
    expect(dns.connections).toBe(1);
    await clock.advance(5000);
    await eventually(() => dns.open === 0);

    for (let count = 0; count < 14; count += 1) {
      await stub.lookup(NAME, 'SRV');
      await clock.advance(5000);
    }
    expect(dns.connections).toBe(3);

    let broken = false;
    dns.script((query) => {
      if (query.transport === 'tcp' && !broken) {
        broken = true;
        query.send(whole(query).subarray(0, 12));
        query.reset();
      } else overTcp(query);
    });
    expect((await stub.lookup(NAME, 'SRV')).records).toHaveLength(300);
    // After ten minutes UDP is tried again.
    await clock.advance(600_000);
    dns.script(overTcp);
    await stub.lookup(NAME, 'SRV');
    expect(dns.queries.filter((query) => query.transport === 'udp')).toHaveLength(2);
  });
});

describe('when to look up', () => {
  const endpoints = [{ host: '10.0.0.1', port: 80, weight: 1, priority: 0 }];

  function polling(clock: Clock, answer: SourceAnswer, seed: number, asked: number[]): Poller {
    const source = { description: 'test', resolve: async () => (asked.push(clock.now()), answer) };
    return new Poller(source, { resolved: () => undefined, failed: () => undefined }, { clock, random: seededRandom(seed), knobs: () => defaultServicePolicy.discovery });
  }

  it('R-32: a TTL of 0 brings one more look-up after a second, and then the usual interval', async () => {
    const clock = new VirtualClock();
    const asked: number[] = [];
    polling(clock, { endpoints, complete: true, ttl: 0 }, 1, asked);
    await clock.advance(2000);
    expect(asked).toEqual([0, 1000]);
    await clock.advance(100_000);
    expect(asked.length).toBeLessThan(2 + 100 / 4.25 + 1);
  });

  it('R-34: a hundred clients that began together do not ask together', async () => {
    const clock = new VirtualClock();
    const asked: number[] = [];
    for (let client = 0; client < 100; client += 1) polling(clock, { endpoints, complete: true, ttl: 30 }, client, asked);
    await clock.advance(60_000);
    asked.length = 0;
    await clock.advance(60_000);
    const buckets = new Map<number, number>();
    for (const at of asked) buckets.set(Math.floor(at / 100), (buckets.get(Math.floor(at / 100)) ?? 0) + 1);
    expect(asked.length).toBeGreaterThan(1100);
    expect(Math.max(...buckets.values())).toBeLessThanOrEqual(15);
  });

  it('R-11: replicas that disagree do not make endpoints come and go', async () => {
    let old = true;
    const answers = (query: ScriptedQuery): void => {
      old = !old;
      query.send(query.reply({ answers: (old ? [1, 2, 3, 4] : [5]).map((port) => srv(query.name, `10-0-0-1.${DOMAIN}`, port, { ttl: 1 })) }));
    };
    const dns = await server(answers);
    const clock = new VirtualClock();
    const seen = watching(NAME, { nameservers: [dns.address], clock });
    await seen.first();
    await elapse(clock, 30_000);
    expect(dns.queries.length).toBeGreaterThan(20);
    expect(Math.min(...seen.resolutions.slice(1).map((resolution) => resolution.endpoints.length))).toBeGreaterThanOrEqual(4);
  });

  it('R-9: an empty answer between good ones is not believed; three over ten seconds are; a new endpoint is at once', async () => {
    let empty = false;
    const dns = await server((query) => query.send(empty ? query.reply({ rcode: 3, authorities: [soa('cluster.local')] }) : query.reply({ answers: [srv(query.name, `10-0-0-1.${DOMAIN}`, 80)] })));
    const clock = new VirtualClock();
    const seen = watching(NAME, { nameservers: [dns.address], clock });
    await seen.first();
    empty = true;
    await elapse(clock, 5000);
    expect(seen.state().state).toBe('unconfirmed-empty');
    empty = false;
    await elapse(clock, 5000);
    expect(seen.resolutions.every((resolution) => resolution.endpoints.length === 1)).toBe(true);
    expect(seen.state().state).toBe('fresh');
    empty = true;
    await elapse(clock, 16_000);
    expect(seen.state().state).toBe('empty');
    expect(seen.keys()).toEqual([]);
    empty = false;
    await elapse(clock, 6000);
    expect(seen.keys()).toEqual(['10.0.0.1:80']);
  });

  it('R-5: whoever sees an endpoint fail gets a fresh answer within a second; a dead one that stays in DNS costs 0.2 queries per second', async () => {
    const dns = await server((query) => query.send(query.reply({ answers: [srv(query.name, `10-0-0-1.${DOMAIN}`, 80, { ttl: 30 })] })));
    const clock = new VirtualClock();
    const seen = watching(NAME, { nameservers: [dns.address], clock, knobs: { refresh: 30_000 } });
    await seen.first();
    for (let passed = 0; passed < 10_000; passed += 100) {
      seen.watch.refresh('connect-error');
      await elapse(clock, 100);
      if (passed === 1000) expect(dns.queries).toHaveLength(2);
    }
    const before = dns.queries.length;
    for (let passed = 0; passed < 20_000; passed += 100) {
      seen.watch.refresh('connect-error');
      await elapse(clock, 100);
    }
    expect(dns.queries.length - before).toBeLessThanOrEqual(5);
    dns.script((query) => query.send(query.reply({ answers: [srv(query.name, `10-0-0-1.${DOMAIN}`, 81, { ttl: 30 })] })));
    seen.watch.refresh('connect-error');
    await elapse(clock, 5000);
    expect(seen.keys()).toEqual(['10.0.0.1:81']);
  });

  it('R-44: all of it runs in virtual time, and nothing is left when it is closed', async () => {
    const clock = new VirtualClock();
    const asked: number[] = [];
    const poller = polling(clock, { endpoints, complete: true, ttl: 30 }, 1, asked);
    await clock.advance(24 * 3_600_000);
    expect(asked.length).toBeGreaterThan(17_000);
    poller.close();
    expect(clock.timers).toBe(0);
  });
});

describe('what an answer means', () => {
  it('R-15: priorities and weights are passed on, weights relative within a priority', async () => {
    const dns = await server((query) => query.send(query.reply({
      answers: [
        srv(query.name, `10-0-0-1.${DOMAIN}`, 80, { weight: 90 }), srv(query.name, `10-0-0-2.${DOMAIN}`, 80, { weight: 10 }),
        srv(query.name, `10-0-0-3.${DOMAIN}`, 80, { priority: 10, weight: 7 }), srv(query.name, `10-0-0-4.${DOMAIN}`, 80, { priority: 10, weight: 7 }),
      ],
    })));
    const { endpoints } = await watching(NAME, { nameservers: [dns.address] }).first();
    expect(endpoints.map(({ weight, priority }) => [priority, weight])).toEqual([[0, 90], [0, 10], [10, 1], [10, 1]]);
  });

  it('R-36: a target with both families is one endpoint, of the family that this machine reaches, with the other address beside it', async () => {
    let alternate = '2001:db8::1';
    const dns = await server((query) => query.send(query.reply({
      answers: [srv(query.name, 'both.test', 80, { ttl: 1 }), srv(query.name, 'six.test', 80), srv(query.name, 'many.test', 80)],
      additionals: [
        a('both.test', alternate), a('both.test', '10.0.0.1'), a('six.test', '2001:db8::6'),
        a('many.test', '10.0.0.7'), a('many.test', '10.0.0.8'), a('many.test', '2001:db8::7'),
      ],
    })));
    const four = watching(NAME, { nameservers: [dns.address], family: 4 });
    const six = watching(NAME, { nameservers: [dns.address], family: 6 });
    await Promise.all([four.first(), six.first()]);
    expect(four.keys()).toEqual(['10.0.0.1:80', '10.0.0.7:80', '10.0.0.8:80', '[2001:db8::6]:80']);
    expect(six.keys()).toEqual(['[2001:db8::1]:80', '[2001:db8::6]:80', '[2001:db8::7]:80']);
    const alternates = (seen: Watched): (string | undefined)[] => seen.resolutions.at(-1)!.endpoints.map((endpoint) => endpoint.alternate);
    expect(alternates(four)).toEqual(['2001:db8::1', undefined, undefined, undefined]);
    expect(alternates(six)).toEqual(['10.0.0.1', undefined, undefined]);
    alternate = '2001:db8::2';
    four.watch.refresh('asked');
    await eventually(() => alternates(four)[0] === '2001:db8::2');
  });

  it('R-23: eight aliases in a row are followed, nine are not', async () => {
    const chain = (links: number) => (query: ScriptedQuery): void => {
      const at = Number(/\d+/.exec(query.name)![0]);
      query.send(query.reply({ answers: at < links ? [cname(query.name, `h${at + 1}.test`)] : [a(query.name, '10.0.0.1')] }));
    };
    const dns = await server(chain(8));
    await watching(host('h0.test.'), { nameservers: [dns.address] }).first();
    dns.script(chain(9));
    await expect(watching(host('h0.test.'), { nameservers: [dns.address] }).first()).rejects.toMatchObject({ kind: 'alias' });
  });
});

describe('closing', () => {
  it('R-40: nothing of discovery keeps a process alive, and nothing is left after close', async () => {
    const silent = await server(() => undefined);
    const dns = await server((query) => query.send(query.transport === 'udp' ? query.reply({ truncated: true }) : query.reply({ answers: [srv(query.name, `10-0-0-1.${DOMAIN}`, 80)] })));
    const holding = (): Record<string, number> => process.getActiveResourcesInfo().reduce<Record<string, number>>((counts, kind) => ({ ...counts, [kind]: (counts[kind] ?? 0) + 1 }), {});
    // The two servers' own; what earlier tests closed may take a moment to go.
    await eventually(() => holding()['UDPWrap'], (sockets) => sockets === 2);
    const before = holding();
    const waiting = watched(NAME, { nameservers: [silent.address] });
    const seen = watched(NAME, { nameservers: [dns.address] });
    await seen.first();
    await eventually(() => silent.queries.length > 0);
    const during = holding();
    // The scripted server's side of the TCP connection is the one more.
    expect(during['Timeout'] ?? 0).toBeLessThanOrEqual(before['Timeout'] ?? 0);
    expect(during['UDPWrap']).toBe(2);
    expect((during['TCPSocketWrap'] ?? 0) - (before['TCPSocketWrap'] ?? 0)).toBeLessThanOrEqual(dns.open);
    waiting.close();
    seen.close();
    await eventually(() => dns.open === 0);
    await expect(seen.stub.lookup(NAME, 'SRV')).rejects.toMatchObject({ kind: 'closed' });
  });
});
