/**
 * Zones: where addresses are, as networks say it: `10.1.0.0/16: eu-west-1a`. Of several networks that an address is in, the
 * smallest counts (longest prefix), as in a routing table.
 *
 * A look-up takes as many steps as there are lengths of prefixes; it is made once for each endpoint that is new, not for a request.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { Endpoint } from './endpoint.ts';

/** Zones by their networks, as they are written. */
export type ZoneTable = ReadonlyMap<string, string>;

/** A network as the bits that all of its addresses begin with, after the family: `4:00001010`. Undefined where the text is no network, or has bits beyond its prefix. */
export function networkOf(cidr: string): string | undefined {
  const [address = '', prefix = '', ...more] = cidr.split('/');
  const bits = bitsOf(address);
  if (bits === undefined || more.length > 0 || !/^\d{1,3}$/.test(prefix)) return undefined;
  const length = FAMILY.length + Number(prefix);
  return length > bits.length || bits.includes('1', length) ? undefined : bits.slice(0, length);
}

const FAMILY = '4:';

/** Undefined where it is no IP address. */
function bitsOf(address: string): string | undefined {
  if (isIPv4(address)) return `4:${address.split('.').map((part) => binary(Number(part), 8)).join('')}`;
  if (!isIPv6(address) || address.includes('%')) return undefined;
  // In its canonical form all groups are hexadecimal, and at most one `::` stands for as many of 0 as are missing.
  const [before = '', after] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(':')).map((group) => binary(Number.parseInt(group, 16), 16)).join('');
  const [head, tail] = [groups(before), groups(after)];
  return `6:${head}${'0'.repeat(128 - head.length - tail.length)}${tail}`;
}

function binary(value: number, digits: number): string {
  return value.toString(2).padStart(digits, '0');
}

/** Where this process and the endpoints are; another object wherever that changed. */
export class Zones {
  /** Of this process; undefined where nobody said, and no network of its addresses has one. */
  readonly own: string | undefined;
  readonly #byNetwork = new Map<string, string>();
  /** Of the networks, the longest first. */
  readonly #lengths: readonly number[];

  /** `said`: of this process; else it is that of the first of its `addresses` that is in a network. */
  constructor(table: ZoneTable, said: string | undefined, addresses: () => readonly string[]) {
    for (const [cidr, zone] of table) this.#byNetwork.set(networkOf(cidr)!, zone);
    this.#lengths = [...new Set([...this.#byNetwork.keys()].map((network) => network.length))].sort((a, b) => b - a);
    this.own = said ?? (table.size === 0 ? undefined : this.#first(addresses()));
  }

  /** As whoever named the endpoint said it, else by its address. */
  of({ zone, host, alternate }: Pick<Endpoint, 'zone' | 'host' | 'alternate'>): string | undefined {
    if (zone !== undefined || this.#lengths.length === 0) return zone;
    return this.#first(alternate === undefined ? [host] : [host, alternate]);
  }

  #first(addresses: readonly string[]): string | undefined {
    for (const address of addresses) {
      const bits = bitsOf(address);
      if (bits === undefined) continue;
      for (const length of this.#lengths) {
        const zone = this.#byNetwork.get(bits.slice(0, length));
        if (zone !== undefined) return zone;
      }
    }
    return undefined;
  }
}

/** Nobody knows where anybody is. */
export const noZones = new Zones(new Map(), undefined, () => []);
