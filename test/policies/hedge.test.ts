import { describe, expect, it } from 'vitest';
import type { Attempt, Call, Reply } from '../../src/core/call.ts';
import type { Millis } from '../../src/core/clock.ts';
import { MeshError } from '../../src/core/errors.ts';
import type { MeshEventMap, MeshEventName } from '../../src/core/events.ts';
import { defaultServicePolicy, type HedgeKnobs, type RetryKnobs } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { RetryBudget } from '../../src/policies/budget.ts';
import { Hedging } from '../../src/policies/hedge.ts';
import { retry } from '../../src/policies/retry.ts';
import { Timeouts } from '../../src/policies/timeouts.ts';
import { FakeBody, fakeCall, type FakeCallParts } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** What becomes of an attempt, and when; `never`: nothing, until it is cancelled. */
type Fate = { readonly after: Millis; readonly with: FakeReply | MeshError } | 'never';

const ok = (after: Millis, status = 200, headers: Record<string, string> = {}): Fate => ({ after, with: new FakeReply(status, headers) });
const breaks = (after: Millis, code: 'CONNECTION_RESET' | 'CONNECT_FAILED' | 'CIRCUIT_OPEN' = 'CONNECTION_RESET'): Fate => ({
  after,
  with: new MeshError(code, code, { sent: code === 'CONNECTION_RESET' ? 'maybe' : 'no' }),
});

interface Parts {
  readonly hedge?: Partial<HedgeKnobs>;
  readonly retry?: Partial<RetryKnobs> | 'off';
  readonly endpoints?: number;
  /** Hedges that `extraLoad` has saved up. */
  readonly saved?: number;
}

/** Each attempt meets the next fate, the last one again and again; hedges are due after 50 ms. */
function setUp(fates: readonly Fate[], { hedge, retry: retries = {}, endpoints = 9, saved = 10 }: Parts = {}, call: FakeCallParts = {}) {
  const clock = new VirtualClock();
  const timeouts = new Timeouts(clock);
  const knobs: HedgeKnobs = { after: 50, max: 1, extraLoad: 0.01, mode: 'enforce', ...hedge };
  const retryKnobs = retries === 'off' ? retries : { ...defaultServicePolicy.retry, backoff: { base: 25, max: 250, jitter: 'none' as const }, ...retries };
  const budget = new RetryBudget(() => (retryKnobs === 'off' ? defaultServicePolicy.retry.budget : retryKnobs.budget));
  const events: [MeshEventName, MeshEventMap[MeshEventName]][] = [];
  const attempts: Attempt[] = [];
  const begun: Millis[] = [];
  /** Attempts that were cancelled while they ran, by number, with the code of the reason. */
  const cancelled: [number, string][] = [];
  const deps = { clock, budget, emit: (name: MeshEventName, event: MeshEventMap[MeshEventName]) => void events.push([name, event]) };
  const hedging = new Hedging({ ...deps, service: 'reviews', timeouts, elsewhere: ({ tried }) => tried.size < endpoints });
  for (let success = 0; success < saved; success += 1) hedging.deposit({ ...knobs, extraLoad: 1 });

  const network = (attempt: Attempt): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const fate = fates[Math.min(attempts.length, fates.length - 1)]!;
      attempts.push(attempt);
      begun.push(clock.now());
      const host = `10.0.0.${attempts.length}`;
      attempt.call.tried.add(`${host}:80`);
      attempt.endpoint = { host, port: 80, weight: 1, priority: 0 };
      const timer = fate === 'never' ? undefined : clock.after(fate.after, () => {
        attempt.cancellation.unsubscribe(listener);
        if (fate.with instanceof MeshError) reject(fate.with);
        else resolve(fate.with);
      });
      const listener = {
        cancelled(reason: MeshError) {
          timer?.cancel();
          cancelled.push([attempt.number, reason.code]);
          reason.sent = 'maybe';
          reject(reason);
        },
      };
      attempt.cancellation.subscribe(listener);
    });
  const service = retry({ ...deps, random: { next: () => 0.5 }, hedging })(network);
  const made = (): Call => fakeCall({ ...call, startedAt: clock.now(), policy: { retry: retryKnobs, hedge: knobs, ...call.policy } });
  const run = (it = made()) => service(it).catch((error: unknown) => error as MeshError);
  return { clock, timeouts, budget, hedging, events, attempts, begun, cancelled, made, run };
}

