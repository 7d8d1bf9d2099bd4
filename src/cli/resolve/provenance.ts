/**
 * Which record each endpoint comes of, and what became of the records that none comes of. The endpoints are the client's own; here they are
 * only traced back. Every SRV record and every address that was answered is found in one of the two lists.
 */
import { endpointKey } from '../../core/endpoint.ts';
import type { Endpoint } from '../../core/endpoint.ts';
import { addressOfDashedLabel, usableFamily } from '../../discovery/address.ts';
import type { AddressFamily } from '../../discovery/address-family.ts';
import type { AddressRecord, DnsMessage, DnsRecord, SrvRecord } from '../../discovery/message.ts';
import type { Lookup } from './recorder.ts';
import type { DroppedReport, EndpointReport } from './report.ts';

export interface Provenance {
  readonly endpoints: readonly EndpointReport[];
  readonly dropped: readonly DroppedReport[];
}

type Dropped = Omit<DroppedReport, 'times'>;

const IMPOSSIBLE = 'no server can have this address (unspecified, multicast, broadcast, or link-local)';
const NOBODYS = 'not of the name that was asked for, nor of what that is an alias of';
const TWICE = 'the same address twice';

/** Of an SRV look-up: the first of `lookups`; those of targets follow. */
export function srvProvenance(used: readonly Endpoint[], lookups: readonly Lookup[], messages: readonly DnsMessage[], family: AddressFamily): Provenance {
  const [service, ...targets] = lookups;
  const records = (service?.answer?.records ?? []).filter((record) => record.type === 'SRV');
  const glue = (service?.answer?.additionals ?? []).filter(isAddress);
  const named = new Set(records.map((record) => record.target));
  const dropped = nobodys(lookups, messages);
  for (const record of glue) if (!named.has(record.name)) dropped.push({ record: shown(record), reason: 'no SRV record of the answer has this target' });
  const glued = addressesByName(glue.filter((record) => named.has(record.name)), dropped);
  const lookedUp = addressesByName(targets.flatMap(({ answer }) => answer?.records ?? []).filter(isAddress), dropped, aliasesOf(targets));

  const byKey = new Map(used.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const listed = new Set<string>();
  const endpoints: EndpointReport[] = [];
  for (const record of records) {
    const lacks = useless(record);
    if (lacks !== undefined) {
      dropped.push({ record: shown(record), reason: lacks });
      continue;
    }
    const { target, port, priority, weight } = record;
    const [from, addresses] = located(target, glued, lookedUp, targets);
    if (addresses.length === 0) dropped.push({ record: shown(record), reason: whyNowhere(target, targets) });
    for (const { address: host, ttl } of addresses) {
      const key = endpointKey({ host, port });
      const endpoint = byKey.get(key);
      if (endpoint !== undefined && !listed.has(key)) {
        listed.add(key);
        endpoints.push({ host, port, priority, weight, effectiveWeight: endpoint.weight, target, ttl: Math.min(record.ttl, ttl), from });
      } else {
        const reason = endpoint !== undefined ? `${key} is there already` : usableFamily(host) === family ? 'more endpoints than one name may have' : 'its target has an address of the other family, which is used';
        dropped.push({ record: `${shown(record)}, ${host}`, reason });
      }
    }
  }
  return { endpoints, dropped: grouped(dropped) };
}

/** Of addresses without ports. `found` are those in use; where no look-up brought them, `local` says what did. */
export function addressProvenance(found: readonly string[], lookups: readonly Lookup[], messages: readonly DnsMessage[], local: EndpointReport['from'], name: string): Provenance {
  const dropped = nobodys(lookups, messages);
  const answered = [...addressesByName(lookups.flatMap(({ answer }) => answer?.records ?? []).filter(isAddress), dropped).values()].flat();
  const endpoint = (host: string, target: string, ttl: number | null, from: EndpointReport['from']): EndpointReport => (
    { host, port: null, priority: 0, weight: 1, effectiveWeight: 1, target, ttl, from });
  if (lookups.length === 0) return { endpoints: found.map((host) => endpoint(host, name, null, local)), dropped: [] };
  return { endpoints: answered.map((record) => endpoint(record.address, record.name, record.ttl, 'answer')), dropped: grouped(dropped) };
}

/** What is usable, by owner or by what that is an alias of; the rest goes to `dropped`. */
function addressesByName(records: readonly AddressRecord[], dropped: Dropped[], aliases: ReadonlyMap<string, readonly string[]> = new Map()): Map<string, AddressRecord[]> {
  const byName = new Map<string, AddressRecord[]>();
  for (const record of records) {
    for (const name of aliases.get(record.name) ?? [record.name]) {
      const addresses = byName.get(name);
      if (usableFamily(record.address) === undefined) dropped.push({ record: shown(record), reason: IMPOSSIBLE });
      else if (addresses === undefined) byName.set(name, [record]);
      else if (addresses.some((known) => known.address === record.address)) dropped.push({ record: shown(record), reason: TWICE });
      else addresses.push(record);
    }
  }
  return byName;
}

/** Targets by the name that they turned out to be an alias of. */
function aliasesOf(targets: readonly Lookup[]): Map<string, string[]> {
  const aliases = new Map<string, string[]>();
  for (const { name, answer } of targets) {
    if (answer === undefined) continue;
    const names = aliases.get(answer.canonical) ?? [];
    if (!names.includes(name)) aliases.set(answer.canonical, [...names, name]);
  }
  return aliases;
}

type Addresses = ReadonlyMap<string, readonly AddressRecord[]>;

/** As the client looks for them: the answer's own additional records, then what the name itself says, then what looking it up gave. */
function located(target: string, glued: Addresses, lookedUp: Addresses, targets: readonly Lookup[]): [EndpointReport['from'], readonly { address: string; ttl: number }[]] {
  const inGlue = glued.get(target);
  if (inGlue !== undefined) return ['glue', inGlue];
  if (targets.some((lookup) => lookup.name === target)) return ['look-up', lookedUp.get(target) ?? []];
  const dashed = addressOfDashedLabel(target.split('.', 1)[0]!);
  return ['dashed name', dashed === undefined ? [] : [{ address: dashed, ttl: Infinity }]];
}

function useless({ target, port }: SrvRecord): string | undefined {
  if (target === '') return 'target "." says that the service is not available here';
  return port === 0 ? 'port 0' : undefined;
}

function whyNowhere(target: string, targets: readonly Lookup[]): string {
  const lookups = targets.filter((lookup) => lookup.name === target);
  const error = lookups.find((lookup) => lookup.error !== undefined)?.error;
  if (error !== undefined) return `the address of its target is not known: ${error.message}`;
  return lookups.some(({ answer }) => answer?.exists === false) ? 'its target does not exist' : 'its target has no address';
}

/** Answers that the resolver passes over because of whose they are. */
function nobodys(lookups: readonly Lookup[], messages: readonly DnsMessage[]): Dropped[] {
  const asked = new Set(lookups.map(({ type, answer }) => `${type} ${answer?.canonical}`));
  return messages.flatMap(({ answers }) => answers)
    .filter((record) => (isAddress(record) || record.type === 'SRV') && !asked.has(`${record.type} ${record.name}`))
    .map((record) => ({ record: shown(record), reason: NOBODYS }));
}

/** Servers repeat themselves: Knot sends an address once for each record that needs it. */
function grouped(dropped: readonly Dropped[]): DroppedReport[] {
  const groups = new Map<string, DroppedReport>();
  for (const { record, reason } of dropped) {
    const key = `${record}\n${reason}`;
    groups.set(key, { record, reason, times: (groups.get(key)?.times ?? 0) + 1 });
  }
  return [...groups.values()];
}

function isAddress(record: DnsRecord): record is AddressRecord {
  return record.type === 'A' || record.type === 'AAAA';
}

/** As in a zone file, without trailing dots. */
function shown(record: DnsRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return `${record.name} ${record.type} ${record.address}`;
    case 'SRV':
      return `SRV ${record.priority} ${record.weight} ${record.port} ${record.target === '' ? '.' : record.target}`;
    case 'CNAME':
      return `${record.name} CNAME ${record.target}`;
    case 'SOA':
      return `${record.name} SOA`;
  }
}
