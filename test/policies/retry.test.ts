import { describe, expect, it } from 'vitest';
import type { Attempt, Call, Reply } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import type { MeshEventMap, MeshEventName } from '../../src/core/events.ts';
import { defaultServicePolicy, type RetryKnobs } from '../../src/core/policy.ts';
import { RetryBudget } from '../../src/policies/budget.ts';
import { retry } from '../../src/policies/retry.ts';
import { FakeBody, fakeCall, silence, type FakeCallParts } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

type Result = FakeReply | MeshError | Error | 'silence';

const refused = () => new MeshError('CONNECT_FAILED', 'refused', { sent: 'no' });
const reset = () => new MeshError('CONNECTION_RESET', 'reset', { sent: 'maybe' });
const ok = () => new FakeReply(200);

/** Every attempt gets the next result; the last one again and again. Delays are the whole backoff: 25, 50, 100 ms … */
function setUp(results: Result[], knobs: Partial<RetryKnobs> = {}, parts: FakeCallParts = {}) {
  const clock = new VirtualClock();
  const policy: RetryKnobs = { ...defaultServicePolicy.retry, backoff: { base: 25, max: 250, jitter: 'none' }, ...knobs };
  const budget = new RetryBudget(() => policy.budget);
  const events: [MeshEventName, MeshEventMap[MeshEventName]][] = [];
  const attempts: Attempt[] = [];
  const times: number[] = [];
  const transport = (attempt: Attempt): Promise<Reply> => {
    const result = results[Math.min(attempts.length, results.length - 1)]!;
    attempts.push(attempt);
    times.push(clock.now());
    if (result === 'silence') return silence(attempt);
    return result instanceof FakeReply ? Promise.resolve(result) : Promise.reject(result);
  };
  const layer = retry({ clock, random: { next: () => 0.5 }, budget, emit: (name, event) => void events.push([name, event]) });
  const service = layer(transport);
  const call = fakeCall({ ...parts, policy: { retry: policy, ...parts.policy } });
  const run = (it = call) => service(it).catch((error: unknown) => error as MeshError);
  return { clock, budget, events, attempts, times, call, run };
}

/** Runs to the end. */
async function outcome(setting: ReturnType<typeof setUp>) {
  const result = setting.run();
  await setting.clock.advance(60_000);
  return result;
}

function suppressed(setting: ReturnType<typeof setUp>) {
  return setting.events.filter(([name]) => name === 'retry.suppressed').map(([, event]) => event);
}

