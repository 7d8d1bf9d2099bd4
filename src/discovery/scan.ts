/**
 * A structural scan of a DNS message, run before dns-packet sees it.
 *
 * dns-packet 5.6.1 trusts its input. It ignores RDLENGTH for addresses (a record that is cut off decodes as `10.0.undefined.undefined`,
 * or as a shorter and valid IPv6 address), starts over at byte 0 when a TXT record runs past the end (37 bytes cost half a second and
 * 100 MB), follows compression pointers without limit (64 KB cost 755 ms), and joins labels by dots without escaping, so that one
 * label `a.test` equals two. After this scan none of that can happen: every record lies inside the message, every RDATA that will be
 * decoded has exactly the length of what is in it, and the work of expanding names is bounded.
 *
 * Record types that discovery does not read are renamed, in a copy, to one that dns-packet skips, so its decoders for them never run.
 * OPT is among these; what it says is read here.
 */
import { DnsError } from './dns-error.ts';

export const HEADER_BYTES = 12;

/** The smallest record: root owner, type, class, TTL, RDLENGTH. */
const MIN_RECORD_BYTES = 11;
const MIN_QUESTION_BYTES = 5;
/** RFC 1035 2.3.4, with length bytes and root. */
const MAX_NAME_BYTES = 255;
/** Real servers nest one or two; dns-packet has no limit. */
const MAX_POINTERS = 16;
/**
 * Labels and pointers in a whole message. dns-packet takes about 0.1 µs for each. The largest real answers have some 33,000: 4,092
 * addresses with an owner of seven labels, or 998 SRV with their glue.
 */
const MAX_NAME_STEPS = 40_000;

const TYPE = { A: 1, CNAME: 5, SOA: 6, AAAA: 28, SRV: 33, OPT: 41 } as const;
const CLASS_IN = 1;
/** Of the private use range: dns-packet knows no decoder for it. */
const UNREAD_TYPE = 65280;

export interface ScannedMessage {
  /** Safe for dns-packet. The message itself, or a copy in which unread records are renamed. */
  readonly message: Buffer;
  /** Upper eight bits of the response code, from OPT; 0 where there is none. */
  readonly extendedRcode: number;
}

/** Throws DnsError `malformed`, and nothing else, whatever the bytes are. Takes less than 1 ms for 64 KB. */
export function scanMessage(bytes: Buffer): ScannedMessage {
  return new Scan(bytes).run();
}

class Scan {
  readonly #bytes: Buffer;
  #copy: Buffer | undefined;
  #steps = 0;
  #extendedRcode: number | undefined;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  run(): ScannedMessage {
    const bytes = this.#bytes;
    if (bytes.length < HEADER_BYTES || bytes.length > 65_535) throw malformed(`${bytes.length} bytes long`);
    const questions = bytes.readUInt16BE(4);
    const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
    if (questions > 1) throw malformed(`${questions} questions`);
    if (HEADER_BYTES + questions * MIN_QUESTION_BYTES + records * MIN_RECORD_BYTES > bytes.length) throw malformed('more records than bytes');

    let at = HEADER_BYTES;
    if (questions === 1) {
      at = this.#name(at, bytes.length, 'printable') + 4;
      if (at > bytes.length) throw malformed('question cut off');
    }
    for (let record = 0; record < records; record += 1) at = this.#record(at);
    if (at !== bytes.length) throw malformed(`${bytes.length - at} bytes after the last record`);
    return { message: this.#copy ?? bytes, extendedRcode: this.#extendedRcode ?? 0 };
  }

  /** Returns where the next one begins. */
  #record(at: number): number {
    const bytes = this.#bytes;
    const fixed = this.#name(at, bytes.length, 'any');
    const data = fixed + 10;
    if (data > bytes.length) throw malformed('record cut off');
    const end = data + bytes.readUInt16BE(fixed + 8);
    if (end > bytes.length) throw malformed('record data cut off');

