/** All layers of this folder over a network that does as it likes: what must hold whatever it does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stack, type Attempt, type Call, type Reply } from '../../src/core/call.ts';
import type { Millis } from '../../src/core/clock.ts';
import { MeshError, type Sent } from '../../src/core/errors.ts';
import { defaultServicePolicy, type RetryKnobs, type ServicePolicy } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { attemptTimeout } from '../../src/policies/attempt-timeout.ts';
import { RetryBudget } from '../../src/policies/budget.ts';
import { Circuit } from '../../src/policies/circuit.ts';
import { ConcurrencyLimit } from '../../src/policies/concurrency.ts';
import { deadline } from '../../src/policies/deadline.ts';
import { RateLimit } from '../../src/policies/rate-limit.ts';
import { retry } from '../../src/policies/retry.ts';
import { Throttle } from '../../src/policies/throttle.ts';
import { Timeouts } from '../../src/policies/timeouts.ts';
import { fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** What the network does with an attempt: after `delay`, unless the attempt is cancelled before. */
interface Fate {
  readonly kind: 'ok' | 'refused' | 'reset' | 'silence' | '500' | '503' | '429' | '503 later' | 'broken body' | 'endless body';
  readonly delay: Millis;
}

const retries: RetryKnobs = {
  ...defaultServicePolicy.retry,
  on: ['5xx', 'reset', 'connect-failure', 'overload', 'timeout'],
  budget: { perSuccess: 0.1, cap: 5, mode: 'enforce' },
};

const policy: ServicePolicy = {
  ...defaultServicePolicy,
  deadline: 2_000,
  attemptTimeout: 400,
  retry: retries,
  circuit: { failureRate: 0.5, window: 10_000, minRequests: 8, openFor: 1_000, maxOpenFor: 4_000, probes: 1, mode: 'enforce' },
  concurrency: { max: 4, queue: 4, adaptive: 'off', mode: 'enforce' },
  throttle: { ...defaultServicePolicy.throttle, minRequests: 8 },
  rateLimit: { rate: 50, burst: 15, mode: 'enforce' },
};

function mesh(fates: readonly Fate[]) {
  const clock = new VirtualClock(1000.1);
  const timeouts = new Timeouts(clock);
  const budget = new RetryBudget(() => retries.budget);
  const emit = () => {};
  const concurrency = new ConcurrencyLimit({ service: 'reviews', clock, emit, capacity: () => 0, knobs: () => policy.concurrency });
  const throttle = new Throttle({ service: 'reviews', clock, random: seededRandom(2), emit, knobs: () => policy.throttle });
  const rate = new RateLimit({ service: 'reviews', clock, emit, knobs: () => policy.rateLimit });
  const circuit = new Circuit({ service: 'reviews', clock, knobs: () => policy.circuit, emit });
  const sent: { attempt: Attempt; at: Millis; evidence: Sent; success: boolean }[] = [];
  const replies = new Set<FakeReply>();

  const network = (attempt: Attempt): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const fate = fates[sent.length % fates.length]!;
      const record = { attempt, at: clock.now(), evidence: 'maybe' as Sent, success: false };
      sent.push(record);
      const end = (result: FakeReply | MeshError) => {
        attempt.cancellation.unsubscribe(cancelled);
        if (result instanceof MeshError) return reject(result);
        replies.add(result);
        const cut = { cancelled: (reason: MeshError) => result.end(reason) };
        attempt.cancellation.subscribe(cut);
        result.watch({ end: () => void (attempt.cancellation.unsubscribe(cut), replies.delete(result)) });
        return resolve(result);
      };
      const timer =
        fate.kind === 'silence'
          ? undefined
          : clock.after(fate.delay, () => {
              record.evidence = fate.kind === 'refused' ? 'no' : fate.kind === 'reset' ? 'maybe' : 'yes';
              if (fate.kind === 'refused') return end(new MeshError('CONNECT_FAILED', 'refused', { sent: 'no' }));
              if (fate.kind === 'reset') return end(new MeshError('CONNECTION_RESET', 'reset', { sent: 'maybe' }));
              const status = Number.parseInt(fate.kind, 10) || 200;
              record.success = status === 200;
              const reply = new FakeReply(status, fate.kind === '503 later' ? { 'retry-after': '1' } : {});
              end(reply);
              if (fate.kind === 'endless body') return;
              clock.after(fate.delay, () => reply.end(fate.kind === 'broken body' ? new MeshError('CONNECTION_RESET', 'broken', { sent: 'yes' }) : undefined));
            });
      const cancelled = {
        cancelled(reason: MeshError) {
          timer?.cancel();
          reason.sent = record.evidence;
          reject(reason);
        },
      };
      attempt.cancellation.subscribe(cancelled);
    });

  const below = stack<Attempt>(circuit.layer, attemptTimeout(timeouts))(network);
  const service = stack<Call>(deadline(timeouts), rate.layer, throttle.layer, concurrency.layer)(retry({ clock, random: seededRandom(1), budget, emit })(below));
  return { clock, timeouts, concurrency, circuit, sent, replies, service };
}

