import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Attempt, Reply } from '../../src/core/call.ts';
import { MeshError } from '../../src/core/errors.ts';
import type { MeshEventMap, MeshEventName } from '../../src/core/events.ts';
import type { OutcomeKind } from '../../src/core/outcome.ts';
import { defaultServicePolicy, type CircuitKnobs, type Switchable } from '../../src/core/policy.ts';
import { Circuit } from '../../src/policies/circuit.ts';
import { fakeAttempt } from '../support/fake-call.ts';
import { FakeReply } from '../support/fake-reply.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

const knobs: CircuitKnobs = { failureRate: 0.5, window: 10_000, minRequests: 4, openFor: 5_000, maxOpenFor: 8_000, probes: 1, mode: 'enforce' };
const failure = () => new MeshError('CONNECTION_RESET', 'reset', { sent: 'maybe' });
const withOutcome = (outcome: OutcomeKind) => new MeshError('ATTEMPT_TIMEOUT', outcome, { outcome });

interface Pending {
  readonly attempt: Attempt;
  readonly answer: (reply: Reply) => void;
  readonly fail: (error: MeshError) => void;
  readonly result: Promise<Reply | MeshError>;
}

function setUp(initial: Switchable<CircuitKnobs> = knobs) {
  const clock = new VirtualClock(123.456);
  const world = { knobs: initial };
  const events: [MeshEventName, MeshEventMap[MeshEventName]][] = [];
  const circuit = new Circuit({ service: 'reviews', clock, knobs: () => world.knobs, emit: (name, event) => void events.push([name, event]) });
  let next: (attempt: Attempt) => Promise<Reply> = async () => new FakeReply();
  let sent = 0;
  const service = circuit.layer((attempt) => {
    sent += 1;
    return next(attempt);
  });
  return {
    clock, world, events, circuit,
    get sent() {
      return sent;
    },
    /** One attempt that ends at once: with this reply, error or status. */
    async send(result: FakeReply | Error | number = 200): Promise<Reply | MeshError> {
      next = async () => {
        if (result instanceof Error) throw result;
        return typeof result === 'number' ? new FakeReply(result) : result;
      };
      return service(fakeAttempt()).catch((error: unknown) => error as MeshError);
    },
    /** One attempt that ends when the test says so; undefined where the circuit did not let it through. */
    begin(): Pending | undefined {
      let pending: Omit<Pending, 'result'> | undefined;
      next = (attempt) => new Promise((answer, fail) => (pending = { attempt, answer, fail }));
      const result = service(fakeAttempt()).catch((error: unknown) => error as MeshError);
      return pending === undefined ? undefined : { ...pending, result };
    },
  };
}

async function opened(initial?: Switchable<CircuitKnobs>) {
  const setting = setUp(initial);
  for (let attempt = 0; attempt < 4; attempt += 1) await setting.send(failure());
  expect(setting.circuit.state).toBe('open');
  return setting;
}

/** Open, and its time is over. */
async function ready() {
  const setting = await opened();
  await setting.clock.advance(5_000);
  return setting;
}

const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);
beforeEach(() => void process.on('unhandledRejection', note));
afterEach(async () => {
  await settle();
  process.off('unhandledRejection', note);
  expect(unhandled.splice(0)).toEqual([]);
});

