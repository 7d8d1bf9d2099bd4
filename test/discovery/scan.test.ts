import { decode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { DnsError } from '../../src/discovery/dns-error.ts';
import { decodeReply } from '../../src/discovery/message.ts';
import { scanMessage } from '../../src/discovery/scan.ts';
import { labels, pointer, rawMessage, rawRecord, srvData } from '../support/dns-bytes.ts';
import { malformed } from '../support/malformed.ts';

const A = 1, NS = 2, CNAME = 5, HINFO = 13, TXT = 16, SOA = 6, SRV = 33, OPT = 41;
const address = Buffer.from([10, 0, 0, 1]);
const root = Buffer.from([0]);
const soaNumbers = Buffer.alloc(20);

describe('the scan', () => {
  it.each(malformed)('rejects %s', (_what, parts, message) => {
    expect(() => scanMessage(rawMessage(parts))).toThrow(message);
    expect(() => scanMessage(rawMessage(parts))).toThrow(DnsError);
  });

  it.each([0, 11])('rejects %i bytes', (length) => {
    expect(() => scanMessage(Buffer.alloc(length))).toThrow(DnsError);
  });

  it('lets through what real servers send: compressed targets, a root target, a mail address with a dot, an OPT with options', () => {
    const message = decodeReply(rawMessage({
      answers: [{ type: SRV, data: srvData(pointer(12)) }, { type: SRV, data: srvData(root) }],
      authorities: [{ type: SOA, data: Buffer.concat([pointer(12), labels('first.last', 'test'), soaNumbers]) }],
      additionals: [{ owner: root, type: OPT, class: 1232, ttl: 0x01000000, data: Buffer.from([0, 8, 0, 1, 0]) }, { type: A, data: address }],
    }));
    expect(message.answers.map((record) => record.type === 'SRV' && record.target)).toEqual(['a.test', '']);
    expect(message.authorities).toMatchObject([{ type: 'SOA', minimum: 0 }]);
    expect(message.additionals).toEqual([{ type: 'A', name: 'a.test', ttl: 5, address: '10.0.0.1' }]);
    expect(message.rcode).toBe(16);
  });

  it.each([['TXT', TXT], ['HINFO', HINFO], ['NS', NS], ['NULL', 10], ['RRSIG', 46]])('never lets dns-packet decode %s', (_name, type) => {
    const bytes = rawMessage({ answers: [{ type, data: Buffer.from([200]) }, { type: A, data: address }] });
    expect(decodeReply(bytes).answers).toEqual([{ type: 'A', name: 'a.test', ttl: 5, address: '10.0.0.1' }]);
  });

  it('reads no record of another class, not even of mDNS\' flush bit', () => {
    const bytes = rawMessage({ answers: [{ type: A, class: 0x8001, data: address }, { type: A, class: 3, data: address }] });
    expect(decodeReply(bytes).answers).toEqual([]);
  });

  it('reads no record that the root owns: in its result the root stands for the question\'s name', () => {
    const records = [{ owner: root, type: A, data: address }, { owner: root, type: CNAME, data: labels('b') }];
    expect(decodeReply(rawMessage({ answers: records })).answers).toEqual([]);
    expect(decodeReply(rawMessage({ answers: [{ owner: labels('a', 'test'), type: A, data: address }] })).answers).toMatchObject([{ name: 'a.test' }]);
  });

  it('does not touch the message it was given', () => {
    const bytes = rawMessage({ answers: [{ type: TXT, data: Buffer.from([1, 65]) }] });
    const before = Buffer.from(bytes);
    scanMessage(bytes);
    expect(bytes.equals(before)).toBe(true);
  });
});

/** What costs dns-packet hundreds of milliseconds. */
const expensive: readonly (readonly [string, () => Buffer])[] = [
  ['37 bytes whose text runs past the end', () => {
    const header = Buffer.from([0, 0, 0x84, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    return Buffer.concat([header, rawRecord({ owner: root, type: TXT, data: Buffer.alloc(14), length: 0xffff })]);
  }],
  ['a chain of 8,000 pointers used 3,000 times', () => {
    const first = rawMessage({ question: Buffer.concat([labels('x'), Buffer.from([0, 1, 0, 1])]) });
    const chain: Buffer[] = [];
    let last = 12;
    for (let at = first.length + 11; at < 0x3fff; at += 2) {
      chain.push(pointer(last));
      last = at;
    }
    const hops = rawRecord({ owner: root, type: 999, data: Buffer.concat(chain) });
    const users = Array.from({ length: 3000 }, () => rawRecord({ owner: pointer(last), type: A, data: address }));
    const all = Buffer.concat([first, hops, ...users]);
    all.writeUInt16BE(1 + users.length, 6);
    return all;
  }],
  ['4,000 records that name one name of 252 octets', () => {
    const long = Buffer.concat([...Array.from({ length: 126 }, () => Buffer.from([1, 0x61])), root]);
    const first = rawMessage({ question: Buffer.concat([long, Buffer.from([0, 1, 0, 1])]) });
    const users = Array.from({ length: 4000 }, () => rawRecord({ type: A, data: address }));
    const all = Buffer.concat([first, ...users]);
    all.writeUInt16BE(users.length, 6);
    return all;
  }],
  ['4,000 records that name a part of one name of 252 octets', () => {
    const long = Buffer.concat([...Array.from({ length: 126 }, () => Buffer.from([1, 0x61])), root]);
    const first = rawMessage({ question: Buffer.concat([long, Buffer.from([0, 1, 0, 1])]) });
    const users = Array.from({ length: 4000 }, () => rawRecord({ owner: pointer(14), type: A, data: address }));
    const all = Buffer.concat([first, ...users]);
    all.writeUInt16BE(users.length, 6);
    return all;
  }],
  ['as many labels as a message may have', () => {
    const long = Buffer.concat([...Array.from({ length: 126 }, () => Buffer.from([1, 0x61])), root]);
    const first = rawMessage({ question: Buffer.concat([long, Buffer.from([0, 1, 0, 1])]) });
    const users = Array.from({ length: 155 }, () => rawRecord({ owner: pointer(14), type: A, data: address }));
    const all = Buffer.concat([first, ...users]);
    all.writeUInt16BE(users.length, 6);
    return all;
  }],
  ['4,090 addresses of a usual name', () => {
    const first = rawMessage({ question: Buffer.concat([labels('_http', '_tcp', 'reviews', 'default', 'svc', 'cluster', 'local'), Buffer.from([0, 1, 0, 1])]) });
    const all = Buffer.concat([first, ...Array.from({ length: 4090 }, () => rawRecord({ type: A, data: address }))]);
    all.writeUInt16BE(4090, 6);
    return all;
  }],
  ['5,900 empty records', () => {
    const all = Buffer.concat([rawMessage({}), ...Array.from({ length: 5900 }, () => rawRecord({ owner: root, type: TXT, data: Buffer.alloc(0) }))]);
    all.writeUInt16BE(5900, 8);
    return all;
  }],
];

function messageOf(what: string): Buffer {
  return expensive.find(([name]) => name === what)![1]();
}

describe('the time a message takes', () => {
  it.each(expensive)('is short for %s', (_what, build) => {
    const bytes = build();
    expect(bytes.length).toBeLessThanOrEqual(65_535);
    const read = (): void => {
      try {
        decodeReply(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(DnsError);
      }
    };
    for (let warm = 0; warm < 5; warm += 1) read();
    // The least of several: what else the machine does meanwhile is not the message's doing.
    let least = Infinity;
    for (let run = 0; run < 15; run += 1) {
      const began = performance.now();
      read();
      least = Math.min(least, performance.now() - began);
    }
    expect(least).toBeLessThan(5);
  });

  it('does not keep a usual name from having 4,090 addresses', () => {
    expect(decodeReply(messageOf('4,090 addresses of a usual name')).answers).toHaveLength(4090);
  });

  it('is bounded in labels and in pointers', () => {
    expect(decodeReply(messageOf('as many labels as a message may have')).answers).toHaveLength(155);
    expect(() => decodeReply(messageOf('4,000 records that name a part of one name of 252 octets'))).toThrow(/more than 20000 labels/);
    const hops = (count: number): Buffer => rawMessage({
      answers: Array.from({ length: count }, (_, index) => ({ type: CNAME, data: pointer(index === 0 ? 12 : 24 + 12 + (index - 1) * 14) })),
    });
    expect(decodeReply(hops(16)).answers).toHaveLength(16);
    expect(() => decodeReply(hops(17))).toThrow(/more than 16 pointers/);
  });

  it('would be long without the scan', () => {
    const bytes = messageOf('37 bytes whose text runs past the end');
    const began = performance.now();
    try {
      decode(bytes);
    } catch {
      // Either way.
    }
    expect(performance.now() - began).toBeGreaterThan(20);
    expect(() => scanMessage(bytes)).toThrow(DnsError);
  });
});
