/**
 * Messages that break the rules, one for each way in which dns-packet can be led astray, and what is said of them. All answer the question
 * `a.test A`.
 */
import { labels, pointer, srvData } from './dns-bytes.ts';
import type { RawMessage } from './dns-bytes.ts';

const A = 1, CNAME = 5, SOA = 6, TXT = 16, AAAA = 28, SRV = 33, OPT = 41;
const address = Buffer.from([10, 0, 0, 1]);
const root = Buffer.from([0]);

export const malformed: readonly (readonly [string, RawMessage, RegExp])[] = [
  ['an address of two bytes', { answers: [{ type: A, data: address.subarray(2) }] }, /A of the wrong length/],
  ['an address of five bytes', { answers: [{ type: A, data: Buffer.alloc(5) }] }, /A of the wrong length/],
  ['an address cut off by the end', { answers: [{ type: A, data: address.subarray(2), length: 4 }] }, /cut off/],
  ['an IPv6 address cut off by the end', { answers: [{ type: AAAA, data: Buffer.alloc(4, 0x20), length: 16 }] }, /cut off/],
  ['a short IPv6 address', { answers: [{ type: AAAA, data: Buffer.alloc(8) }] }, /AAAA of the wrong length/],
  ['a target that runs past its data', { answers: [{ type: SRV, data: srvData(labels('target', 'test')), length: 10 }, { type: A, data: address }] }, /cut off/],
  ['a target that ends before its data', { answers: [{ type: SRV, data: Buffer.concat([srvData(labels('t')), Buffer.from([1])]) }] }, /SRV of the wrong length/],
  ['an SRV without a target', { answers: [{ type: SRV, data: Buffer.alloc(6) }] }, /SRV too short/],
  ['an alias that ends before its data', { answers: [{ type: CNAME, data: Buffer.concat([labels('b'), address]) }] }, /CNAME of the wrong length/],
  ['an SOA without its numbers', { authorities: [{ type: SOA, data: Buffer.concat([root, root]) }] }, /SOA of the wrong length/],
  ['text past the end', { answers: [{ type: TXT, data: Buffer.from([200, 1]), length: 201 }] }, /cut off/],
  ['an unknown type past the end', { answers: [{ type: 999, data: Buffer.alloc(2), length: 3 }] }, /cut off/],
  ['more records than bytes', { counts: [1, 65_535, 65_535, 65_535] }, /more records than bytes/],
  ['two questions', { counts: [2, 0, 0, 0], after: Buffer.concat([labels('b'), Buffer.from([0, 1, 0, 1])]) }, /2 questions/],
  ['bytes after the last record', { after: Buffer.from([0]) }, /1 bytes after/],
  ['a pointer into the header', { answers: [{ type: CNAME, data: pointer(4) }] }, /pointer/],
  ['a pointer forwards', { answers: [{ type: CNAME, data: pointer(200) }] }, /pointer/],
  ['a pointer to itself', { answers: [{ owner: pointer(24), type: A, data: address }] }, /pointer/],
  ['a reserved label type', { answers: [{ type: CNAME, data: Buffer.from([0x41, 0]) }] }, /reserved/],
  ['a dot inside a label', { answers: [{ owner: labels('a.test'), type: A, data: address }] }, /unprintable/],
  ['a newline inside a target', { answers: [{ type: SRV, data: srvData(labels('x\r\nforged')) }] }, /unprintable/],
  ['an octet above 0x7e', { answers: [{ owner: labels(Buffer.from([0xff])), type: A, data: address }] }, /unprintable/],
  ['a name of 256 octets', { answers: [{ owner: labels(...Array<string>(5).fill('x'.repeat(50))), type: A, data: address }] }, /name too long/],
  ['two OPT', { additionals: [{ owner: root, type: OPT, data: Buffer.alloc(0) }, { owner: root, type: OPT, data: Buffer.alloc(0) }] }, /two OPT/],
  ['an OPT with an owner', { additionals: [{ type: OPT, data: Buffer.alloc(0) }] }, /OPT with an owner/],
];
