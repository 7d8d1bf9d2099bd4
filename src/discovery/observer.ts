/**
 * A look over the resolver's shoulder: every query as it leaves and every reply as it came, in bytes, for people who ask what happened on
 * the wire. Nothing depends on it.
 */
import type { DnsError } from './dns-error.ts';
import type { Exchange, ReplyListener } from './exchange.ts';
import type { Nameserver } from './nameserver.ts';
import type { SeriesContext } from './series.ts';

/** One query to one server. Besides `discarded`, which may come often, it hears one thing at most: nothing where nobody waits any longer. */
export type AttemptObserver = ReplyListener;

/** Called for each query when it is sent, or begins to wait for a socket. Must not throw. */
export type ExchangeObserver = (transport: 'udp' | 'tcp', server: Nameserver, query: Buffer) => AttemptObserver;

export function observed(context: SeriesContext, observer: ExchangeObserver): SeriesContext {
  const ask = (transport: 'udp' | 'tcp', server: Nameserver, query: Buffer, listener: ReplyListener): Exchange => {
    const attempt = observer(transport, server, query);
    return context[transport].ask(server, query, {
      replied(reply) {
        attempt.replied(reply);
        listener.replied(reply);
      },
      failed(error: DnsError) {
        attempt.failed(error);
        listener.failed(error);
      },
      discarded() {
        attempt.discarded();
        listener.discarded();
      },
    });
  };
  return {
    clock: context.clock,
    udp: { ask: (server, query, listener) => ask('udp', server, query, listener) },
    tcp: { ask: (server, query, listener) => ask('tcp', server, query, listener) },
  };
}
