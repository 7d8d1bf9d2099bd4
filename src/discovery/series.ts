/**
 * Series: all attempts to get one question answered.
 *
 *     0 ms   first server          500 ms   next server          1,500 ms   next server          4,000 ms   over
 *
 * libc waits 5 s twice, which is why trouble with DNS becomes an outage. Here an attempt that got nothing is followed by another one
 * with a new socket, and stays open: a late answer still wins. A server that refuses, fails (SERVFAIL, REFUSED) or talks nonsense is
 * struck from this series and the next one asked at once. NOERROR and NXDOMAIN are final: the next server would say the same.
 *
 * A truncated UDP answer is not looked into but asked for again over TCP. A server that does not know EDNS is asked without.
 */
import type { Clock, Millis, Timer } from '../core/clock.ts';
import { afterSockets } from './after-sockets.ts';
import { DnsError } from './dns-error.ts';
import type { Exchange } from './exchange.ts';
import { RCODE, decodeReply, encodeQuery, isTruncated, rcodeName } from './message.ts';
import type { DnsMessage, QueryType } from './message.ts';
import type { Nameserver } from './nameserver.ts';
import type { TcpTransport } from './tcp.ts';
import type { UdpTransport } from './udp.ts';

/** How long each attempt is waited for before the next begins. */
const PATIENCE: readonly Millis[] = [500, 1000, 2000];
const TOTAL: Millis = 4000;

export interface SeriesContext {
  readonly clock: Clock;
  readonly udp: Pick<UdpTransport, 'ask'>;
  readonly tcp: Pick<TcpTransport, 'ask'>;
}

export interface Question {
  readonly name: string;
  readonly type: QueryType;
}

export interface SeriesResult {
  readonly message: DnsMessage;
  readonly server: Nameserver;
  readonly transport: 'udp' | 'tcp';
  /** Size of the reply. */
  readonly bytes: number;
  /** Datagrams that were no reply to this question: forged, or astray. */
  readonly discarded: number;
}

export class Series {
  readonly #context: SeriesContext;
  readonly #servers: readonly Nameserver[];
  readonly #question: Question;
  readonly #transport: 'udp' | 'tcp';
  readonly #done: (outcome: SeriesResult | DnsError) => void;
  readonly #struck = new Set<Nameserver>();
  readonly #open = new Set<Exchange>();
  readonly #total: Timer;
  #patience: Timer | undefined;
  #waits = 0;
  #turn = 0;
  #discarded = 0;
  #lastError: DnsError | undefined;
  #finished = false;

  /** Begins at once, over the transport named first. `done` is called once, and only by `close` synchronously. */
  constructor(context: SeriesContext, servers: readonly Nameserver[], question: Question, transport: 'udp' | 'tcp', done: (outcome: SeriesResult | DnsError) => void) {
    this.#context = context;
    this.#servers = servers;
    this.#question = question;
    this.#transport = transport;
    this.#done = done;
    this.#total = afterSockets(context.clock, TOTAL, () => this.#finish(this.#lastError ?? this.#silence()));
    this.#next();
  }

  /** Ends with an error, at once. */
  close(): void {
    this.#finish(new DnsError('closed', 'the resolver was closed'));
  }

  #next(): void {
    this.#patience?.cancel();
    this.#patience = undefined;
    const patience = PATIENCE[this.#waits];
    const server = this.#nextServer();
    if (patience === undefined || server === undefined) {
      if (this.#open.size === 0) this.#finish(this.#lastError ?? this.#silence());
      return;
    }
    const { clock } = this.#context;
    const waited = (): void => {
      server.silent(clock.now());
      this.#waits += 1;
      this.#next();
    };
    this.#patience = afterSockets(clock, patience, waited);
    this.#ask(server, this.#transport, server.understandsEdns(clock.now()));
  }

  #nextServer(): Nameserver | undefined {
    for (let tried = 0; tried < this.#servers.length; tried += 1) {
      const server = this.#servers[this.#turn % this.#servers.length]!;
      this.#turn += 1;
      if (!this.#struck.has(server)) return server;
    }
    return undefined;
  }

  #ask(server: Nameserver, transport: 'udp' | 'tcp', edns: boolean): void {
    const query = encodeQuery(this.#question.name, this.#question.type, edns);
    const exchange = this.#context[transport].ask(server, query, {
      replied: (reply) => {
        this.#open.delete(exchange);
        server.answered();
        this.#replied(server, transport, edns, reply);
      },
      failed: (error) => {
        this.#open.delete(exchange);
        this.#strike(server, error);
      },
      discarded: () => {
        this.#discarded += 1;
      },
    });
    this.#open.add(exchange);
  }

  #replied(server: Nameserver, transport: 'udp' | 'tcp', edns: boolean, reply: Buffer): void {
    if (transport === 'udp' && isTruncated(reply)) {
      this.#patience?.cancel();
      this.#ask(server, 'tcp', edns);
      return;
    }
    let message: DnsMessage;
    try {
      message = decodeReply(reply);
    } catch (error) {
      this.#strike(server, error as DnsError);
      return;
    }
    const { rcode } = message;
    if (edns && (rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP || rcode === RCODE.BADVERS)) {
      server.wantsPlain(this.#context.clock.now());
      this.#ask(server, transport, false);
      return;
    }
    if ((rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) || isLame(message)) {
      this.#strike(server, new DnsError('server-failure', `${server.key} answered ${rcode === RCODE.NOERROR ? 'with a referral' : rcodeName(rcode)}`));
      return;
    }
    this.#finish({ message, server, transport, bytes: reply.length, discarded: this.#discarded });
  }

  /** This server is of no use for this question. */
  #strike(server: Nameserver, error: DnsError): void {
    if (this.#finished) return;
    this.#struck.add(server);
    this.#lastError = error;
    this.#next();
  }

  #silence(): DnsError {
    return new DnsError('timeout', `no answer within ${TOTAL} ms from ${this.#servers.map((server) => server.key).join(', ')}`);
  }

  #finish(outcome: SeriesResult | DnsError): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#total.cancel();
    this.#patience?.cancel();
    for (const exchange of this.#open) exchange.close();
    this.#open.clear();
    this.#done(outcome);
  }
}

/** A server that neither knows nor asks for us: nothing, not even a statement that there is nothing. */
function isLame(message: DnsMessage): boolean {
  return message.rcode === RCODE.NOERROR && message.answers.length === 0 && !message.authoritative && !message.recursionAvailable
    && !message.authorities.some((record) => record.type === 'SOA');
}
