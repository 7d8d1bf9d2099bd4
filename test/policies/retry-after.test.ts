/** When a server says when to come back, over all that it may say. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { RetryBudget } from '../../src/policies/budget.ts';
import { retry } from '../../src/policies/retry.ts';
import { fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const BACKOFF = 40;
const MAX = defaultServicePolicy.retry.retryAfter.max;

/** undici's vectors; see test/cases/http-date/README.md. */
const { httpDate } = JSON.parse(readFileSync(new URL('../cases/http-date/vectors.json', import.meta.url), 'utf8')) as { httpDate: { text: string; iso: string | null }[] };

/** When the retry of a reply that says this began; undefined where there was none. `epoch`: what the time of day is. */
async function retriedAfter(header: string | undefined, { epoch = Date.UTC(2026, 0, 1), status = 503, deadline = 30_000 } = {}): Promise<number | undefined> {
  const clock = new VirtualClock(0, epoch);
  const policy = { ...defaultServicePolicy.retry, on: ['5xx', 'overload', 'retriable-4xx'] as const, backoff: { base: BACKOFF, max: BACKOFF, jitter: 'none' as const } };
  const begun: number[] = [];
  const service = retry({ clock, random: { next: () => 0.5 }, budget: new RetryBudget(() => policy.budget), emit: () => {} })(async () => {
    begun.push(clock.now());
    return begun.length > 1 ? new FakeReply(200) : new FakeReply(status, header === undefined ? {} : { 'retry-after': header });
  });
  const result = service(fakeCall({ policy: { retry: policy }, deadline }));
  await clock.advance(60_000);
  await result;
  return begun[1];
}

describe('Retry-After', () => {
  it.each(httpDate.filter(({ iso }) => iso !== null))('$text, two seconds before it', async ({ text, iso }) => {
    expect(await retriedAfter(text, { epoch: Date.parse(iso!) - 2000 })).toBe(2000);
  });

  it.each(httpDate.filter(({ iso }) => iso === null))('$text is no date, and means a normal backoff', async ({ text }) => {
    expect(await retriedAfter(text, { epoch: Date.UTC(2024, 11, 11, 23, 20, 55) })).toBe(BACKOFF);
  });

  it('is never less than the backoff, whatever the header holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.integer({ min: -5, max: 30 }).map(String), fc.date({ noInvalidDate: true }).map((date) => date.toUTCString())), async (header) => {
        const after = await retriedAfter(header);
        if (after !== undefined) expect(after).toBeGreaterThanOrEqual(BACKOFF);
      }),
      { numRuns: 200 },
    );
  });

  it('is heard from any reply that is retried over, not only from 429 and 503', async () => {
    for (const status of [409, 429, 500, 502, 503, 504]) expect(await retriedAfter('3', { status })).toBe(3000);
  });

  it(`of more than retryAfter.max, or beyond the deadline, is no retry`, async () => {
    expect(await retriedAfter(String(MAX / 1000))).toBe(MAX);
    expect(await retriedAfter(String(MAX / 1000 + 1))).toBeUndefined();
    expect(await retriedAfter('2', { deadline: 2000 })).toBeUndefined();
    expect(await retriedAfter('2', { deadline: 2001 })).toBe(2000);
  });
});
