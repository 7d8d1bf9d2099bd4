/**
 * The addresses of a host, as a person would write its name: an address, `localhost`, a name of the hosts file, or a name in DNS, where
 * a relative one is searched for as resolv.conf says. `reviews` and `reviews.shop` in a pod are relative; with ndots 5 so is almost
 * everything without a trailing dot.
 *
 * One family is used: without the pairing that SRV gives, an IPv4 and an IPv6 address of one instance would count as two.
 */
import { isIP } from 'node:net';
import type { LookupFacts } from '../core/endpoint.ts';
import { usableFamily } from './address.ts';
import { ofFamily } from './address-family.ts';
import { DnsError } from './dns-error.ts';
import { candidateNames } from './resolv-conf.ts';
import type { StubResolver } from './stub-resolver.ts';

export interface HostAddresses {
  readonly addresses: readonly string[];
  readonly complete: boolean;
  /** As `SourceAnswer.ttl`. */
  readonly ttl: number | undefined;
  /** Absent where nobody was asked. */
  readonly lookup?: LookupFacts | undefined;
}

/** Local files are read again every 5 s. */
const HOSTS_TTL = 5;

/**
 * The addresses of an absolute name: of the stub's family, and of the other one only where there are none. Addresses that nobody can
 * have are left out. The two questions never leave at the same time, nor from one socket: Linux loses one of two packets that race
 * through conntrack, which is where Kubernetes' five-second look-ups come from.
 */
export async function addressesOf(stub: StubResolver, name: string): Promise<HostAddresses> {
  const [first, second] = stub.family === 4 ? ['A', 'AAAA'] as const : ['AAAA', 'A'] as const;
  const preferred = await stub.lookup(name, first);
  const answer = preferred.records.length > 0 || !preferred.exists ? preferred : await stub.lookup(name, second);
  const addresses: string[] = [];
  const dropped: string[] = [];
  for (const { address } of answer.records) (usableFamily(address) === undefined ? dropped : addresses).push(address);
  return { addresses, complete: !answer.truncated, ttl: answer.ttl, lookup: answer.lookup && { ...answer.lookup, dropped } };
}

/** An IPv6 address as it stands in a URL is none to Node. */
export function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

/** Looks one host up, again and again. Remembers which of the searched names it was, so that later look-ups ask one question, not eight. */
export class HostLookup {
  readonly #stub: StubResolver;
  readonly #host: string;
  #found: string | undefined;

  constructor(stub: StubResolver, host: string) {
    this.#stub = stub;
    this.#host = withoutBrackets(host);
  }

  /** No addresses: the name does not exist, or has none. Rejects with DnsError where that is not known. */
  async resolve(): Promise<HostAddresses> {
    const host = this.#host;
    if (isIP(host) !== 0) return { addresses: [host], complete: true, ttl: Infinity };
    const lower = host.toLowerCase().replace(/\.$/, '');
    const inHosts = this.#stub.hosts.get(lower);
    if (inHosts !== undefined) return { addresses: ofFamily(inHosts, this.#stub.family), complete: true, ttl: HOSTS_TTL };
    if (lower === 'localhost' || lower.endsWith('.localhost')) return { addresses: ['127.0.0.1'], complete: true, ttl: Infinity };
    return this.#inDns();
  }

  async #inDns(): Promise<HostAddresses> {
    if (this.#found !== undefined) {
      const again = await addressesOf(this.#stub, this.#found);
      if (again.addresses.length > 0) return again;
    }
    let empty: HostAddresses | undefined;
    let failure: DnsError | undefined;
    for (const candidate of candidateNames(this.#host, this.#stub.search)) {
      try {
        const answer = await addressesOf(this.#stub, candidate);
        if (answer.addresses.length > 0) {
          this.#found = candidate;
          return answer;
        }
        empty ??= answer;
      } catch (error) {
        // A domain of the node's that always fails must not hide the names after it; a nameserver that is silent will be silent again.
        if (!(error instanceof DnsError) || error.kind !== 'server-failure') throw error;
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return empty ?? { addresses: [], complete: true, ttl: undefined };
  }
}
