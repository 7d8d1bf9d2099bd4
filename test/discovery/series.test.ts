/**
 * The schedule of attempts, in virtual time, with nameservers that are functions.
 */
import { decode, encode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { DnsError } from '../../src/discovery/dns-error.ts';
import type { Exchange, ReplyListener } from '../../src/discovery/exchange.ts';
import { Nameserver, inOrder } from '../../src/discovery/nameserver.ts';
import { Series } from '../../src/discovery/series.ts';
import type { SeriesResult } from '../../src/discovery/series.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

type Behaviour = { readonly after: number; readonly does: 'answer' | 'servfail' | 'refuse' | 'truncate' | 'garbage' } | 'silence';

/** What was asked: `12 udp first` is at 12 ms, over UDP, of the server called `first`. */
function asked(behaviours: Record<string, Behaviour | ((ask: number, transport: string) => Behaviour)>, transport: 'udp' | 'tcp' = 'udp', servers = Object.keys(behaviours).map((_, index) => new Nameserver(`10.0.0.${index}`))) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const open = new Set<Exchange>();
  const counts = new Map<string, number>();
  let outcome: SeriesResult | DnsError | undefined;
  let finishedAt: number | undefined;

  const transportOf = (kind: 'udp' | 'tcp') => ({
    ask(server: Nameserver, query: Buffer, listener: ReplyListener): Exchange {
      const name = Object.keys(behaviours)[servers.indexOf(server)]!;
      log.push(`${clock.now()} ${kind} ${name}`);
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      const given = behaviours[name]!;
      const behaviour = typeof given === 'function' ? given(count, kind) : given;
      const exchange = { close: () => void open.delete(exchange) };
      open.add(exchange);
      if (behaviour !== 'silence') {
        clock.after(behaviour.after, () => {
          if (!open.delete(exchange)) return;
          if (behaviour.does === 'refuse') listener.failed(new DnsError('network', 'refused'));
          else listener.replied(replyTo(query, behaviour.does));
        });
      }
      return exchange;
    },
  });
  const series = new Series({ clock, udp: transportOf('udp'), tcp: transportOf('tcp') }, servers, { name: 'host.test', type: 'A' }, transport, (done) => {
    outcome = done;
    finishedAt = clock.now();
  });
  return { clock, log, open, series, servers, outcome: () => outcome, finishedAt: () => finishedAt };
}

function replyTo(query: Buffer, does: 'answer' | 'servfail' | 'truncate' | 'garbage'): Buffer {
  const { questions = [] } = decode(query);
  const flags = 0x0400 | (does === 'servfail' ? 2 : 0) | (does === 'truncate' ? 0x0200 : 0);
  const reply = encode({ type: 'response', flags, questions, answers: does === 'answer' ? [{ type: 'A', name: 'host.test', ttl: 5, data: '10.1.1.1' }] : [] });
  return does === 'garbage' ? Buffer.concat([reply, Buffer.from([0])]) : reply;
}

describe('a series of attempts', () => {
  it('asks at 0, 500 and 1,500 ms, and gives up at 4,000', async () => {
    const { clock, log, outcome, finishedAt, open } = asked({ one: 'silence' });
    await clock.advance(60_000);
    expect(log).toEqual(['0 udp one', '500 udp one', '1500 udp one']);
    expect(outcome()).toMatchObject({ kind: 'timeout', message: 'no answer within 4000 ms from 10.0.0.0:53' });
    expect(finishedAt()).toBe(4000);
    expect(open.size).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it('asks each server in turn', async () => {
    const { clock, log } = asked({ one: 'silence', two: 'silence' });
    await clock.advance(60_000);
    expect(log).toEqual(['0 udp one', '500 udp two', '1500 udp one']);
  });

  it('believes a late answer to an early attempt', async () => {
    const { clock, outcome, finishedAt } = asked({ one: (ask) => (ask === 1 ? { after: 3900, does: 'answer' } : 'silence') });
    await clock.advance(60_000);
    expect(outcome()).not.toBeInstanceOf(DnsError);
    expect(finishedAt()).toBe(3900);
  });

  it.each(['refuse', 'servfail', 'garbage'] as const)('goes on at once where a server does this: %s; and does not come back to it', async (does) => {
    const { clock, log, outcome } = asked({ bad: { after: 1, does }, slow: 'silence', good: { after: 1, does: 'answer' } });
    await clock.advance(60_000);
    expect(log).toEqual(['0 udp bad', '1 udp slow', '501 udp good']);
    expect(outcome()).not.toBeInstanceOf(DnsError);
  });

  it('fails at once where every server has failed', async () => {
    const { clock, finishedAt, outcome } = asked({ one: { after: 1, does: 'refuse' }, two: { after: 1, does: 'servfail' } });
    await clock.advance(60_000);
    expect(finishedAt()).toBe(2);
    expect(outcome()).toMatchObject({ kind: 'server-failure' });
  });

  it('asks the same server over TCP where its answer was cut, and the next one where that fails', async () => {
    const { clock, log, outcome } = asked({
      one: (_ask, transport) => (transport === 'udp' ? { after: 1, does: 'truncate' } : { after: 1, does: 'refuse' }),
      two: (_ask, transport) => ({ after: 1, does: transport === 'udp' ? 'truncate' : 'answer' }),
    });
    await clock.advance(60_000);
    expect(log).toEqual(['0 udp one', '1 tcp one', '2 udp two', '3 tcp two']);
    expect(outcome()).toMatchObject({ transport: 'tcp' });
  });

  it('gives TCP the time that it needs, and asks nobody else meanwhile', async () => {
    const { clock, log } = asked({ one: (_ask, transport) => ({ after: transport === 'udp' ? 1 : 1800, does: transport === 'udp' ? 'truncate' : 'answer' }), two: 'silence' });
    await clock.advance(60_000);
    expect(log).toEqual(['0 udp one', '1 tcp one']);
  });

  it('begins over TCP where it is told to', async () => {
    const { clock, log } = asked({ one: { after: 1, does: 'answer' } }, 'tcp');
    await clock.advance(60_000);
    expect(log).toEqual(['0 tcp one']);
  });
});

describe('the order of servers', () => {
  const order = (servers: readonly Nameserver[], now: number, turn = 0): string => inOrder(servers, turn, now).map((server) => server.host.slice(-1)).join('');

  it('puts one that was silent twice in a row last, for half a minute', async () => {
    const { clock, servers } = asked({ one: 'silence', two: { after: 1, does: 'answer' } });
    await clock.advance(1000);
    expect(order(servers, 1000)).toBe('01');
    const again = asked({ one: 'silence', two: { after: 1, does: 'answer' } }, 'udp', servers);
    await again.clock.advance(1000);
    expect(order(servers, 1000)).toBe('10');
    expect(order(servers, 30_499)).toBe('10');
    expect(order(servers, 30_501)).toBe('01');
  });

  it('forgives one that answers, however late', async () => {
    const { clock, servers } = asked({ one: (ask) => (ask === 1 ? { after: 3900, does: 'answer' } : 'silence') });
    await clock.advance(2000);
    expect(servers[0]!.isDemoted(2000)).toBe(true);
    await clock.advance(2000);
    expect(servers[0]!.isDemoted(4000)).toBe(false);
  });

  it('begins elsewhere each time where rotation is asked for', () => {
    const servers = ['10.0.0.0', '10.0.0.1', '10.0.0.2'].map((host) => new Nameserver(host));
    expect([0, 1, 2, 3].map((turn) => order(servers, 0, turn))).toEqual(['012', '120', '201', '012']);
  });
});