describe('circuit, closed', () => {
  it('opens when more than the given share of enough attempts failed, before the next attempt comes', async () => {
    const setting = setUp();
    await setting.send();
    await setting.send(503);
    await setting.send();
    await setting.send(failure());
    expect(setting.circuit.state).toBe('closed');
    await setting.send(500);
    expect(setting.circuit.state).toBe('open');
    expect(setting.events).toEqual([['circuit.opened', { service: 'reviews', route: undefined, failureRate: 0.6, requests: 5, openFor: 5_000, enforced: true }]]);
  });

  it('does not open for too few attempts, nor for failures of long ago', async () => {
    const setting = setUp();
    for (let attempt = 0; attempt < 3; attempt += 1) await setting.send(failure());
    expect(setting.circuit.state).toBe('closed');
    await setting.clock.advance(3_600_000);
    for (let attempt = 0; attempt < 3; attempt += 1) await setting.send(failure());
    expect(setting.circuit.state).toBe('closed');
  });

  it('never opens for what is local, cancelled or an overload, nor counts it', async () => {
    const setting = setUp();
    for (let attempt = 0; attempt < 50; attempt += 1) {
      await setting.send(withOutcome('local'));
      await setting.send(withOutcome('cancelled'));
      await setting.send(429);
      await setting.send(new FakeReply(503, { 'retry-after': '1' }));
      await setting.send(new TypeError('a mistake in a layer'));
    }
    expect(setting.circuit.snapshot()).toEqual({ state: 'closed', requests: 0, failures: 0, openings: 0, retryAt: undefined, enforced: true });
  });

  it('counts a body that breaks off as a failure instead of a success, unless the caller left', async () => {
    const setting = setUp();
    const replies = Array.from({ length: 5 }, () => new FakeReply());
    for (const reply of replies) await setting.send(reply);
    replies[0]!.end();
    replies[1]!.end(new MeshError('CANCELLED', 'the caller left'));
    expect(setting.circuit.snapshot()).toMatchObject({ requests: 5, failures: 0 });
    replies[2]!.end(failure());
    replies[3]!.end(failure());
    expect(setting.circuit.snapshot()).toMatchObject({ requests: 5, failures: 2 });
    replies[4]!.end(failure());
    await settle();
    expect(setting.circuit.state).toBe('open');
  });

  it('passes results on as they are', async () => {
    const setting = setUp();
    const [fine, bad, error] = [new FakeReply(), new FakeReply(500), failure()];
    expect([await setting.send(fine), await setting.send(bad), await setting.send(error)]).toEqual([fine, bad, error]);
  });

  it('opens once for many failures at the same moment', async () => {
    const setting = setUp();
    const pending = Array.from({ length: 40 }, () => setting.begin()!);
    for (const { fail } of pending) fail(failure());
    await settle();
    expect(setting.events.map(([name]) => name)).toEqual(['circuit.opened']);
    expect(setting.circuit.snapshot().openings).toBe(1);
  });
});

describe('circuit, open', () => {
  it('fails attempts at once and says when the next may go', async () => {
    const setting = await opened();
    await setting.clock.advance(1_000);
    const before = setting.sent;
    const error = await setting.send();
    expect(error).toMatchObject({ code: 'CIRCUIT_OPEN', outcome: 'local', sent: 'no', retryable: true, retryAt: setting.clock.wall() + 4_000 });
    expect((error as MeshError).message).toBe('reviews: the circuit is open, the next attempt may go in 4000 ms');
    expect([setting.sent - before, setting.circuit.snapshot().retryAt]).toEqual([0, setting.clock.wall() + 4_000]);
  });

  it('stays open as long as the monotonic clock says, whatever is done to the time of day', async () => {
    const setting = await opened();
    await setting.clock.advance(4_999);
    expect(setting.begin()).toBeUndefined();
    await setting.clock.advance(1);
    expect(setting.begin()).toBeDefined();
    expect(setting.events.map(([name]) => name)).toEqual(['circuit.opened', 'circuit.half-opened']);
  });

  it('ignores what comes of attempts that began before', async () => {
    const setting = setUp();
    const early = [setting.begin()!, setting.begin()!, setting.begin()!];
    for (let attempt = 0; attempt < 4; attempt += 1) await setting.send(failure());
    early[0]!.answer(new FakeReply());
    await early[0]!.result;
    expect(setting.circuit.state).toBe('open');
    await setting.clock.advance(5_000);
    const trial = setting.begin()!;
    early[1]!.fail(failure());
    await early[1]!.result;
    await settle();
    expect(setting.circuit.state).toBe('half-open');
    trial.answer(new FakeReply());
    await trial.result;
    expect(setting.circuit.state).toBe('closed');
    early[2]!.answer(new FakeReply());
    await early[2]!.result;
    expect(setting.circuit.snapshot().requests).toBe(0);
  });
});

