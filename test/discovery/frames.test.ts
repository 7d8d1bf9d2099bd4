import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DnsError } from '../../src/discovery/dns-error.ts';
import { FrameReader, framed } from '../../src/discovery/frames.ts';

it('gives back the messages that went in, however the stream is cut', () => {
  const message = fc.uint8Array({ minLength: 12, maxLength: 400 });
  fc.assert(fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (messages, cuts) => {
    const stream = Buffer.concat(messages.map((bytes) => framed(Buffer.from(bytes))));
    const reader = new FrameReader();
    const read: Buffer[] = [];
    for (let at = 0, cut = 0; at < stream.length; cut += 1) {
      const end = at + cuts[cut % cuts.length]!;
      read.push(...reader.push(stream.subarray(at, end)));
      at = end;
    }
    expect(read.map((bytes) => bytes.toString('hex'))).toEqual(messages.map((bytes) => Buffer.from(bytes).toString('hex')));
  }), { seed: 7, numRuns: 300 });
});

it('rejects a frame that is shorter than any message', () => {
  const reader = new FrameReader();
  expect(reader.push(Buffer.from([0]))).toEqual([]);
  expect(() => reader.push(Buffer.from([11]))).toThrow(DnsError);
});

it('takes a message of 64 KB byte by byte without copying it again and again', () => {
  const reader = new FrameReader();
  const stream = framed(Buffer.alloc(65_535, 1));
  let read: Buffer[] = [];
  const began = performance.now();
  for (let at = 0; at < stream.length; at += 1) read = reader.push(stream.subarray(at, at + 1));
  expect(read).toHaveLength(1);
  expect(performance.now() - began).toBeLessThan(500);
});
