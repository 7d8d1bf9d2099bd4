/**
 * Real answers of real servers, changed by chance: whatever comes out, it is an answer or a DnsError, soon, and no address in it is
 * one that node would not connect to.
 */
import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import { below, seededRandom } from '../../src/core/random.ts';
import type { Random } from '../../src/core/random.ts';
import { DnsError } from '../../src/discovery/dns-error.ts';
import { decodeReply, isReplyTo, isTruncated } from '../../src/discovery/message.ts';
import type { DnsMessage } from '../../src/discovery/message.ts';
import { rawRecord } from '../support/dns-bytes.ts';
import captured from './captured-answers.json' with { type: 'json' };

const answers = Object.entries(captured).map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes, 'base64') }));
const MUTATIONS = Number(process.env['FUZZ_MUTATIONS'] ?? 100_000);

/** Values that parsers stumble over. */
const NASTY = [0, 1, 0x0c, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff];

const mutations: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  function flipBits(bytes, random) {
    for (let count = 1 + below(random, 4); count > 0; count -= 1) bytes[below(random, bytes.length)]! ^= 1 << below(random, 8);
    return bytes;
  },
  function setOctet(bytes, random) {
    bytes[below(random, bytes.length)] = NASTY[below(random, NASTY.length)]!;
    return bytes;
  },
  function setHeader(bytes, random) {
    bytes[2 + below(random, 10)] = below(random, 256);
    return bytes;
  },
  function setShort(bytes, random) {
    bytes.writeUInt16BE([0, 1, 0x0fff, 0xc00c, 0xffff, bytes.length][below(random, 6)]!, below(random, bytes.length - 1));
    return bytes;
  },
  function cut(bytes, random) {
    return bytes.subarray(0, below(random, bytes.length + 1));
  },
  function grow(bytes, random) {
    return Buffer.concat([bytes, Buffer.alloc(1 + below(random, 30), below(random, 256))]);
  },
  function pointAnywhere(bytes, random) {
    if (bytes.length < 14) return bytes;
    const at = 12 + below(random, bytes.length - 13);
    bytes.writeUInt16BE(0xc000 | below(random, Math.min(bytes.length, 0x4000)), at);
    return bytes;
  },
  function repeatPart(bytes, random) {
    const start = below(random, bytes.length);
    const part = bytes.subarray(start, start + 1 + below(random, 60));
    const at = below(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
  },
  function anotherRecord(bytes, random) {
    const type = [1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 35, 39, 41, 43, 44, 46, 47, 48, 50, 52, 257, 65][below(random, 22)]!;
    const data = Buffer.from(Array.from({ length: below(random, 40) }, () => below(random, 256)));
    const record = rawRecord({ type, data, length: random.next() < 0.3 ? below(random, 0x10000) : data.length });
    if (bytes.length >= 12) bytes.writeUInt16BE((bytes.readUInt16BE(10) + 1) & 0xffff, 10);
    return Buffer.concat([bytes, record]);
  },
];

function addressesIn(message: DnsMessage): string[] {
  return [...message.answers, ...message.authorities, ...message.additionals].flatMap((record) => ('address' in record ? [record.address] : []));
}

function namesIn(message: DnsMessage): string[] {
  return [...message.answers, ...message.additionals].flatMap((record) => ['target' in record ? record.target : '', record.type === 'SOA' ? '' : record.name]);
}

describe('real answers', () => {
  it.each(answers)('are read: $name', ({ bytes }) => {
    expect(() => decodeReply(bytes)).not.toThrow();
  });

  it(`changed by chance ${MUTATIONS} times, are answers or errors, soon, and name only addresses that exist`, () => {
    const random = seededRandom(20_261_120);
    const slow: string[] = [];
    let decoded = 0;
    for (let count = 0; count < MUTATIONS; count += 1) {
      const { name, bytes } = answers[below(random, answers.length)]!;
      let mutated: Buffer = Buffer.from(bytes);
      for (let rounds = 1 + below(random, 3); rounds > 0 && mutated.length > 1; rounds -= 1) mutated = mutations[below(random, mutations.length)]!(mutated, random);
      const began = performance.now();
      let message: DnsMessage | undefined;
      try {
        isReplyTo(bytes, mutated);
        if (mutated.length >= 12) isTruncated(mutated);
        message = decodeReply(mutated);
      } catch (error) {
        if (!(error instanceof DnsError)) throw new Error(`${name}: ${mutated.toString('hex')}`, { cause: error });
      }
      if (performance.now() - began > 5) slow.push(mutated.toString('base64'));
      if (message === undefined) continue;
      decoded += 1;
      const wrong = addressesIn(message).find((address) => isIP(address) === 0) ?? namesIn(message).find((text) => !/^[\x21-\x5b\x5d-\x7e]*$/.test(text));
      if (wrong !== undefined) throw new Error(`${wrong} in ${name}: ${mutated.toString('hex')}`);
    }
    // A pause of the collector or of the machine falls on some message; one that is slow is slow again.
    for (const base64 of slow) expect(leastTime(Buffer.from(base64, 'base64'))).toBeLessThan(5);
    expect(decoded).toBeGreaterThan(MUTATIONS / 20);
    expect(decoded).toBeLessThan(MUTATIONS / 1.5);
  }, 60_000);
});

function leastTime(bytes: Buffer): number {
  let least = Infinity;
  for (let run = 0; run < 10; run += 1) {
    const began = performance.now();
    try {
      decodeReply(bytes);
    } catch {
      // Either way.
    }
    least = Math.min(least, performance.now() - began);
  }
  return least;
}