describe('circuit, half-open', () => {
  it('lets one attempt through and fails the others at once', async () => {
    const setting = await ready();
    const trial = setting.begin();
    expect(trial).toBeDefined();
    expect(await setting.send()).toMatchObject({ code: 'CIRCUIT_OPEN', retryAt: setting.clock.wall() + 5_000 });
    expect(setting.circuit.state).toBe('half-open');
  });

  it('closes when it succeeds, before its caller hears of it, and starts counting anew', async () => {
    const setting = await ready();
    expect(await setting.send()).toMatchObject({ status: 200 });
    expect(setting.circuit.snapshot()).toEqual({ state: 'closed', requests: 0, failures: 0, openings: 0, retryAt: undefined, enforced: true });
    expect(setting.events.map(([name]) => name)).toEqual(['circuit.opened', 'circuit.half-opened', 'circuit.closed']);
    for (let attempt = 0; attempt < 3; attempt += 1) expect(await setting.send()).toMatchObject({ status: 200 });
  });

  it('opens again when it fails, each time for a quarter longer up to the longest, and forgets that when it closes', async () => {
    const setting = await ready();
    const openFor: number[] = [];
    for (const wait of [6_250, 7_812.5, 8_000, 8_000]) {
      await setting.send(failure());
      expect(setting.circuit.state).toBe('open');
      openFor.push((setting.events.at(-1)![1] as MeshEventMap['circuit.opened']).openFor);
      await setting.clock.advance(wait - 1);
      expect(setting.begin()).toBeUndefined();
      await setting.clock.advance(1);
    }
    expect(openFor).toEqual([6_250, 7_812.5, 8_000, 8_000]);
    await setting.send();
    expect(setting.circuit.state).toBe('closed');
    for (let attempt = 0; attempt < 4; attempt += 1) await setting.send(failure());
    expect(setting.events.at(-1)![1]).toMatchObject({ openFor: 5_000 });
  });

  it('passes the seat on where an outcome says nothing about the service', async () => {
    const setting = await ready();
    for (const nothing of [withOutcome('local'), withOutcome('cancelled'), 429]) {
      await setting.send(nothing);
      expect(setting.circuit.state).toBe('half-open');
    }
    await setting.send();
    expect(setting.circuit.state).toBe('closed');
    expect(setting.events.filter(([name]) => name === 'circuit.half-opened').length).toBe(1);
  });

  it('passes the seat on after a lease, and believes whichever answers first', async () => {
    const setting = await ready();
    const lost = setting.begin()!;
    await setting.clock.advance(4_999);
    expect(setting.begin()).toBeUndefined();
    await setting.clock.advance(1);
    const second = setting.begin()!;
    expect(setting.begin()).toBeUndefined();
    // One that has lost its seat has none to give away.
    lost.fail(withOutcome('cancelled'));
    await lost.result;
    expect(setting.begin()).toBeUndefined();
    second.answer(new FakeReply());
    await second.result;
    expect(setting.circuit.state).toBe('closed');
  });

  it('stays open for `openFor` and a quarter of the time since it opened', async () => {
    const setting = setUp({ ...knobs, openFor: 250, maxOpenFor: 60_000 });
    for (let attempt = 0; attempt < 4; attempt += 1) await setting.send(failure());
    const since = setting.clock.now();
    for (let trial = 0; trial < 20; trial += 1) {
      const { openFor } = setting.events.at(-1)![1] as MeshEventMap['circuit.opened'];
      expect(openFor).toBeCloseTo(250 + (setting.clock.now() - since) / 4, 6);
      await setting.clock.advance(openFor);
      await setting.send(failure());
    }
  });

  it('gives a trial a second, also where it was open for less', async () => {
    const setting = setUp({ ...knobs, openFor: 250 });
    for (let attempt = 0; attempt < 4; attempt += 1) await setting.send(failure());
    await setting.clock.advance(250);
    setting.begin();
    await setting.clock.advance(999);
    expect(setting.begin()).toBeUndefined();
    await setting.clock.advance(1);
    expect(setting.begin()).toBeDefined();
  });

  it('with several probes, closes when as many in a row have succeeded, one at a time', async () => {
    const setting = setUp({ ...knobs, probes: 3 });
    for (let attempt = 0; attempt < 4; attempt += 1) await setting.send(failure());
    await setting.clock.advance(5_000);
    for (let probe = 0; probe < 2; probe += 1) {
      const trial = setting.begin()!;
      expect(setting.begin()).toBeUndefined();
      trial.answer(new FakeReply());
      await trial.result;
      expect(setting.circuit.state).toBe('half-open');
    }
    await setting.send(429);
    await setting.send(failure());
    expect(setting.circuit.state).toBe('open');
    await setting.clock.advance(6_250);
    for (let probe = 0; probe < 3; probe += 1) {
      expect(setting.circuit.state).toBe(probe === 0 ? 'open' : 'half-open');
      await setting.send();
    }
    expect(setting.circuit.state).toBe('closed');
  });

  it('ignores a trial that answers after another has decided', async () => {
    const setting = await ready();
    const slow = setting.begin()!;
    await setting.clock.advance(5_000);
    await setting.send();
    expect(setting.circuit.state).toBe('closed');
    slow.fail(failure());
    await slow.result;
    expect(setting.circuit.snapshot()).toMatchObject({ state: 'closed', requests: 0, failures: 0 });
  });
});

