import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { PeerView } from '../../src/core/peers.ts';
import { systemRandom } from '../../src/core/random.ts';
import { PeerLists } from '../../src/discovery/peer-lists.ts';
import { StubResolver } from '../../src/discovery/stub-resolver.ts';
import { eventually } from '../support/eventually.ts';
import { a, srv, startScriptedDns } from '../support/scripted-dns.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const isKnown = ({ kind }: PeerView) => kind === 'known';

it('finds the peers of an address record and of an SRV record, each name looked up once', async () => {
  let questions = 0;
  const dns = await startScriptedDns((query) => {
    questions += 1;
    const name = query.name.toLowerCase();
    if (query.type === 'A' && name === 'shop.test') return query.send(query.reply({ answers: [a('shop.test', '10.1.0.7'), a('shop.test', '10.1.0.8')] }));
    if (query.type !== 'SRV') return query.send(query.reply({}));
    return query.send(query.reply({ answers: [srv(name, 'shop-0.shop.test', 80), srv(name, 'shop-1.shop.test', 80)], additionals: [a('shop-0.shop.test', '10.1.0.7'), a('shop-1.shop.test', '10.1.0.9')] }));
  });
  closing.push(() => dns.close());
  const stub = new StubResolver({ clock: systemClock, random: systemRandom, nameservers: [dns.address] });
  closing.push(() => stub.close());
  const told: unknown[] = [];
  let changes = 0;
  const lists = new PeerLists({ clock: systemClock, random: systemRandom, stub, addresses: () => ['10.1.0.7'], emit: (_, event) => void told.push(event) });
  closing.push(() => lists.close());
  const deaf = lists.subscribe(() => (changes += 1));
  expect(lists.of('shop.test')).toEqual({ kind: 'unknown', why: 'shop.test has not answered yet' });
  for (let time = 0; time < 5; time += 1) lists.of('shop.test');
  expect(await eventually(() => lists.of('shop.test'), isKnown)).toEqual({ kind: 'known', own: '10.1.0.7', all: ['10.1.0.7', '10.1.0.8'] });
  expect(told).toEqual([{ name: 'shop.test', own: '10.1.0.7', total: 2, why: undefined }]);
  expect(changes).toBe(1);
  const asked = questions;
  deaf();
  lists.of('_http._tcp.shop.test');
  expect(await eventually(() => lists.of('_http._tcp.shop.test'), isKnown)).toEqual({ kind: 'known', own: '10.1.0.7', all: ['10.1.0.7', '10.1.0.9'] });
  expect(asked).toBeLessThanOrEqual(2);
  expect(changes).toBe(1);
  // A policy that no longer names one: it is looked for no more, and anew where another policy names it.
  lists.keep(new Set(['_http._tcp.shop.test']));
  expect(lists.of('_http._tcp.shop.test').kind).toBe('known');
  expect(lists.of('shop.test').kind).toBe('unknown');
});
