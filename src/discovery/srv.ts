/**
 * SRV (RFC 2782): the only DNS answer that names ports, so the only one in which several instances may share an address.
 *
 * The addresses of the targets come from, in this order: the additional section ("glue": CoreDNS and Knot send all that fits, BIND none
 * beyond 13 targets), the target's own name (Kubernetes calls an endpoint without a name `10-0-0-1.<service>`), or an A look-up for
 * each. A target whose look-up fails keeps the addresses it had. A target with one address in either family is one endpoint with two
 * addresses; with several, nobody can say which belong together, and one family is used.
 *
 * A target that is the service itself is a ClusterIP: one address for all instances, and what happens there says nothing about any of them.
 *
 * Weights from CoreDNS are floor(100/n) for all alike and change with every scaling; equal weights are 1 here.
 */
import type { Endpoint } from '../core/endpoint.ts';
import { ordinalOf } from '../core/ordinal.ts';
import type { AddressFamily } from './address-family.ts';
import { addressOfDashedLabel, usableFamily } from './address.ts';
import type { StubAnswer } from './alias.ts';
import { DnsError } from './dns-error.ts';
import { addressesOf } from './host-addresses.ts';
import type { SrvRecord } from './message.ts';
import { distinct } from './source.ts';
import type { Source, SourceAnswer } from './source.ts';
import type { StubResolver } from './stub-resolver.ts';

const MAX_TARGET_LOOKUPS = 32;
/** What a record of weight 0 gets beside records with weight, as a share of the least of these: "a very small chance". */
const ZERO_WEIGHT_SHARE = 0.01;

export class SrvSource implements Source {
  readonly description: string;
  readonly #stub: StubResolver;
  readonly #name: string;
  /** What the targets of the last answer resolved to. */
  #known: ReadonlyMap<string, readonly string[]> = new Map();

  /** The name is absolute, with or without a trailing dot. */
  constructor(stub: StubResolver, name: string) {
    this.#stub = stub;
    this.#name = name.toLowerCase().replace(/\.$/, '');
    this.description = `srv ${this.#name}`;
  }