describe('circuit, knobs', () => {
  it('off lets everything through, and on again goes on where it was', async () => {
    const setting = await opened();
    setting.world.knobs = 'off';
    expect(setting.circuit.state).toBe('closed');
    expect(await setting.send()).toMatchObject({ status: 200 });
    for (let attempt = 0; attempt < 10; attempt += 1) await setting.send(failure());
    setting.world.knobs = knobs;
    expect(setting.circuit.state).toBe('open');
    expect(setting.events.length).toBe(1);
  });

  it('does not mind being switched off while attempts are under way', async () => {
    const setting = await ready();
    const trial = setting.begin()!;
    setting.world.knobs = 'off';
    trial.fail(failure());
    await trial.result;
    setting.world.knobs = knobs;
    expect(setting.circuit.state).toBe('open');
  });

  it('a reload is felt at once', async () => {
    const setting = setUp(defaultServicePolicy.circuit);
    for (let attempt = 0; attempt < 4; attempt += 1) await setting.send(failure());
    expect(setting.circuit.state).toBe('closed');
    setting.world.knobs = { ...defaultServicePolicy.circuit, minRequests: 5 };
    await setting.send(failure());
    expect(setting.circuit.state).toBe('open');
  });
});

describe('circuit, observed', () => {
  it('goes through its states and reports them, and lets everything through', async () => {
    const setting = setUp({ ...knobs, mode: 'observe' });
    for (let attempt = 0; attempt < 4; attempt += 1) await setting.send(failure());
    const before = setting.sent;
    for (let attempt = 0; attempt < 10; attempt += 1) expect(await setting.send()).toMatchObject({ status: 200 });
    expect([setting.circuit.state, setting.sent - before]).toEqual(['open', 10]);
    expect(setting.circuit.snapshot()).toMatchObject({ enforced: false, retryAt: setting.clock.wall() + 5_000 });
    await setting.clock.advance(5_000);
    const trial = setting.begin()!;
    // Beside the trial, these go through and decide nothing.
    for (let attempt = 0; attempt < 10; attempt += 1) await setting.send(failure());
    expect(setting.circuit.state).toBe('half-open');
    trial.answer(new FakeReply());
    await trial.result;
    expect(setting.circuit.state).toBe('closed');
    expect(setting.events.map(([name, event]) => [name, (event as { enforced: boolean }).enforced])).toEqual([
      ['circuit.opened', false], ['circuit.half-opened', false], ['circuit.closed', false],
    ]);
  });
});

describe('circuit, whatever happens', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('begin' as const) }),
    fc.record({ kind: fc.constantFrom('succeed' as const, 'fail' as const, 'local' as const, 'cancelled' as const, 'overload' as const, 'break' as const), which: fc.nat(100) }),
    fc.record({ kind: fc.constant('wait' as const), duration: fc.integer({ min: 0, max: 6_000 }) }),
  );

  it('never stays half-open, tries one at a time, and closes once the service is well', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 3 }), async (steps, probes) => {
        const setting = setUp({ ...knobs, probes });
        const pending: Pending[] = [];
        const bodies: FakeReply[] = [];
        let [beganAt, trials] = [0, 0];
        for (const it of steps) {
          if (it.kind === 'wait') await setting.clock.advance(it.duration);
          else if (it.kind === 'begin') {
            const one = setting.begin();
            if (one !== undefined) pending.push(one);
            if (one !== undefined && setting.circuit.state === 'half-open') {
              const unanswered = trials > 0 && setting.clock.now() - beganAt < knobs.openFor;
              expect(unanswered).toBe(false);
              [beganAt, trials] = [setting.clock.now(), 1];
            }
          } else if (it.kind === 'break') {
            bodies[it.which % Math.max(1, bodies.length)]?.end(failure());
          } else {
            const [one] = pending.splice(it.which % Math.max(1, pending.length), 1);
            if (one === undefined) continue;
            const reply = new FakeReply(it.kind === 'overload' ? 429 : 200);
            if (it.kind === 'succeed' || it.kind === 'overload') one.answer(reply);
            else one.fail(it.kind === 'fail' ? failure() : withOutcome(it.kind));
            if (it.kind === 'succeed') bodies.push(reply);
            await one.result;
            // Its verdict, or its seat: either way the next may try.
            trials = 0;
          }
        }
        // From here on the service is well. What is still under way never answers.
        for (let round = 0; round < 4 && setting.circuit.state !== 'closed'; round += 1) {
          await setting.clock.advance(knobs.maxOpenFor);
          for (let probe = 0; probe < probes; probe += 1) await setting.send();
        }
        expect(setting.circuit.state).toBe('closed');
        expect(setting.clock.timers).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
