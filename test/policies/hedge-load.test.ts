/**
 * The load that hedging adds, whatever happens: calls come in bursts and singly, answers are quick, slow, failures or none, and the policy is
 * reloaded in between. A hedge is paid for by the `extraLoad` of each call that succeeded before it:
 *
 *     from the beginning on       hedges ≤ Σ extraLoad of the calls that succeeded            ≤ extraLoad · calls
 *     in any while                hedges ≤ 40 + Σ extraLoad of those that succeeded in it      40 are saved up at most
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Attempt, Reply } from '../../src/core/call.ts';
import type { Millis } from '../../src/core/clock.ts';
import { MeshError } from '../../src/core/errors.ts';
import { defaultServicePolicy, type HedgeKnobs, type ServicePolicy } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { RetryBudget } from '../../src/policies/budget.ts';
import { Hedging } from '../../src/policies/hedge.ts';
import { retry } from '../../src/policies/retry.ts';
import { Timeouts } from '../../src/policies/timeouts.ts';
import { fakeCall } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** As docs/retries.md has it. */
const SAVED_AT_MOST = 40;
const ROUNDING = 1e-6;
const DEADLINE: Millis = 5_000;

/** What becomes of an attempt: its answer after so long, or no answer. */
interface Fate {
  readonly kind: 'ok' | 'failure' | 'reset' | 'full' | 'silence';
  readonly after: Millis;
}

const fate = fc.record<Fate>({
  kind: fc.oneof({ arbitrary: fc.constant('ok' as const), weight: 12 }, { arbitrary: fc.constantFrom('failure' as const, 'reset' as const, 'silence' as const), weight: 2 }, { arbitrary: fc.constant('full' as const), weight: 1 }),
  after: fc.oneof({ arbitrary: fc.integer({ min: 0, max: 10 }), weight: 3 }, { arbitrary: fc.integer({ min: 0, max: 400 }), weight: 1 }),
});
const quick = fc.constant<Fate>({ kind: 'ok', after: 2 });
const slow = fc.constant<Fate>({ kind: 'ok', after: 300 });

const knobs = fc.record<Pick<HedgeKnobs, 'after' | 'max' | 'extraLoad'>>({
  after: fc.constantFrom<HedgeKnobs['after']>(0, 5, 5, 60, 'auto', 'p50', 'p90'),
  max: fc.integer({ min: 1, max: 3 }),
  extraLoad: fc.constantFrom(0, 0.01, 0.05, 0.3, 1),
});

/** A while in which so many calls come, this far apart, under one policy. */
const phase = fc.record({
  calls: fc.integer({ min: 1, max: 120 }),
  apart: fc.constantFrom(0, 0, 3, 40),
  fates: fc.oneof(fc.array(quick, { minLength: 1, maxLength: 1 }), fc.array(slow, { minLength: 1, maxLength: 1 }), fc.array(fate, { minLength: 1, maxLength: 12 })),
  reload: fc.option(knobs, { freq: 2 }),
  mode: fc.constantFrom<HedgeKnobs['mode']>('enforce', 'enforce', 'enforce', 'observe'),
});