  async resolve(): Promise<SourceAnswer> {
    const answer = await this.#stub.lookup(this.#name, 'SRV');
    const records = answer.records.filter((record) => record.port !== 0 && record.target !== '');
    const glue = glueIn(answer, records, this.#stub.family);
    const lookup = answer.lookup && { ...answer.lookup, dropped: glue.dropped };
    if (records.length === 0) {
      const emptyForSure = answer.records.some((record) => record.target === '');
      return { endpoints: [], complete: !answer.truncated, ttl: answer.ttl, emptyForSure, lookup };
    }
    const { addresses, failure, ttl, bytes } = await this.#locate(records, glue, answer);
    this.#known = addresses;

    const weights = relativeWeights(records);
    const found = records.flatMap((record, index) => (addresses.get(record.target) ?? []).map((host): Endpoint => {
      const alternate = glue.alternate(record.target, host);
      const ordinal = ordinalIn(record.target);
      return {
        host, port: record.port, weight: weights[index]!, priority: record.priority,
        ...(alternate === undefined ? {} : { alternate }), ...(ordinal === undefined ? {} : { ordinal }),
      };
    }));
    // Nothing at all because nobody could say where anything is: that is not an empty service.
    if (found.length === 0 && failure !== undefined) throw failure;
    const { endpoints, cut } = distinct(found);
    const domain = domainOf(this.#name);
    return { endpoints, complete: !answer.truncated && !cut, ttl, virtual: records.every((record) => record.target === domain), lookup, bytes };
  }

  async #locate(records: readonly SrvRecord[], glue: Glue, answer: StubAnswer<SrvRecord>): Promise<Located> {
    const addresses = new Map<string, readonly string[]>();
    const missing: string[] = [];
    const domain = domainOf(this.#name);
    for (const { target } of records) {
      if (addresses.has(target)) continue;
      const known = glue.get(target) ?? dashedAddress(target, domain);
      addresses.set(target, known ?? []);
      if (known === undefined) missing.push(target);
    }
    let ttl = Math.min(answer.ttl ?? Infinity, glue.ttl);
    let bytes = answer.lookup?.bytes ?? 0;
    let failure: DnsError | undefined;
    const next = missing.values();
    const work = async (): Promise<void> => {
      for (const target of next) {
        try {
          const found = await addressesOf(this.#stub, target);
          addresses.set(target, found.addresses);
          ttl = Math.min(ttl, found.ttl ?? Infinity);
          bytes += found.lookup?.bytes ?? 0;
        } catch (error) {
          if (!(error instanceof DnsError)) throw error;
          failure ??= error;
          addresses.set(target, this.#known.get(target) ?? []);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(MAX_TARGET_LOOKUPS, missing.length) }, work));
    return { addresses, failure, ttl, bytes };
  }
}

interface Located {
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  readonly failure: DnsError | undefined;
  readonly ttl: number;
  readonly bytes: number;
}

class Glue {
  readonly dropped: string[] = [];
  readonly #family: AddressFamily;
  readonly #v4 = new Map<string, string[]>();
  readonly #v6 = new Map<string, string[]>();
  ttl = Infinity;

  constructor(family: AddressFamily) {
    this.#family = family;
  }

  add(type: 'A' | 'AAAA', target: string, address: string, ttl: number): void {
    const family = type === 'A' ? this.#v4 : this.#v6;
    const addresses = family.get(target);
    // Knot sends the same address once for each record that names it.
    if (addresses === undefined) family.set(target, [address]);
    else if (!addresses.includes(address)) addresses.push(address);
    this.ttl = Math.min(this.ttl, ttl);
  }

  /** An IPv4 and an IPv6 address of one target are one instance, so one family of it is used. */
  get(target: string): readonly string[] | undefined {
    const [first, second] = this.#byPreference(target);
    return first ?? second;
  }

  /** The other address of the target that is at this one. */
  alternate(target: string, host: string): string | undefined {
    const [first, second] = this.#byPreference(target);
    return first?.length === 1 && second?.length === 1 && first[0] === host ? second[0] : undefined;
  }

  #byPreference(target: string): readonly (readonly string[] | undefined)[] {
    const [v4, v6] = [this.#v4.get(target), this.#v6.get(target)];
    return this.#family === 4 ? [v4, v6] : [v6, v4];
  }
}

function glueIn(answer: StubAnswer, records: readonly SrvRecord[], family: AddressFamily): Glue {
  const targets = new Set(records.map((record) => record.target));
  const glue = new Glue(family);
  for (const record of answer.additionals) {
    if ((record.type !== 'A' && record.type !== 'AAAA') || !targets.has(record.name)) continue;
    if (usableFamily(record.address) === undefined) glue.dropped.push(record.address);
    else glue.add(record.type, record.name, record.address, record.ttl);
  }
  return glue;
}

/** `reviews.default.svc.cluster.local` of `_http._tcp.reviews.default.svc.cluster.local`. */
function domainOf(name: string): string {
  return name.replace(/^(?:_[^.]+\.)+/, '');
}

function dashedAddress(target: string, domain: string): readonly string[] | undefined {
  const dot = target.indexOf('.');
  if (dot === -1 || target.slice(dot + 1) !== domain) return undefined;
  const address = addressOfDashedLabel(target.slice(0, dot));
  return address === undefined ? undefined : [address];
}

/** Of a pod of a StatefulSet; a label that is an address is no name. */
function ordinalIn(target: string): number | undefined {
  return addressOfDashedLabel(target.split('.', 1)[0]!) === undefined ? ordinalOf(target)?.index : undefined;
}

/** Weights within each priority: 1 where all are equal, and never 0. */
function relativeWeights(records: readonly SrvRecord[]): readonly number[] {
  const byPriority = new Map<number, Set<number>>();
  for (const { priority, weight } of records) byPriority.set(priority, (byPriority.get(priority) ?? new Set<number>()).add(weight));
  return records.map(({ priority, weight }) => {
    const weights = byPriority.get(priority)!;
    if (weights.size === 1) return 1;
    if (weight > 0) return weight;
    return ZERO_WEIGHT_SHARE * Math.min(...[...weights].filter((other) => other > 0));
  });
}
