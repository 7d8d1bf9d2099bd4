import { expect, it } from 'vitest';
import type { LookupFacts } from '../../src/core/endpoint.ts';
import { DnsError } from '../../src/discovery/dns-error.ts';
import { MeasuredSource } from '../../src/discovery/measured-source.ts';
import type { SourceAnswer } from '../../src/discovery/source.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const facts: LookupFacts = { server: '10.0.0.10:53', transport: 'udp', duration: 3, bytes: 100, rcode: 'NOERROR', ttl: 5, truncated: false, discarded: 0, dropped: [] };

function measuring(result: () => Promise<SourceAnswer>) {
  const clock = new VirtualClock();
  const heard: unknown[] = [];
  const inner = { description: 'srv reviews', resolve: () => new Promise<SourceAnswer>((resolve, reject) => clock.after(30, () => void result().then(resolve, reject))) };
  const source = new MeasuredSource(inner, 'reviews', clock, (...lookup) => heard.push(lookup));
  return { source, clock, heard };
}

async function resolved(result: () => Promise<SourceAnswer>) {
  const { source, clock, heard } = measuring(result);
  const resolving = source.resolve().catch((error: unknown) => error);
  await clock.advance(30);
  return { answer: await resolving, heard };
}

it('times answers and failures, and passes both on', async () => {
  const answer = { endpoints: [], complete: true, ttl: 5, lookup: facts } as unknown as SourceAnswer;
  expect(await resolved(() => Promise.resolve(answer))).toEqual({ answer, heard: [['reviews', 30, undefined]] });
  const failure = new DnsError('timeout', 'no reply');
  expect(await resolved(() => Promise.reject(failure))).toEqual({ answer: failure, heard: [['reviews', 30, 'timeout']] });
});

it('counts nothing that needed no nameserver, nor what ended because everything does', async () => {
  const literal = { endpoints: [], complete: true, ttl: Infinity } as unknown as SourceAnswer;
  expect((await resolved(() => Promise.resolve(literal))).heard).toEqual([]);
  expect((await resolved(() => Promise.reject(new DnsError('closed', 'closed')))).heard).toEqual([]);
});