describe('retry', () => {
  it('makes one attempt where that is the answer', async () => {
    const reply = ok();
    const setting = setUp([reply]);
    expect(await outcome(setting)).toBe(reply);
    expect(setting.attempts.map(({ number, headers }) => [number, headers])).toEqual([[1, []]]);
    expect([setting.call.attempts, setting.events, reply.discarded]).toEqual([1, [], false]);
  });

  it('makes further attempts after a growing delay, each numbered and with a cancellation of its own', async () => {
    const reply = ok();
    const setting = setUp([refused(), refused(), reply]);
    expect(await outcome(setting)).toBe(reply);
    expect(setting.times).toEqual([0, 25, 75]);
    expect(setting.attempts.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(new Set(setting.attempts.map(({ cancellation }) => cancellation)).size).toBe(3);
    expect(setting.events).toEqual([
      ['retry.scheduled', { service: 'reviews', attempt: 2, delay: 25, because: 'CONNECT_FAILED', enforced: true }],
      ['retry.scheduled', { service: 'reviews', attempt: 3, delay: 50, because: 'CONNECT_FAILED', enforced: true }],
    ]);
  });

  it('discards the replies that are not the answer, before it waits', async () => {
    const [first, last] = [new FakeReply(503), ok()];
    const setting = setUp([first, last]);
    const result = setting.run();
    await setting.clock.advance(0);
    expect(first.discarded).toBe(true);
    await setting.clock.advance(1000);
    expect([await result, last.discarded]).toEqual([last, false]);
  });

  it('hands over the last 5xx as the reply that it is', async () => {
    const replies = [new FakeReply(503), new FakeReply(503), new FakeReply(503)];
    const setting = setUp(replies);
    expect(await outcome(setting)).toBe(replies[2]);
    expect(replies.map(({ discarded }) => discarded)).toEqual([true, true, false]);
    expect(suppressed(setting)).toEqual([{ service: 'reviews', attempt: 3, reason: 'max-retries', because: 503, enforced: true }]);
  });

  it('tells the last error how many attempts there were and what may have been sent', async () => {
    const setting = setUp([reset(), refused(), refused()]);
    const error = await outcome(setting);
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', attempts: 3, sent: 'maybe', retryable: false, retrySuppressed: 'max-retries', service: 'reviews' });
  });

  it('does not retry what the conditions do not name, nor with retries off', async () => {
    for (const setting of [setUp([new FakeReply(500)]), setUp([refused()], { on: [] }), setUp([refused()], {}, { policy: { retry: 'off' } })]) {
      await outcome(setting);
      expect([setting.attempts.length, setting.events]).toEqual([1, []]);
    }
  });

  it('passes on what is no MeshError untouched', async () => {
    const bug = new TypeError('a mistake in a layer');
    const setting = setUp([bug], { on: ['5xx', 'reset', 'connect-failure', 'timeout'] });
    expect(await outcome(setting)).toBe(bug);
    expect(setting.attempts.length).toBe(1);
  });

  it('never sends a POST twice without proof that it did not leave', async () => {
    const setting = setUp([reset()], {}, { request: { method: 'POST' } });
    expect(await outcome(setting)).toMatchObject({ code: 'CONNECTION_RESET', attempts: 1, sent: 'maybe', retrySuppressed: 'not-idempotent' });
    expect(suppressed(setting)).toEqual([{ service: 'reviews', attempt: 1, reason: 'not-idempotent', because: 'CONNECTION_RESET', enforced: true }]);
    const answered = setUp([new FakeReply(503)], {}, { request: { method: 'POST' } });
    await outcome(answered);
    expect([answered.attempts.length, suppressed(answered).length]).toEqual([1, 1]);
  });

  it('sends a POST again that provably did not leave, or has a key, and then the key with every attempt', async () => {
    const unsent = setUp([refused(), ok()], {}, { request: { method: 'POST' } });
    await outcome(unsent);
    expect(unsent.attempts.length).toBe(2);
    const keyed = setUp([reset(), ok()], {}, { request: { method: 'POST' }, options: { idempotencyKey: 'k1' } });
    await outcome(keyed);
    expect(keyed.attempts.map(({ headers }) => headers)).toEqual([['idempotency-key', 'k1'], ['idempotency-key', 'k1']]);
  });

  it('does not retry a request whose body is gone', async () => {
    const body = new FakeBody(false);
    const setting = setUp([refused()], {}, { request: { body } });
    expect(await outcome(setting)).toMatchObject({ retrySuppressed: 'body-not-replayable', attempts: 1 });
  });

  it('lets go of the body after the last attempt, not before', async () => {
    const body = new FakeBody();
    const setting = setUp([refused(), ok()], {}, { request: { body } });
    const result = setting.run();
    await setting.clock.advance(20);
    expect(body.released).toBe(0);
    await setting.clock.advance(100);
    await result;
    expect(body.released).toBe(1);
    const failing = new FakeBody();
    await outcome(setUp([reset()], { maxRetries: 0 }, { request: { body: failing } }));
    expect(failing.released).toBe(1);
  });

  it('never retries upgrades and CONNECT', async () => {
    for (const request of [{ upgrade: 'websocket' }, { method: 'CONNECT' }]) {
      const setting = setUp([refused()], {}, { request });
      await outcome(setting);
      expect([setting.attempts.length, setting.events]).toEqual([1, []]);
    }
  });

  it('does not retry where the caller says so, which is a reason only where it would have', async () => {
    const setting = setUp([refused()], {}, { options: { retry: false } });
    expect(await outcome(setting)).toMatchObject({ retrySuppressed: 'caller', attempts: 1 });
    const fine = setUp([new FakeReply(404)], {}, { options: { retry: false } });
    await outcome(fine);
    expect(fine.events).toEqual([]);
  });

  it('waits as long as the server asks, up to a limit beyond which there is no retry', async () => {
    const setting = setUp([new FakeReply(503, { 'retry-after': '2' }), ok()]);
    await outcome(setting);
    expect(setting.times).toEqual([0, 2000]);
    const tooLong = setUp([new FakeReply(503, { 'retry-after': '6' }), ok()]);
    expect(await outcome(tooLong)).toMatchObject({ status: 503 });
    expect(suppressed(tooLong)).toEqual([{ service: 'reviews', attempt: 1, reason: 'retry-after', because: 503, enforced: true }]);
  });

  it('reads a Retry-After date by the time of day, and backs off as ever where it says nothing', async () => {
    const date = new Date(new VirtualClock().wall() + 3000).toUTCString();
    const dated = setUp([new FakeReply(429, { 'retry-after': date }), ok()], { on: ['overload'] });
    await outcome(dated);
    expect(dated.times).toEqual([0, 3000]);
    for (const nonsense of ['soon', '-5', '', '0', new Date(0).toUTCString()]) {
      const setting = setUp([new FakeReply(503, { 'retry-after': nonsense }), ok()]);
      await outcome(setting);
      expect(setting.times).toEqual([0, 25]);
    }
  });

  it('begins nothing that would begin after the deadline', async () => {
    const setting = setUp([reset()], {}, { deadline: 60 });
    expect(await outcome(setting)).toMatchObject({ retrySuppressed: 'deadline', attempts: 2 });
    expect(setting.times).toEqual([0, 25]);
    expect(setting.budget.level(0)).toBe(9);
  });

  it('begins nothing after the deadline either where the process stood still', async () => {
    const setting = setUp([refused()], {}, { deadline: 1000 });
    const result = setting.run();
    await setting.clock.advance(10);
    setting.clock.stall(2000);
    await setting.clock.advance(1);
    expect(await result).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'local', attempts: 1, sent: 'no' });
  });

  it('has the body rewound before it waits: what is read from then on must be kept', async () => {
    const body = new FakeBody();
    const setting = setUp([refused(), ok()], {}, { request: { method: 'PUT', body } });
    const result = setting.run();
    await setting.clock.advance(10);
    expect([setting.attempts.length, body.rewound]).toEqual([1, 1]);
    await setting.clock.advance(1000);
    expect([await result, body.rewound, body.released]).toMatchObject([{ status: 200 }, 1, 1]);
  });

  it('stops waiting the moment the call is cancelled, and begins nothing after it', async () => {
    const setting = setUp([refused()]);
    const reason = new MeshError('CANCELLED', 'the caller left');
    const result = setting.run();
    await setting.clock.advance(10);
    setting.call.cancellation.cancel(reason);
    await setting.clock.advance(0);
    expect(await result).toBe(reason);
    expect([setting.attempts.length, setting.clock.timers]).toEqual([1, 0]);
    const again = setUp([ok()]);
    again.call.cancellation.cancel(reason);
    expect(await again.run()).toBe(reason);
    expect(again.attempts.length).toBe(0);
  });

  it('cancels the attempt with the call', async () => {
    const setting = setUp(['silence']);
    const result = setting.run();
    const reason = new MeshError('CANCELLED', 'the caller left', { sent: 'maybe' });
    setting.call.cancellation.cancel(reason);
    expect(await result).toBe(reason);
    expect(setting.events).toEqual([]);
  });

  it('spends a budget that only successes fill', async () => {
    const setting = setUp([reset()], { budget: { perSuccess: 0.5, cap: 3, mode: 'enforce' } });
    await outcome(setting);
    const second = setting.run(fakeCall({ policy: setting.call.policy, startedAt: setting.clock.now() }));
    await setting.clock.advance(1000);
    expect(await second).toMatchObject({ retrySuppressed: 'budget', attempts: 2 });
    expect(setting.attempts.length).toBe(2 + 3);
    expect(suppressed(setting).map((event) => (event as { reason: string }).reason)).toEqual(['max-retries', 'budget']);
  });

  it('spends nothing on a retry that is refused, and earns with every success', async () => {
    const setting = setUp([reset()], {}, { request: { method: 'POST' } });
    await outcome(setting);
    expect(setting.budget.level(0)).toBe(10);
    const earning = setUp([reset(), ok()], { budget: { perSuccess: 0.1, cap: 10, mode: 'enforce' } });
    await outcome(earning);
    expect(earning.budget.level(0)).toBeCloseTo(9.1);
    const failing = setUp([reset(), new FakeReply(500)]);
    await outcome(failing);
    expect(failing.budget.level(0)).toBe(9);
  });

  it('takes nothing for a retry of what was never sent: a replica that is gone must not use up what resets will need', async () => {
    const setting = setUp([refused()], { budget: { perSuccess: 0, cap: 0, mode: 'enforce' } });
    expect(await outcome(setting)).toMatchObject({ code: 'CONNECT_FAILED', attempts: 3, retrySuppressed: 'max-retries' });
    const mixed = setUp([refused(), reset()], { budget: { perSuccess: 0, cap: 0, mode: 'enforce' } });
    expect(await outcome(mixed)).toMatchObject({ code: 'CONNECTION_RESET', attempts: 2, retrySuppressed: 'budget' });
  });

  it('while serving a retry, sends again only what was provably not sent: retries of retries multiply at every hop', async () => {
    const serving = setUp([new FakeReply(503)], {}, { servingRetry: true });
    expect(await outcome(serving)).toMatchObject({ status: 503 });
    expect([serving.attempts.length, suppressed(serving)]).toEqual([1, [{ service: 'reviews', attempt: 1, reason: 'retry-of-retry', because: 503, enforced: true }]]);
    const broken = setUp([reset()], {}, { servingRetry: true });
    expect(await outcome(broken)).toMatchObject({ attempts: 1, retrySuppressed: 'retry-of-retry' });
    const unsent = setUp([refused(), ok()], {}, { servingRetry: true });
    expect(await outcome(unsent)).toMatchObject({ status: 200 });
    const allowed = setUp([reset(), ok()], { retryOfRetry: true }, { servingRetry: true });
    expect(await outcome(allowed)).toMatchObject({ status: 200 });
  });

  it('observe: says what it would do, and makes one attempt', async () => {
    const setting = setUp([reset()], { mode: 'observe' });
    expect(await outcome(setting)).toMatchObject({ code: 'CONNECTION_RESET', attempts: 1 });
    expect(setting.events).toEqual([['retry.scheduled', { service: 'reviews', attempt: 2, delay: 25, because: 'CONNECTION_RESET', enforced: false }]]);
    const post = setUp([reset()], { mode: 'observe' }, { request: { method: 'POST' } });
    await outcome(post);
    expect(suppressed(post)).toMatchObject([{ reason: 'not-idempotent', enforced: false }]);
  });

  it('with a budget that is only observed, makes the retry that could not be paid for, and says so', async () => {
    const setting = setUp([reset(), ok()], { budget: { perSuccess: 0, cap: 0, mode: 'observe' } });
    expect(await outcome(setting)).toMatchObject({ status: 200 });
    expect(setting.events).toEqual([
      ['retry.suppressed', { service: 'reviews', attempt: 1, reason: 'budget', because: 'CONNECTION_RESET', enforced: false }],
      ['retry.scheduled', { service: 'reviews', attempt: 2, delay: 25, because: 'CONNECTION_RESET', enforced: true }],
    ]);
  });

  it('counts each call once in a budget that is a share of the calls, however many attempts it gets', async () => {
    const budget = { percent: 50, interval: 10_000, minRetryRate: { count: 0, interval: 1000 }, mode: 'enforce' } as const;
    const setting = setUp([reset()], { budget });
    for (let call = 0; call < 3; call += 1) void setting.run();
    await setting.clock.advance(1000);
    expect([setting.attempts.length, suppressed(setting).length]).toEqual([3 + 1, 3]);
  });

  it('tells whoever keeps the call’s span', async () => {
    const told: unknown[] = [];
    const clock = new VirtualClock();
    const policy = { ...defaultServicePolicy.retry, maxRetries: 1 };
    const observer = {
      again: (call: Call, enforced: boolean) => void told.push(['again', call.attempts, enforced]),
      suppressed: (call: Call, reason: string, enforced: boolean) => void told.push([reason, call.attempts, enforced]),
    };
    const service = retry({ clock, random: { next: () => 0.5 }, budget: new RetryBudget(() => policy.budget), emit: () => {}, observer })(async () => new FakeReply(503));
    const result = service(fakeCall({ policy: { retry: policy } }));
    await clock.advance(1000);
    await result;
    expect(told).toEqual([['again', 1, true], ['max-retries', 2, true]]);
  });

  it('shows its name in the trace of an error', async () => {
    const layer = retry({ clock: new VirtualClock(), random: { next: () => 0 }, budget: new RetryBudget(() => ({ perSuccess: 0, cap: 0 })), emit: () => {} });
    const service = layer(() => {
      throw new MeshError('INVALID_REQUEST', 'made below');
    });
    const error = (await service(fakeCall()).catch((thrown: unknown) => thrown)) as MeshError;
    expect(error.stack).toMatch(/at retry \(/);
  });
});
