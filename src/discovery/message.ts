/**
 * DNS messages: a query to bytes, a reply to the few record types that discovery reads. All of dns-packet's use is here.
 */
import { randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import type { Answer } from 'dns-packet';
import { lazily } from '../core/lazily.ts';
import { DnsError } from './dns-error.ts';
import { HEADER_BYTES, scanMessage } from './scan.ts';

/** Loaded for the first look-up: endpoints that are listed, in the policy or in files, need none. */
const dnsPacket = lazily(() => createRequire(import.meta.url)('dns-packet') as typeof import('dns-packet'));

export type QueryType = 'A' | 'AAAA' | 'SRV';

/** Names are lower case, without the trailing dot; the root is the empty string. TTLs are seconds. */
export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly ttl: number; readonly address: string }
  | { readonly type: 'SRV'; readonly name: string; readonly ttl: number; readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
  | { readonly type: 'CNAME'; readonly name: string; readonly ttl: number; readonly target: string }
  | { readonly type: 'SOA'; readonly name: string; readonly ttl: number; readonly minimum: number };

export type SrvRecord = Extract<DnsRecord, { type: 'SRV' }>;
export type AddressRecord = Extract<DnsRecord, { type: 'A' | 'AAAA' }>;

export interface DnsMessage {
  /** With the upper bits of OPT: 16 is BADVERS. */
  readonly rcode: number;
  /** The server left records out, even though this came over TCP. */
  readonly truncated: boolean;
  readonly authoritative: boolean;
  readonly recursionAvailable: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;

const rcodeNames: ReadonlyMap<number, string> = new Map(Object.entries(RCODE).map(([name, code]) => [code, name]));

export function rcodeName(rcode: number): string {
  return rcodeNames.get(rcode) ?? `RCODE${rcode}`;
}

/** What fits into one unfragmented datagram on any path (DNS flag day 2020; RFC 9715 allows 1400). */
const EDNS_UDP_BYTES = 1232;

/**
 * One question, recursion desired. With OPT where `edns`, which carries no options: until late 2026 CoreDNS sent cookies and
 * keepalives back unread. The id is 0; each attempt gets its own from `withId`.
 */
export function encodeQuery(name: string, type: QueryType, edns: boolean): Buffer {
  const { encode, RECURSION_DESIRED } = dnsPacket();
  return encode({
    type: 'query',
    flags: RECURSION_DESIRED,
    questions: [{ name, type, class: 'IN' }],
    additionals: edns ? [{ type: 'OPT', name: '.', udpPayloadSize: EDNS_UDP_BYTES, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }] : [],
  });
}

/** A copy of the query with an id that nobody can guess: it is part of what keeps forged replies out, so it comes from the system's secure source. */
export function withId(query: Buffer): Buffer {
  const copy = Buffer.from(query);
  copy.writeUInt16BE(randomInt(65_536), 0);
  return copy;
}

const QR_BIT = 0x8000;
const OPCODE_BITS = 0x7800;
const TC_BIT = 0x0200;
const AA_BIT = 0x0400;
const RA_BIT = 0x0080;

/** The server cut the reply, possibly in the middle of a record: only its header may be read. */
export function isTruncated(reply: Buffer): boolean {
  return (reply.readUInt16BE(2) & TC_BIT) !== 0;
}

/**
 * Whether the reply answers this query: response bit, opcode, id and question are right (RFC 5452 9.1). Whatever else arrives was
 * meant for somebody else or forged, and is not a reason to stop waiting.
 */
export function isReplyTo(query: Buffer, reply: Buffer): boolean {
  if (reply.length < HEADER_BYTES || reply.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  const flags = reply.readUInt16BE(2);
  if ((flags & QR_BIT) === 0 || (flags & OPCODE_BITS) !== 0) return false;
  const questions = reply.readUInt16BE(4);
  // Who could not read the question cannot repeat it.
  if (questions === 0) return (flags & 0xf) === RCODE.FORMERR || (flags & 0xf) === RCODE.NOTIMP;
  return questions === 1 && sameQuestion(query, reply);
}

/** Compares bytes, letters without case. Length bytes are below 64, and so are the types and classes we ask for: none is a letter. */
function sameQuestion(query: Buffer, reply: Buffer): boolean {
  let at = HEADER_BYTES;
  while (query[at] !== 0) at += query[at]! + 1;
  const end = at + 5;
  if (reply.length < end) return false;
  for (at = HEADER_BYTES; at < end; at += 1) {
    if (lowerCase(query[at]!) !== lowerCase(reply[at]!)) return false;
  }
  return true;
}

function lowerCase(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}

/** Throws DnsError `malformed`, and nothing else, whatever the bytes are. */
export function decodeReply(bytes: Buffer): DnsMessage {
  const { message, extendedRcode } = scanMessage(bytes);
  const flags = message.readUInt16BE(2);
  let packet;
  try {
    packet = dnsPacket().decode(message);
  } catch (error) {
    throw new DnsError('malformed', 'malformed DNS message', error);
  }
  const asked = canonical(packet.questions?.[0]?.name ?? '');
  return {
    rcode: (extendedRcode << 4) | (flags & 0xf),
    truncated: (flags & TC_BIT) !== 0,
    authoritative: (flags & AA_BIT) !== 0,
    recursionAvailable: (flags & RA_BIT) !== 0,
    answers: readRecords(packet.answers, asked),
    authorities: readRecords(packet.authorities, asked),
    additionals: readRecords(packet.additionals, asked),
  };
}

function readRecords(section: readonly Answer[] | undefined, asked: string): DnsRecord[] {
  const records: DnsRecord[] = [];
  for (const answer of section ?? []) {
    const record = readRecord(answer, answer.name === '.' ? asked : canonical(answer.name));
    if (record !== undefined) records.push(record);
  }
  return records;
}

/** The scan has left only these types, of class IN. */
function readRecord(answer: Answer, name: string): DnsRecord | undefined {
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return { type: answer.type, name, ttl: answer.ttl ?? 0, address: answer.data };
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = answer.data;
      return { type: 'SRV', name, ttl: answer.ttl ?? 0, priority, weight, port, target: canonical(target) };
    }
    case 'CNAME':
      return { type: 'CNAME', name, ttl: answer.ttl ?? 0, target: canonical(answer.data) };
    case 'SOA':
      return { type: 'SOA', name, ttl: answer.ttl ?? 0, minimum: answer.data.minimum ?? 0 };
    default:
      return undefined;
  }
}

function canonical(name: string): string {
  return name === '.' ? '' : name.toLowerCase();
}
