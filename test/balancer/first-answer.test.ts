import { describe, expect, it } from 'vitest';
import { Cancellation } from '../../src/core/cancellation.ts';
import { MeshError } from '../../src/core/errors.ts';
import { FirstAnswer, PATIENCE } from '../../src/balancer/first-answer.ts';
import { settle, VirtualClock } from '../support/virtual-clock.ts';

function setUp() {
  const clock = new VirtualClock();
  return { clock, answer: new FirstAnswer('reviews', clock) };
}

/** How a wait went, as far as it went. */
function watch(wait: Promise<void>) {
  const seen: { result: 'waiting' | 'answered' | MeshError } = { result: 'waiting' };
  wait.then(
    () => (seen.result = 'answered'),
    (error: MeshError) => (seen.result = error),
  );
  return seen;
}

describe('the wait for the first answer', () => {
  it('ends for all who wait when it is there, and leaves no timer', async () => {
    const { clock, answer } = setUp();
    const waits = [1, 2, 3].map(() => watch(answer.wait(new Cancellation())));
    await clock.advance(PATIENCE - 1);
    expect(waits.map((wait) => wait.result)).toEqual(['waiting', 'waiting', 'waiting']);
    expect(clock.timers).toBe(1);
    answer.give();
    await settle();
    expect(waits.map((wait) => wait.result)).toEqual(['answered', 'answered', 'answered']);
    expect(clock.timers).toBe(0);
  });

  it('is none once it was there', async () => {
    const { clock, answer } = setUp();
    answer.give();
    expect(answer.given).toBe(true);
    await answer.wait(new Cancellation());
    expect(clock.timers).toBe(0);
  });

  it('goes on through failures: a DNS server that comes back in time is a success', async () => {
    const { clock, answer } = setUp();
    const wait = watch(answer.wait(new Cancellation()));
    for (let second = 0; second < 4; second += 1) {
      answer.failed(new Error('SERVFAIL'));
      await clock.advance(1_000);
    }
    expect(wait.result).toBe('waiting');
    answer.give();
    await settle();
    expect(wait.result).toBe('answered');
  });

  it('each gives up after its own five seconds, with the last error as the cause', async () => {
    const { clock, answer } = setUp();
    const early = watch(answer.wait(new Cancellation()));
    await clock.advance(2_000);
    const late = watch(answer.wait(new Cancellation()));
    answer.failed(new Error('REFUSED'));
    const last = new Error('SERVFAIL');
    answer.failed(last);
    await clock.advance(3_000);
    expect(early.result).toMatchObject({ code: 'DISCOVERY_FAILED', service: 'reviews', cause: last, outcome: 'local', sent: 'no' });
    expect((early.result as MeshError).message).toBe('reviews: no endpoints found within 5 s: SERVFAIL');
    expect(late.result).toBe('waiting');
    await clock.advance(2_000);
    expect(late.result).toBeInstanceOf(MeshError);
    expect(clock.timers).toBe(0);
  });

  it('ends at once for a caller who leaves, with the reason, and for nobody else', async () => {
    const { clock, answer } = setUp();
    const [leaving, staying] = [new Cancellation(), new Cancellation()];
    const [left, stays] = [watch(answer.wait(leaving)), watch(answer.wait(staying))];
    const reason = new MeshError('CANCELLED', 'the caller left');
    leaving.cancel(reason);
    await settle();
    expect([left.result, stays.result]).toEqual([reason, 'waiting']);
    staying.cancel(reason);
    await settle();
    expect(clock.timers).toBe(0);
  });

  it('does not begin for a caller who has left already', async () => {
    const { clock, answer } = setUp();
    const gone = new Cancellation();
    const reason = new MeshError('CANCELLED', 'the caller left');
    gone.cancel(reason);
    await expect(answer.wait(gone)).rejects.toBe(reason);
    expect(clock.timers).toBe(0);
  });

  it('lets go of the cancellation of whoever was answered', async () => {
    const { answer } = setUp();
    const cancellation = new Cancellation();
    const wait = answer.wait(cancellation);
    answer.give();
    await wait;
    expect(() => cancellation.cancel(new MeshError('CANCELLED', 'later'))).not.toThrow();
  });
});
