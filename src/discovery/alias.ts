/**
 * CNAME chains (RFC 1034 3.6.2). They are followed inside a reply first, in any order; a server that only knows its own zone answers
 * with the alias alone, and then the target is asked for. At most eight links, none twice.
 */
import type { Millis } from '../core/clock.ts';
import type { LookupFacts } from '../core/endpoint.ts';
import { DnsError } from './dns-error.ts';
import { RCODE, rcodeName } from './message.ts';
import type { AddressRecord, DnsMessage, DnsRecord, QueryType, SrvRecord } from './message.ts';
import type { SeriesResult } from './series.ts';

/** What the nameservers said. No records means that they said there are none. */
export interface StubAnswer<R extends DnsRecord = DnsRecord> {
  /** The name asked for, or what it is an alias of. */
  readonly canonical: string;
  /** Of the type asked for, owned by `canonical`. */
  readonly records: readonly R[];
  readonly additionals: readonly DnsRecord[];
  readonly exists: boolean;
  /** Records are missing, even over TCP. */
  readonly truncated: boolean;
  /** Seconds, the least of the records used. Of an empty answer its negative TTL (RFC 2308), undefined where the server gave none. */
  readonly ttl: number | undefined;
  /** Of the last reply, where an alias took several. Undefined where nobody was asked. */
  readonly lookup: Omit<LookupFacts, 'dropped'> | undefined;
}

export type RecordsOf<T extends QueryType> = T extends 'SRV' ? SrvRecord : AddressRecord;

const MAX_LINKS = 8;

export async function followAliases<T extends QueryType>(asked: string, type: T, ask: (name: string) => Promise<SeriesResult>, now: () => Millis): Promise<StubAnswer<RecordsOf<T>>> {
  const seen = new Set([asked]);
  const began = now();
  let canonical = asked;
  let ttl = Infinity;
  for (;;) {
    const result = await ask(canonical);
    const { message } = result;
    const links = aliasesIn(message);
    const first = canonical;
    for (let link = links.get(canonical); link !== undefined; link = links.get(canonical)) {
      ttl = Math.min(ttl, link.ttl);
      canonical = link.target;
      if (seen.has(canonical)) throw new DnsError('alias', `${asked}: its aliases lead back to ${canonical}`);
      if (seen.size > MAX_LINKS) throw new DnsError('alias', `${asked}: more than ${MAX_LINKS} aliases in a row`);
      seen.add(canonical);
    }
    const records = message.answers.filter((record) => record.type === type && record.name === canonical);
    for (const record of records) ttl = Math.min(ttl, record.ttl);
    const negative = negativeTtl(message);
    const unfinished = records.length === 0 && canonical !== first && message.rcode === RCODE.NOERROR && negative === undefined;
    if (unfinished) continue;
    const { truncated } = message;
    const effectiveTtl = records.length === 0 ? negative : ttl;
    return {
      canonical,
      records: records as RecordsOf<T>[],
      additionals: message.additionals,
      exists: message.rcode !== RCODE.NXDOMAIN,
      truncated,
      ttl: effectiveTtl,
      lookup: {
        server: result.server.key, transport: result.transport, duration: now() - began, bytes: result.bytes,
        rcode: rcodeName(message.rcode), ttl: effectiveTtl, truncated, discarded: result.discarded,
      },
    };
  }
}

function aliasesIn(message: DnsMessage): Map<string, { target: string; ttl: number }> {
  const links = new Map<string, { target: string; ttl: number }>();
  for (const record of message.answers) {
    if (record.type !== 'CNAME') continue;
    const known = links.get(record.name);
    if (known !== undefined && known.target !== record.target) throw new DnsError('malformed', `malformed DNS message: ${record.name} is an alias of two names`);
    links.set(record.name, record);
  }
  return links;
}

/** RFC 2308: the smaller of the SOA's own TTL and its MINIMUM. */
function negativeTtl(message: DnsMessage): number | undefined {
  const soa = message.authorities.find((record) => record.type === 'SOA');
  return soa?.type === 'SOA' ? Math.min(soa.ttl, soa.minimum) : undefined;
}
