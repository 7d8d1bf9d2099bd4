/**
 * StubResolver: asks nameservers for absolute names and says what they answered.
 *
 * Node's own resolver cannot be used for this: `resolveSrv` tells no TTL and no addresses, uses no EDNS, and its c-ares 1.34.6 fails on
 * answers of a few hundred endpoints, or leaves some out without saying so. `dns.lookup` knows no SRV and waits in libuv's thread pool.
 *
 * Equal questions that are under way at the same time are asked once. There is no cache: each name has one poller, and the poller's last
 * answer is the cache.
 */
import type { Clock, Millis } from '../core/clock.ts';
import { below } from '../core/random.ts';
import type { Random } from '../core/random.ts';
import { followAliases } from './alias.ts';
import type { RecordsOf, StubAnswer } from './alias.ts';
import { reachableFamily } from './address-family.ts';
import type { AddressFamily } from './address-family.ts';
import { DnsError } from './dns-error.ts';
import { parseHosts } from './hosts-file.ts';
import type { Hosts } from './hosts-file.ts';
import type { QueryType } from './message.ts';
import { canonicalName } from './name.ts';
import { inOrder, parseNameservers } from './nameserver.ts';
import type { Nameserver } from './nameserver.ts';
import { observed } from './observer.ts';
import type { ExchangeObserver } from './observer.ts';
import { ReloadingFile } from './reloading-file.ts';
import { fallbackResolvConf, parseResolvConf } from './resolv-conf.ts';
import type { ResolvConf } from './resolv-conf.ts';
import { Series } from './series.ts';
import type { Question, SeriesContext, SeriesResult } from './series.ts';
import { TcpTransport } from './tcp.ts';
import { UdpTransport } from './udp.ts';

export interface StubResolverDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** `ip`, `ip:port` or `[ipv6]:port`; where undefined, those of resolv.conf. */
  readonly nameservers?: readonly string[] | undefined;
  /** Path; default `/etc/resolv.conf`. */
  readonly resolvConf?: string | undefined;
  /** Path; default `/etc/hosts`. */
  readonly hosts?: string | undefined;
  /** Of a host with addresses of both, which is used. Default: what this machine can reach, IPv4 where both. */
  readonly family?: AddressFamily | undefined;
  /** Told of every query and of what came back. */
  readonly observer?: ExchangeObserver | undefined;
}

/** Sockets open at one time, over all names; questions beyond wait for one. */
const MAX_SOCKETS = 64;
/** For so long a question whose answer did not fit into UDP is asked over TCP from the start. */
const TCP_REMEMBERED: Millis = 10 * 60_000;
/** Questions remembered so; far more than a process has services. */
const MAX_REMEMBERED = 4096;

export class StubResolver {
  /** Of a host with addresses of both families, which is used. */
  readonly family: AddressFamily;
  readonly #clock: Clock;
  readonly #nameservers: readonly Nameserver[] | undefined;
  readonly #resolvConf: ReloadingFile<ResolvConf>;
  readonly #hosts: ReloadingFile<Hosts>;
  readonly #context: SeriesContext;
  readonly #tcp: TcpTransport;
  readonly #underWay = new Map<string, Promise<SeriesResult>>();
  readonly #series = new Set<Series>();
  /** Questions whose answers need TCP, and until when that is believed. */
  readonly #needsTcp = new Map<string, Millis>();
  /** Counts look-ups, from anywhere: with `rotate`, processes that start together should not all begin with the first server. */
  #turn: number;
  #closed = false;

  /** Throws MeshError POLICY_INVALID for a nameserver that is no address. */
  constructor(deps: StubResolverDeps) {
    this.family = deps.family ?? reachableFamily();
    this.#clock = deps.clock;
    this.#turn = below(deps.random, 1024);
    this.#nameservers = deps.nameservers === undefined ? undefined : parseNameservers(deps.nameservers);
    this.#resolvConf = new ReloadingFile(deps.resolvConf ?? '/etc/resolv.conf', deps.clock, (text) => parseResolvConf(text, process.env), fallbackResolvConf());
    this.#hosts = new ReloadingFile(deps.hosts ?? '/etc/hosts', deps.clock, parseHosts, new Map());
    this.#tcp = new TcpTransport(deps.clock);
    const context = { clock: deps.clock, udp: new UdpTransport(MAX_SOCKETS), tcp: this.#tcp };
    this.#context = deps.observer === undefined ? context : observed(context, deps.observer);
  }

  /** How relative names become absolute, from resolv.conf. */
  get search(): Pick<ResolvConf, 'search' | 'ndots'> {
    return this.#resolvConf.value;
  }

  /** The names that need no DNS. */
  get hosts(): Hosts {
    return this.#hosts.value;
  }

  /**
   * Asks for an absolute name, with or without the trailing dot, and follows aliases. Rejects with DnsError alone, and only where there
   * is no answer: a name or record that does not exist is an answer without records.
   */
  async lookup<T extends QueryType>(name: string, type: T): Promise<StubAnswer<RecordsOf<T>>> {
    const asked = canonicalName(name);
    if (isNeverAsked(asked)) return { canonical: asked, records: [], additionals: [], exists: false, truncated: false, ttl: undefined, lookup: undefined };
    return followAliases(asked, type, (alias) => this.#ask({ name: alias, type }), () => this.#clock.now());
  }

  /** Ends all look-ups with an error; nothing stays open. */
  close(): void {
    this.#closed = true;
    for (const series of this.#series) series.close();
    this.#tcp.close();
  }

  #ask(question: Question): Promise<SeriesResult> {
    if (this.#closed) return Promise.reject(new DnsError('closed', 'the resolver was closed'));
    const key = `${question.type} ${question.name}`;
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const asked = new Promise<SeriesResult>((resolve, reject) => {
      const series = new Series(this.#context, this.#servers(), question, this.#transportFor(key), (outcome) => {
        this.#series.delete(series);
        this.#underWay.delete(key);
        this.#remember(key, outcome);
        if (outcome instanceof DnsError) reject(outcome);
        else resolve(outcome);
      });
      this.#series.add(series);
    });
    this.#underWay.set(key, asked);
    return asked;
  }

  #servers(): readonly Nameserver[] {
    const { nameservers, rotate } = this.#resolvConf.value;
    const turn = rotate ? this.#turn : 0;
    this.#turn += 1;
    return inOrder(this.#nameservers ?? nameservers, turn, this.#clock.now());
  }

  #transportFor(key: string): 'udp' | 'tcp' {
    const until = this.#needsTcp.get(key);
    return this.#resolvConf.value.overTcp || (until !== undefined && this.#clock.now() < until) ? 'tcp' : 'udp';
  }

  /** An answer of 300 endpoints does not fit into UDP the next time either. Where TCP failed, UDP is tried first again. */
  #remember(key: string, outcome: SeriesResult | DnsError): void {
    if (outcome instanceof DnsError || outcome.transport === 'udp') {
      this.#needsTcp.delete(key);
      return;
    }
    const now = this.#clock.now();
    if (now < (this.#needsTcp.get(key) ?? -Infinity)) return;
    if (this.#needsTcp.size >= MAX_REMEMBERED) this.#needsTcp.clear();
    this.#needsTcp.set(key, now + TCP_REMEMBERED);
  }
}

/** Names that are answered without asking: RFC 6761 6.4, RFC 7686. */
function isNeverAsked(name: string): boolean {
  return /(?:^|\.)(?:invalid|onion)$/.test(name);
}