const fate = fc.record({
  kind: fc.constantFrom<Fate['kind'][]>('ok', 'ok', 'refused', 'reset', 'silence', '500', '503', '429', '503 later', 'broken body', 'endless body'),
  delay: fc.integer({ min: 0, max: 900 }),
});
const arrival = fc.record({
  wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 800 })),
  method: fc.constantFrom('GET', 'POST'),
  key: fc.boolean(),
  deadline: fc.constantFrom(2_000, 150, 37.3),
  cancelAfter: fc.option(fc.integer({ min: 0, max: 1_500 }), { freq: 5 }),
});

describe('the policies together', () => {
  it('keep their promises under any pattern of failures', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { minLength: 1, maxLength: 30 }), fc.array(arrival, { maxLength: 40 }), async (fates, arrivals) => {
        const { clock, timeouts, concurrency, circuit, sent, service } = mesh(fates);
        const calls: Call[] = [];
        const results: (Reply | MeshError)[] = [];
        for (const { wait, method, key, deadline, cancelAfter } of arrivals) {
          await clock.advance(wait);
          const call = fakeCall({ policy, request: { method }, startedAt: clock.now(), deadline, options: key ? { idempotencyKey: 'k' } : {} });
          calls.push(call);
          service(call).then(
            (reply) => results.push(reply),
            (error: MeshError) => results.push(error),
          );
          if (cancelAfter !== null) clock.after(cancelAfter, () => call.cancellation.cancel(new MeshError('CANCELLED', 'the caller left', { sent: 'maybe' })));
        }
        await clock.advance(60_000);

        // Everybody got an answer, and nothing is left of anything.
        expect(results.length).toBe(calls.length);
        for (const result of results) if (!('status' in result)) expect(result).toBeInstanceOf(MeshError);
        expect([timeouts.size, concurrency.inFlight, concurrency.queued, clock.timers]).toEqual([0, 0, 0, 0]);

        const successes = sent.filter(({ success }) => success).length;
        // A retry of what was never sent costs the service nothing; all others are paid for.
        const paidFor = calls.flatMap((call) => sent.filter(({ attempt }) => attempt.call === call).slice(0, -1)).filter(({ evidence }) => evidence !== 'no').length;
        expect(paidFor).toBeLessThanOrEqual(5 + 0.1 * successes + 1e-6);
        // What our own limits turned away never came near the network.
        for (const result of results) {
          if ('code' in result && result.shedBy !== undefined) expect(result).toMatchObject({ sent: 'no', outcome: 'local', attempts: 0 });
        }
        expect(calls.filter((call) => call.attempts > 0).length + results.filter((result) => 'code' in result && result.attempts === 0).length).toBe(calls.length);
        for (const call of calls) {
          const attempts = sent.filter(({ attempt }) => attempt.call === call);
          expect(attempts.length).toBeLessThanOrEqual(call.attempts);
          expect(call.attempts).toBeLessThanOrEqual(1 + 2);
          // No attempt begins after the deadline.
          for (const { at } of attempts) expect(at).toBeLessThan(call.deadline);
          // What is not idempotent is never sent again but after proof that it was not sent.
          if (call.request.method === 'POST' && call.options.idempotencyKey === undefined) {
            for (const { evidence } of attempts.slice(0, -1)) expect(evidence).toBe('no');
          }
        }
        // A success at the end of it all closes the circuit.
        if (circuit.state !== 'closed') expect(circuit.snapshot().retryAt).toBeLessThanOrEqual(clock.wall());
      }),
      { numRuns: 150 },
    );
  });

  it('leave one background timer behind after the last call, and that fires once', async () => {
    const { clock, timeouts, service } = mesh([{ kind: 'ok', delay: 5 }]);
    const call = fakeCall({ policy, startedAt: clock.now() });
    void service(call);
    await clock.advance(20);
    expect([timeouts.size, clock.timers]).toEqual([0, 1]);
    await clock.advance(policy.attemptTimeout as number);
    expect(clock.timers).toBe(0);
  });

  it('a service that is down gets cap retries in all, then one attempt per call, then the circuit opens', async () => {
    const { clock, sent, circuit, service } = mesh([{ kind: 'reset', delay: 1 }]);
    let opened = 0;
    for (let index = 0; index < 100; index += 1) {
      await clock.advance(1);
      void service(fakeCall({ policy, startedAt: clock.now() })).catch(() => {});
      await clock.advance(200);
      if (circuit.state === 'open') opened += 1;
    }
    // 8 failures open it. In the 20 s that follow it is tried after 1, 2, 4, 4, 4 … seconds.
    expect(sent.length).toBeGreaterThanOrEqual(8 + 5);
    expect(sent.length).toBeLessThanOrEqual(8 + 8);
    expect(opened).toBeGreaterThan(80);
  });
});
