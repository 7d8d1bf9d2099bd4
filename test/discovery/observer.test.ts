import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { systemRandom } from '../../src/core/random.ts';
import { StubResolver } from '../../src/discovery/stub-resolver.ts';
import { freePort } from '../support/free-port.ts';
import { a, startScriptedDns } from '../support/scripted-dns.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function watchedStub(nameservers: string[]): { stub: StubResolver; seen: string[] } {
  const seen: string[] = [];
  const stub = new StubResolver({
    clock: systemClock, random: systemRandom, nameservers,
    observer(transport, server, query) {
      const attempt = `${transport} ${server.key}`;
      seen.push(`${attempt} asked ${query.length} bytes`);
      return {
        replied: (reply) => void seen.push(`${attempt} replied ${reply.length} bytes`),
        failed: (error) => void seen.push(`${attempt} failed: ${error.kind}`),
        discarded: () => void seen.push(`${attempt} discarded`),
      };
    },
  });
  closing.push(() => stub.close());
  return { stub, seen };
}

it('hears of every query and of what came back, and changes nothing', async () => {
  const dns = await startScriptedDns((query) => {
    if (query.transport === 'udp') query.send(query.reply({ id: query.id ^ 1 }));
    query.send(query.transport === 'udp' ? query.reply({ truncated: true }) : query.reply({ answers: [a(query.name, '10.0.0.1')] }));
  });
  closing.push(() => dns.close());
  const refusing = `127.0.0.1:${await freePort()}`;
  const { stub, seen } = watchedStub([refusing, dns.address]);
  expect((await stub.lookup('host.test', 'A')).records).toHaveLength(1);
  expect(seen).toEqual([
    `udp ${refusing} asked 38 bytes`, `udp ${refusing} failed: network`,
    `udp ${dns.address} asked 38 bytes`, `udp ${dns.address} discarded`, `udp ${dns.address} replied 27 bytes`,
    `tcp ${dns.address} asked 38 bytes`, `tcp ${dns.address} replied 52 bytes`,
  ]);
});
