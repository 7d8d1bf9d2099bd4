/**
 * StubResolver: asks nameservers for absolute names and says what they answered.
 *
 * Node's own resolver cannot be used for this: `resolveSrv` tells no TTL and no addresses, uses no EDNS, and its c-ares 1.34.6 fails on
 * answers of a few hundred endpoints, or leaves some out without saying so. `dns.lookup` knows no SRV and waits in libuv's thread pool.
 *
 * Equal questions that are under way at the same time are asked once. There is no cache: each name has one poller, and the poller's last
 * answer is the cache.
 */
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { followAliases } from './alias.ts';
import type { RecordsOf, StubAnswer } from './alias.ts';
import { DnsError } from './dns-error.ts';
import { parseHosts } from './hosts-file.ts';
import type { Hosts } from './hosts-file.ts';
import type { QueryType } from './message.ts';
import { canonicalName } from './name.ts';
import { parseNameservers } from './nameserver.ts';
import type { Nameserver } from './nameserver.ts';
import { ReloadingFile } from './reloading-file.ts';
import { fallbackResolvConf, parseResolvConf } from './resolv-conf.ts';
import type { ResolvConf } from './resolv-conf.ts';
import { Series } from './series.ts';
import type { SeriesResult } from './series.ts';
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
}

/** Sockets open at one time, over all names; questions beyond wait for one. */
const MAX_SOCKETS = 64;

export class StubResolver {
  readonly #clock: Clock;
  readonly #nameservers: readonly Nameserver[] | undefined;
  readonly #resolvConf: ReloadingFile<ResolvConf>;
  readonly #hosts: ReloadingFile<Hosts>;
  readonly #udp: UdpTransport;
  readonly #tcp: TcpTransport;
  readonly #underWay = new Map<string, Promise<SeriesResult>>();
  readonly #series = new Set<Series>();
  #closed = false;

  /** Throws MeshError POLICY_INVALID for a nameserver that is no address. */
  constructor(deps: StubResolverDeps) {
    this.#clock = deps.clock;
    this.#nameservers = deps.nameservers === undefined ? undefined : parseNameservers(deps.nameservers);
    this.#resolvConf = new ReloadingFile(deps.resolvConf ?? '/etc/resolv.conf', deps.clock, parseResolvConf, fallbackResolvConf);
    this.#hosts = new ReloadingFile(deps.hosts ?? '/etc/hosts', deps.clock, parseHosts, new Map());
    this.#udp = new UdpTransport(MAX_SOCKETS);
    this.#tcp = new TcpTransport(deps.clock);
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
    if (isNeverAsked(asked)) return { canonical: asked, records: [], additionals: [], exists: false, truncated: false, ttl: undefined, transport: undefined, bytes: 0 };
    return followAliases(asked, type, (alias) => this.#ask(alias, type));
  }

  /** Ends all look-ups with an error; nothing stays open. */
  close(): void {
    this.#closed = true;
    for (const series of this.#series) series.close();
    this.#tcp.close();
  }

  #ask(name: string, type: QueryType): Promise<SeriesResult> {
    if (this.#closed) return Promise.reject(new DnsError('closed', 'the resolver was closed'));
    const question = `${type} ${name}`;
    const underWay = this.#underWay.get(question);
    if (underWay !== undefined) return underWay;
    const asked = new Promise<SeriesResult>((resolve, reject) => {
      const servers = this.#nameservers ?? this.#resolvConf.value.nameservers;
      const series = new Series({ clock: this.#clock, udp: this.#udp, tcp: this.#tcp }, servers, name, type, (outcome) => {
        this.#series.delete(series);
        this.#underWay.delete(question);
        if (outcome instanceof DnsError) reject(outcome);
        else resolve(outcome);
      });
      this.#series.add(series);
    });
    this.#underWay.set(question, asked);
    return asked;
  }
}

/** Names that are answered without asking: RFC 6761 6.4, RFC 7686. */
function isNeverAsked(name: string): boolean {
  return /(?:^|\.)(?:invalid|onion)$/.test(name);
}