    const type = bytes.readUInt16BE(fixed);
    // Its top bit means something to mDNS alone; dns-packet would take it off and read 0x8001 as IN.
    if (type !== TYPE.OPT && bytes.readUInt16BE(fixed + 2) !== CLASS_IN) return this.#hide(fixed, end);
    switch (type) {
      case TYPE.A:
        exact(end - data, 4, 'A');
        break;
      case TYPE.AAAA:
        exact(end - data, 16, 'AAAA');
        break;
      case TYPE.SRV:
        if (data + 6 >= end) throw malformed('SRV too short');
        exact(this.#name(data + 6, end, 'printable'), end, 'SRV');
        break;
      case TYPE.CNAME:
        exact(this.#name(data, end, 'printable'), end, 'CNAME');
        break;
      case TYPE.SOA:
        // The second is a mail address: its first label may well contain a dot.
        exact(this.#name(this.#name(data, end, 'any'), end, 'any') + 20, end, 'SOA');
        break;
      case TYPE.OPT:
        if (bytes[at] !== 0) throw malformed('OPT with an owner');
        if (this.#extendedRcode !== undefined) throw malformed('two OPT');
        this.#extendedRcode = bytes.readUInt8(fixed + 4);
        return this.#hide(fixed, end);
      default:
        return this.#hide(fixed, end);
    }
    this.#name(at, bytes.length, 'printable');
    return end;
  }

  /** Renames the record, so that dns-packet does not look into it. */
  #hide(fixed: number, end: number): number {
    this.#copy ??= Buffer.from(this.#bytes);
    this.#copy.writeUInt16BE(UNREAD_TYPE, fixed);
    return end;
  }

  /** Walks a name that must end before `limit`, and returns the offset of what follows it. */
  #name(start: number, limit: number, octets: 'printable' | 'any'): number {
    const bytes = this.#bytes;
    let at = start;
    let end = -1;
    let pointers = 0;
    let length = 1;
    let earlierThan = start;
    for (;;) {
      const bound = end === -1 ? limit : bytes.length;
      if (at >= bound) throw malformed('name cut off');
      this.#steps += 1;
      if (this.#steps > MAX_NAME_STEPS) throw malformed(`more than ${MAX_NAME_STEPS} labels`);
      const size = bytes[at]!;
      if (size === 0) return end === -1 ? at + 1 : end;
      if (size < 0x40) {
        length += size + 1;
        if (length > MAX_NAME_BYTES) throw malformed('name too long');
        if (at + 1 + size > bound) throw malformed('label cut off');
        if (octets === 'printable') requirePrintable(bytes, at + 1, size);
        at += size + 1;
      } else if (size >= 0xc0) {
        if (at + 2 > bound) throw malformed('pointer cut off');
        const target = ((size & 0x3f) << 8) | bytes[at + 1]!;
        // Only backwards, as RFC 1035 4.1.4 has it: so there are no circles.
        if (target < HEADER_BYTES || target >= earlierThan) throw malformed('pointer not to an earlier name');
        pointers += 1;
        if (pointers > MAX_POINTERS) throw malformed(`more than ${MAX_POINTERS} pointers in a name`);
        if (end === -1) end = at + 2;
        at = target;
        earlierThan = target;
      } else {
        throw malformed('reserved label type');
      }
    }
  }
}

/** A dot or a backslash inside a label makes two different names look the same; control characters end up in logs. */
function requirePrintable(bytes: Buffer, start: number, size: number): void {
  for (let at = start; at < start + size; at += 1) {
    const octet = bytes[at]!;
    if (octet < 0x21 || octet > 0x7e || octet === 0x2e || octet === 0x5c) throw malformed('unprintable octet or dot in a label');
  }
}

function exact(actual: number, expected: number, what: string): void {
  if (actual !== expected) throw malformed(`${what} of the wrong length`);
}

function malformed(what: string): DnsError {
  return new DnsError('malformed', `malformed DNS message: ${what}`);
}