async function outcome(setting: ReturnType<typeof setUp>) {
  const result = setting.run();
  await setting.clock.advance(60_000);
  return result;
}

const named = (setting: ReturnType<typeof setUp>, name: MeshEventName) => setting.events.filter(([each]) => each === name).map(([, event]) => event);

describe('hedging', () => {
  it('sends nothing more where the answer comes in time, and leaves nothing behind', async () => {
    const setting = setUp([ok(49)]);
    expect(await outcome(setting)).toMatchObject({ status: 200 });
    expect([setting.attempts.length, setting.events, setting.timeouts.size]).toEqual([1, [], 0]);
  });

  it('sends a second attempt beside one that takes long; the first answer counts, and the other attempt is cancelled', async () => {
    const [slow, quick] = [new FakeReply(200), new FakeReply(200)];
    const setting = setUp([{ after: 500, with: slow }, { after: 10, with: quick }]);
    expect(await outcome(setting)).toBe(quick);
    expect([setting.begun, setting.cancelled]).toEqual([[0, 50], [[1, 'CANCELLED']]]);
    expect(setting.attempts.map(({ number, outrun }) => [number, outrun])).toEqual([[1, true], [2, undefined]]);
    expect(setting.events).toEqual([
      ['hedge.sent', { service: 'reviews', attempt: 2, after: 50, enforced: true }],
      ['hedge.won', { service: 'reviews', attempt: 2 }],
    ]);
    expect([setting.timeouts.size, quick.discarded]).toEqual([0, false]);
  });

  it('cancels the hedge where the first attempt answers first', async () => {
    const first = new FakeReply(200);
    const setting = setUp([{ after: 60, with: first }, 'never']);
    expect(await outcome(setting)).toBe(first);
    expect([setting.cancelled, named(setting, 'hedge.won')]).toEqual([[[2, 'CANCELLED']], []]);
  });

  it('a caller who leaves ends both, and the call that was answered lives on with its attempt', async () => {
    const left = setUp(['never']);
    const call = left.made();
    const result = left.run(call);
    await left.clock.advance(60);
    const reason = new MeshError('CANCELLED', 'the caller left');
    call.cancellation.cancel(reason);
    await left.clock.advance(0);
    expect(await result).toBe(reason);
    expect([left.cancelled.length, left.timeouts.size, left.attempts.length]).toEqual([2, 0, 2]);
    expect(left.attempts.map(({ outrun }) => outrun)).toEqual([undefined, undefined]);

    const answered = setUp([ok(60), 'never']);
    await outcome(answered);
    expect(answered.attempts.map(({ cancellation }) => cancellation.reason?.code)).toEqual([undefined, 'CANCELLED']);
  });

  it('waits for the hedge where the first attempt fails meanwhile, and retries only when both have failed', async () => {
    const saved = setUp([breaks(60), ok(30)]);
    expect(await outcome(saved)).toMatchObject({ status: 200 });
    expect([saved.begun, named(saved, 'retry.scheduled')]).toEqual([[0, 50], []]);

    const [first, second, third] = [new FakeReply(503), new FakeReply(502), new FakeReply(200)];
    const retried = setUp([{ after: 60, with: first }, { after: 30, with: second }, { after: 1, with: third }]);
    expect(await outcome(retried)).toBe(third);
    expect(retried.begun).toEqual([0, 50, 80 + 25]);
    expect([first.discarded, second.discarded, third.discarded]).toEqual([true, true, false]);
    expect(named(retried, 'retry.scheduled')).toEqual([{ service: 'reviews', attempt: 3, delay: 25, because: 502, enforced: true }]);
  });

  it('sends no hedge once the first attempt has failed: that is what retries are for', async () => {
    const setting = setUp([breaks(10), ok(200)], { hedge: { max: 3 } });
    await outcome(setting);
    // The retry may be hedged in turn.
    expect(setting.begun).toEqual([0, 35, 85, 135, 185]);
    expect(named(setting, 'hedge.sent').length).toBe(3);
  });

  it('keeps the failure that says something about the service', async () => {
    const setting = setUp([breaks(60), breaks(20, 'CIRCUIT_OPEN')], { retry: 'off' });
    expect(await outcome(setting)).toMatchObject({ code: 'CONNECTION_RESET', attempts: 2, sent: 'maybe' });
    const other = setUp([breaks(80), breaks(20, 'CIRCUIT_OPEN')], { retry: 'off' });
    expect(await outcome(other)).toMatchObject({ code: 'CONNECTION_RESET', attempts: 2 });
    const reply = new FakeReply(500);
    const replied = setUp([{ after: 60, with: reply }, breaks(30, 'CIRCUIT_OPEN')], { retry: 'off' });
    expect([await outcome(replied), reply.discarded]).toEqual([reply, false]);
  });

  it('tells the error all attempts, and the most that any of them may have sent', async () => {
    const setting = setUp([breaks(60), breaks(20, 'CONNECT_FAILED')], { retry: { maxRetries: 0 } });
    expect(await outcome(setting)).toMatchObject({ code: 'CONNECT_FAILED', attempts: 2, sent: 'maybe', retryable: false });
  });

  it('ends with the deadline, not with an answer that was put aside and is broken off by it', async () => {
    const reply = new FakeReply(503);
    const setting = setUp([{ after: 60, with: reply }, 'never'], {}, { deadline: 100 });
    const call = setting.made();
    setting.clock.after(100, () => call.cancellation.cancel(new MeshError('DEADLINE_EXCEEDED', 'over', { outcome: 'local' })));
    const result = setting.run(call);
    await setting.clock.advance(1000);
    expect(await result).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(reply.discarded).toBe(true);
  });

  it('sends up to max hedges of one call, retries included', async () => {
    const two = setUp(['never', 'never', ok(10)], { hedge: { max: 2 } });
    expect(await outcome(two)).toMatchObject({ status: 200 });
    expect([two.begun, two.cancelled.map(([number]) => number)]).toEqual([[0, 50, 100], [1, 2]]);
    const one = setUp([breaks(60), breaks(60), ok(500)]);
    await outcome(one);
    // The hedge ended at 110; the retry at 135 has none left.
    expect(one.begun).toEqual([0, 50, 135]);
  });

  it('only where the request may run twice at a time: safe methods, and keys', async () => {
    for (const method of ['POST', 'PATCH', 'PUT', 'DELETE', 'CONNECT']) {
      const setting = setUp([ok(500)], {}, { request: { method } });
      await outcome(setting);
      expect([method, setting.attempts.length, setting.events]).toEqual([method, 1, []]);
    }
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE']) {
      const setting = setUp([ok(500)], {}, { request: { method } });
      await outcome(setting);
      expect([method, setting.attempts.length]).toEqual([method, 2]);
    }
    const keyed = setUp([ok(500)], {}, { request: { method: 'POST' }, options: { idempotencyKey: 'k1' } });
    await outcome(keyed);
    expect(keyed.attempts.map(({ headers }) => headers)).toEqual([['idempotency-key', 'k1'], ['idempotency-key', 'k1']]);
    const unlisted = setUp([ok(500)], { retry: { methods: ['HEAD'] } });
    await outcome(unlisted);
    expect(unlisted.attempts.length).toBe(1);
  });

  it('never of an upgrade, of a call that is not to be repeated, or while serving a retry', async () => {
    for (const parts of [{ request: { upgrade: 'websocket' } }, { options: { retry: false } }, { servingRetry: true }] as const) {
      const setting = setUp([ok(500)], {}, parts);
      await outcome(setting);
      expect(setting.attempts.length).toBe(1);
    }
  });

  it('a 409 to the second of two with one key is no answer while the first runs', async () => {
    const keyed = { request: { method: 'POST' }, options: { idempotencyKey: 'k1' } };
    const conflict = new FakeReply(409);
    const setting = setUp([ok(100, 201), { after: 10, with: conflict }], {}, keyed);
    expect(await outcome(setting)).toMatchObject({ status: 201 });
    expect([conflict.discarded, setting.cancelled]).toEqual([true, []]);
    // Alone it is one, and so it is to a GET.
    expect(await outcome(setUp([ok(10, 409)], {}, keyed))).toMatchObject({ status: 409 });
    const get = setUp([ok(100), ok(10, 409)]);
    expect(await outcome(get)).toMatchObject({ status: 409 });
    // The first one broke, so nobody knows: it is tried again with the same key.
    const broken = setUp([breaks(100), ok(10, 409), ok(10, 201)], {}, keyed);
    expect(await outcome(broken)).toMatchObject({ status: 201 });
  });

  it('not before its body is sent, and only one that is whole in memory', async () => {
    const body = new FakeBody();
    const uploading = setUp(['never', ok(10)], {}, { request: { body }, });
    const result = uploading.run();
    uploading.clock.after(120, () => (uploading.attempts[0]!.uploadedAt = 120));
    await uploading.clock.advance(1000);
    expect(await result).toMatchObject({ status: 200 });
    expect([uploading.begun, body.released, body.rewound]).toEqual([[0, 170], 1, 0]);

    const partly = new FakeBody();
    partly.whole = false;
    const setting = setUp([ok(500)], {}, { request: { body: partly } });
    setting.clock.after(1, () => (setting.attempts[0]!.uploadedAt = 1));
    await outcome(setting);
    expect([setting.attempts.length, named(setting, 'hedge.suppressed')]).toEqual([1, [{ service: 'reviews', reason: 'body-not-replayable', after: 50, enforced: true }]]);
  });

  it('only to an endpoint that was not tried', async () => {
    const setting = setUp([ok(500)], { endpoints: 1 });
    await outcome(setting);
    expect([setting.attempts.length, named(setting, 'hedge.suppressed')]).toEqual([1, [{ service: 'reviews', reason: 'no-other-endpoint', after: 50, enforced: true }]]);
  });

  it('not while the endpoint of the first attempt is still looked for', async () => {
    const setting = setUp([ok(500), ok(1)]);
    const result = setting.run();
    const { endpoint } = setting.attempts[0]!;
    setting.attempts[0]!.endpoint = undefined;
    setting.clock.after(70, () => (setting.attempts[0]!.endpoint = endpoint));
    await setting.clock.advance(1000);
    expect(await result).toMatchObject({ status: 200 });
    expect(setting.begun).toEqual([0, 100]);
  });

  it('within extraLoad of the calls that succeed, from none at the start', async () => {
    const setting = setUp([ok(60)], { saved: 0, hedge: { extraLoad: 0.1 } });
    for (let call = 0; call < 100; call += 1) await outcome(setting);
    expect(named(setting, 'hedge.sent').length).toBe(9);
    expect(named(setting, 'hedge.suppressed')[0]).toEqual({ service: 'reviews', reason: 'extra-load', after: 50, enforced: true });
  });

  it('saves up as many as one endpoint has in flight, not more', async () => {
    const setting = setUp([ok(60)], { saved: 1000, retry: { budget: { perSuccess: 0, cap: 1000, mode: 'enforce' } } });
    const calls = Array.from({ length: 100 }, () => setting.run());
    await setting.clock.advance(1000);
    await Promise.all(calls);
    expect(named(setting, 'hedge.sent').length).toBe(40);
  });

  it('is paid for from the budget of the retries, and never cancels what runs when that is used up', async () => {
    const setting = setUp([ok(60)], { retry: { budget: { perSuccess: 0, cap: 3, mode: 'enforce' } } });
    const calls = Array.from({ length: 10 }, () => setting.run());
    await setting.clock.advance(1000);
    for (const reply of await Promise.all(calls)) expect(reply).toMatchObject({ status: 200 });
    expect([named(setting, 'hedge.sent').length, setting.budget.level(0)]).toEqual([3, 0]);
    expect(named(setting, 'hedge.suppressed')).toHaveLength(7);
    expect(named(setting, 'hedge.suppressed')[0]).toEqual({ service: 'reviews', reason: 'budget', after: 50, enforced: true });
    // Only hedges that lost to the first attempt.
    expect(setting.cancelled.every(([number]) => number > 1)).toBe(true);
    const observed = setUp([ok(60)], { retry: { budget: { perSuccess: 0, cap: 0, mode: 'observe' } } });
    await outcome(observed);
    expect(named(observed, 'hedge.sent').length).toBe(1);
  });

  it('stops for as long as the service says that it is full, and then goes on', async () => {
    const setting = setUp([ok(10, 503, { 'retry-after': '4' }), ok(60)], { retry: 'off' });
    const run = async () => {
      const result = setting.run();
      await setting.clock.advance(1_000);
      await result;
    };
    await run();
    expect(setting.events).toEqual([]);
    await run();
    await run();
    expect(named(setting, 'hedge.suppressed')).toEqual(Array.from({ length: 2 }, () => ({ service: 'reviews', reason: 'overload', after: 50, enforced: true })));
    await setting.clock.advance(1_010);
    await run();
    expect(named(setting, 'hedge.sent').length).toBe(1);
  });

  it('observe: says when it would, sends nothing, and spends nothing that retries need', async () => {
    const setting = setUp([ok(500)], { hedge: { mode: 'observe' }, saved: 1 });
    await outcome(setting);
    await outcome(setting);
    expect([setting.attempts.length, setting.budget.level(0)]).toEqual([2, 10]);
    expect(setting.events).toEqual([
      ['hedge.sent', { service: 'reviews', attempt: 2, after: 50, enforced: false }],
      ['hedge.suppressed', { service: 'reviews', reason: 'extra-load', after: 50, enforced: false }],
    ]);
  });

  it('not because this process stood still: the answers may be here, unread', async () => {
    const setting = setUp([ok(55)]);
    const result = setting.run();
    await setting.clock.advance(10);
    setting.clock.stall(100);
    await setting.clock.advance(1000);
    expect(await result).toMatchObject({ status: 200 });
    expect(setting.attempts.length).toBe(1);
  });

  it('measures what it waits for, and does not fool itself with what it cut off', async () => {
    const random = seededRandom(7);
    const fates = Array.from({ length: 3_000 }, () => ok(random.next() < 0.95 ? 10 : 400));
    const generous = { perSuccess: 1, cap: 1000, mode: 'enforce' } as const;
    const setting = setUp(fates, { hedge: { after: 'p90', extraLoad: 1 }, retry: { budget: generous } });
    const knobs = { after: 'p99', max: 1, extraLoad: 1, mode: 'enforce' } as const;
    expect(setting.hedging.snapshot(knobs).delay).toBeUndefined();
    for (let call = 0; call < 2_000; call += 1) {
      void setting.run();
      await setting.clock.advance(20);
    }
    const sent = named(setting, 'hedge.sent').length;
    expect(sent).toBeGreaterThan(2_000 * 0.03);
    expect(sent).toBeLessThan(2_000 * 0.08);
    // Nearly all of the slow ones were cut off after 10 ms more. Were they forgotten, or believed, p99 would be that of the quick ones.
    expect(setting.hedging.snapshot(knobs).delay).toBeGreaterThan(15);
  });

  it('does not take a hedge that was cut off early for a quick answer', async () => {
    const setting = setUp([ok(55)], { saved: 40, hedge: { extraLoad: 1 }, retry: { budget: { perSuccess: 1, cap: 100, mode: 'enforce' } } });
    for (let call = 0; call < 50; call += 1) {
      const result = setting.run();
      await setting.clock.advance(60);
      await result;
    }
    expect(named(setting, 'hedge.sent').length).toBe(50);
    expect(setting.hedging.snapshot({ after: 'p50', max: 1, extraLoad: 1, mode: 'enforce' }).delay).toBeGreaterThan(50);
  });

  it('a delay that would end after the deadline is none', async () => {
    const setting = setUp([ok(45)], { hedge: { after: 50 } }, { deadline: 50 });
    await outcome(setting);
    expect([setting.attempts.length, setting.events]).toEqual([1, []]);
  });

  it('with retries off, hedges the methods that are safe anyway', async () => {
    const setting = setUp([ok(500), ok(10)], { retry: 'off' });
    await outcome(setting);
    expect(setting.begun).toEqual([0, 50]);
  });

  /** A network of which the test holds both ends. */
  function byHand() {
    const clock = new VirtualClock();
    const budget = new RetryBudget(() => ({ perSuccess: 0, cap: 10 }));
    const hedging = new Hedging({ service: 'reviews', clock, timeouts: new Timeouts(clock), budget, elsewhere: () => true, emit: () => {} });
    const knobs: HedgeKnobs = { after: 50, max: 1, extraLoad: 1, mode: 'enforce' };
    for (let success = 0; success < 10; success += 1) hedging.deposit(knobs);
    const attempts: { attempt: Attempt; resolve: (reply: Reply) => void; reject: (error: MeshError) => void }[] = [];
    const service = retry({ clock, random: { next: () => 0 }, budget, emit: () => {}, hedging })((attempt) => {
      attempt.endpoint = { host: '10.0.0.1', port: 80, weight: 1, priority: 0 };
      return new Promise((resolve, reject) => attempts.push({ attempt, resolve, reject }));
    });
    const call = fakeCall({ policy: { hedge: knobs } });
    return { clock, attempts, call, result: service(call).catch((error: unknown) => error as MeshError) };
  }

  it('leaves no body open where two answers come at once', async () => {
    const { clock, attempts, result } = byHand();
    await clock.advance(60);
    const [one, other] = [new FakeReply(200), new FakeReply(200)];
    attempts[0]!.resolve(one);
    attempts[1]!.resolve(other);
    expect([await result, one.discarded]).toEqual([one, false]);
    await clock.advance(0);
    expect(other.discarded).toBe(true);
  });

  it('sends nothing for a call that is over and whose attempts have yet to end', async () => {
    const { clock, attempts, call, result } = byHand();
    await clock.advance(40);
    const reason = new MeshError('CANCELLED', 'the caller left');
    call.cancellation.cancel(reason);
    await clock.advance(20);
    expect(attempts.length).toBe(1);
    attempts[0]!.reject(reason);
    expect(await result).toBe(reason);
  });

  it('of attempts that were broken off nobody knows what they sent', async () => {
    const { clock, attempts, call, result } = byHand();
    await clock.advance(60);
    const reason = new MeshError('CANCELLED', 'the caller left', { sent: 'no' });
    call.cancellation.cancel(reason);
    attempts[0]!.reject(reason);
    expect(await result).toMatchObject({ code: 'CANCELLED', sent: 'maybe', attempts: 2 });
  });

  it('survives a layer that throws where it should reject', async () => {
    const clock = new VirtualClock();
    const timeouts = new Timeouts(clock);
    const budget = new RetryBudget(() => ({ perSuccess: 0, cap: 10 }));
    const hedging = new Hedging({ service: 'reviews', clock, timeouts, budget, elsewhere: () => true, emit: () => {} });
    for (let success = 0; success < 10; success += 1) hedging.deposit({ after: 50, max: 1, extraLoad: 1, mode: 'enforce' });
    const service = retry({ clock, random: { next: () => 0 }, budget, emit: () => {}, hedging })((attempt) => {
      attempt.endpoint = { host: '10.0.0.1', port: 80, weight: 1, priority: 0 };
      if (attempt.number > 1) throw new TypeError('a mistake in a layer');
      return new Promise((resolve) => void clock.after(100, () => resolve(new FakeReply(200))));
    });
    const result = service(fakeCall({ policy: { hedge: { after: 50, max: 1, extraLoad: 1, mode: 'enforce' } } }));
    await clock.advance(1000);
    expect(await result).toMatchObject({ status: 200 });
  });
});