function setUp(cap: number) {
  const clock = new VirtualClock(1_000);
  const budget = new RetryBudget(() => ({ perSuccess: 1, cap }));
  /** `debt`: hedges that were sent, less the deposits that may pay for them; `burst`: the most that it rose by in any while. */
  const load = { calls: 0, attempts: 0, hedges: 0, debt: 0, lowest: 0, highest: 0, burst: 0, suppressed: 0 };
  let fates: readonly Fate[] = [];

  const emit = (name: string, event: object): void => {
    if (name === 'hedge.suppressed' && (event as { reason: string }).reason === 'extra-load') load.suppressed += 1;
    if (name !== 'hedge.sent') return;
    load.hedges += 1;
    load.debt += 1;
    load.highest = Math.max(load.highest, load.debt);
    load.burst = Math.max(load.burst, load.debt - load.lowest);
  };
  const deposited = (share: number): void => {
    load.debt -= share;
    load.lowest = Math.min(load.lowest, load.debt);
  };
  const network = (attempt: Attempt): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const { kind, after } = fates[load.attempts++ % fates.length]!;
      const host = `10.0.0.${attempt.number}`;
      attempt.call.tried.add(`${host}:80`);
      attempt.endpoint = { host, port: 80, weight: 1, priority: 0 };
      const timer = kind === 'silence' ? undefined : clock.after(after, () => {
        attempt.cancellation.unsubscribe(listener);
        if (kind === 'reset') reject(new MeshError('CONNECTION_RESET', 'reset', { sent: 'maybe' }));
        else resolve(kind === 'ok' ? new FakeReply(200) : kind === 'failure' ? new FakeReply(503) : new FakeReply(429));
      });
      const listener = {
        cancelled(reason: MeshError) {
          timer?.cancel();
          reject(reason);
        },
      };
      attempt.cancellation.subscribe(listener);
    });

  const hedging = new Hedging({ service: 'reviews', clock, timeouts: new Timeouts(clock), budget, elsewhere: ({ tried }) => tried.size < 9, emit });
  const layer = retry({ clock, random: seededRandom(7), budget, emit, hedging });
  const service = layer(network);

  const call = (hedge: HedgeKnobs): void => {
    const policy: ServicePolicy = { ...defaultServicePolicy, hedge };
    const one = fakeCall({ policy, startedAt: clock.now() });
    load.calls += 1;
    // Nobody waits for ever; the deadline is not what this is about.
    const late = clock.after(DEADLINE, () => one.cancellation.cancel(new MeshError('DEADLINE_EXCEEDED', 'late', { sent: 'maybe' })));
    const over = (): void => late.cancel();
    service(one).then((reply) => {
      if (reply.status === 200) deposited(hedge.extraLoad);
      over();
    }, over);
  };
  return { clock, load, call, play: (next: readonly Fate[]) => void (fates = next), saved: (hedge: HedgeKnobs) => hedging.snapshot(hedge).saved };
}

it('never adds more than its share of the calls and what was saved up, with any latencies, failures, delays and reloads', async () => {
  const seen = { hedges: 0, suppressed: 0, full: 0, burst: 0 };
  await fc.assert(
    fc.asyncProperty(knobs, fc.array(phase, { minLength: 1, maxLength: 8, size: '+1' }), fc.constantFrom(1_000, 1_000, 20), async (first, phases, cap) => {
      const { clock, load, call, play, saved } = setUp(cap);
      let hedge: HedgeKnobs = { ...first, mode: 'enforce' };
      let most = hedge.extraLoad;
      for (const { calls, apart, fates, reload, mode } of phases) {
        hedge = { ...hedge, ...reload, mode };
        most = Math.max(most, hedge.extraLoad);
        play(fates);
        for (let number = 0; number < calls; number += 1) {
          call(hedge);
          if (apart > 0) await clock.advance(apart);
        }
        await clock.advance(1_000);
        if (saved(hedge) === SAVED_AT_MOST) seen.full += 1;
      }
      await clock.advance(DEADLINE + 1_000);
      expect(load.highest).toBeLessThanOrEqual(ROUNDING);
      expect(load.burst).toBeLessThanOrEqual(SAVED_AT_MOST + ROUNDING);
      expect(load.hedges).toBeLessThanOrEqual(most * load.calls + ROUNDING);
      seen.burst = Math.max(seen.burst, load.burst);
      seen.hedges += load.hedges;
      seen.suppressed += load.suppressed;
    }),
    { numRuns: 200 },
  );
  // It was about something: hedges were sent and refused, and savings were full and spent at once.
  expect(seen.hedges).toBeGreaterThan(500);
  expect(seen.suppressed).toBeGreaterThan(500);
  expect(seen.full).toBeGreaterThan(5);
  expect(seen.burst).toBeGreaterThanOrEqual(SAVED_AT_MOST - 1);
});
