/**
 * The egress filter: which addresses and ports calls to hosts outside the policy may go to.
 *
 * A service that can be made to fetch a URL (request forgery) must not reach, through us, what only the machine itself should: the metadata
 * service of the cloud, which gives out credentials, or what listens on the pod's own loopback. A name says nothing of where it leads, and may
 * lead elsewhere the next time it is looked up (DNS rebinding); so what is judged is the address that a connection is about to be made to.
 */
import { BlockList, isIP } from 'node:net';
import type { AddressKind, EgressKnobs } from '../core/egress-knobs.ts';

/** IPv4-mapped IPv6 addresses are what they map, to BlockList; those of NAT64 (RFC 6052) are said here. */
const ranges: { readonly [Kind in AddressKind]: readonly string[] } = {
  // With the metadata addresses of clouds that have them elsewhere: AWS over IPv6, Alibaba.
  'link-local': ['169.254.0.0/16', 'fe80::/10', '64:ff9b::a9fe:0/112', 'fd00:ec2::254/128', '100.100.100.200/32', '64:ff9b::6464:64c8/128'],
  // Linux takes the unspecified address for the loopback.
  loopback: ['127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128', '64:ff9b::7f00:0/104', '64:ff9b::/104'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', '64:ff9b::a00:0/104', '64:ff9b::ac10:0/108', '64:ff9b::c0a8:0/112'],
};

interface Rule {
  readonly name: string;
  readonly addresses: BlockList;
}

interface Rules {
  readonly knobs: EgressKnobs;
  readonly deny: readonly Rule[];
  readonly allow: BlockList;
}

export class EgressFilter {
  readonly #knobs: () => EgressKnobs;
  #rules: Rules | undefined;

  constructor(knobs: () => EgressKnobs) {
    this.#knobs = knobs;
  }

  /** Why no call may go to this port; undefined: it may. */
  portProblem(port: number): string | undefined {
    const { ports } = this.#knobs();
    return ports === 'any' || ports.includes(port) ? undefined : `port ${port} is not in egress.ports`;
  }

  /** Why no connection may be made to this IP address; undefined: it may. What is no address is none of this. */
  addressProblem(address: string): string | undefined {
    const family = isIP(address);
    if (family === 0) return undefined;
    const { deny, allow } = this.#rulesNow();
    const type = family === 4 ? 'ipv4' : 'ipv6';
    const rule = deny.find(({ addresses }) => addresses.check(address, type));
    if (rule === undefined || allow.check(address, type)) return undefined;
    return `${address} is ${rule.name in ranges ? rule.name : `in ${rule.name}`}, which egress.deny names`;
  }

  #rulesNow(): Rules {
    const knobs = this.#knobs();
    if (this.#rules?.knobs !== knobs) {
      this.#rules = { knobs, deny: knobs.deny.map((name) => ({ name, addresses: listOf(ranges[name as AddressKind] ?? [name]) })), allow: listOf(knobs.allow) };
    }
    return this.#rules;
  }
}

/** Of addresses and ranges, checked when the policy was loaded. */
function listOf(all: readonly string[]): BlockList {
  const list = new BlockList();
  for (const each of all) {
    const [address, bits] = each.split('/') as [string, string?];
    const type = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    list.addSubnet(address, bits === undefined ? (type === 'ipv4' ? 32 : 128) : Number(bits), type);
  }
  return list;
}
