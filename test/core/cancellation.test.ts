import { describe, expect, it } from 'vitest';
import { Cancellation } from '../../src/core/cancellation.ts';
import { MeshError } from '../../src/core/errors.ts';
import { sleep } from '../../src/core/sleep.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const reason = new MeshError('CANCELLED', 'the caller left');

function listener() {
  const heard: MeshError[] = [];
  return { heard, cancelled: (why: MeshError) => void heard.push(why) };
}

describe('a cancellation', () => {
  it('tells whoever listens, once, with the first reason', () => {
    const cancellation = new Cancellation();
    const early = listener();
    cancellation.subscribe(early);
    cancellation.cancel(reason);
    cancellation.cancel(new MeshError('DEADLINE_EXCEEDED', 'later'));
    const late = listener();
    cancellation.subscribe(late);
    expect([early.heard, late.heard, cancellation.reason]).toEqual([[reason], [reason], reason]);
  });

  it('does not tell who left', () => {
    const cancellation = new Cancellation();
    const gone = listener();
    cancellation.subscribe(gone);
    cancellation.unsubscribe(gone);
    cancellation.cancel(reason);
    expect(gone.heard).toEqual([]);
  });

  it('tells all who are left, in the order in which they came', () => {
    const cancellation = new Cancellation();
    const heard: number[] = [];
    const all = Array.from({ length: 5 }, (_, number) => ({ cancelled: () => void heard.push(number) }));
    for (const each of all) cancellation.subscribe(each);
    for (const gone of [0, 3, 1]) cancellation.unsubscribe(all[gone]!);
    cancellation.unsubscribe(all[3]!);
    cancellation.subscribe(all[0]!);
    cancellation.cancel(reason);
    expect(heard).toEqual([2, 4, 0]);
  });

  it('of a call cancels its attempts, and not the other way round', () => {
    const call = new Cancellation();
    const [one, two] = [new Cancellation(call), new Cancellation(call)];
    one.cancel(reason);
    expect([call.reason, two.reason]).toEqual([undefined, undefined]);
    call.cancel(reason);
    expect(two.reason).toBe(reason);
  });

  it('ends a sleep at once, and leaves no timer', async () => {
    const clock = new VirtualClock();
    const cancellation = new Cancellation();
    const sleeping = sleep(clock, 1000, cancellation);
    cancellation.cancel(reason);
    await expect(sleeping).rejects.toBe(reason);
    expect(clock.timers).toBe(0);
    await expect(sleep(clock, 1000, cancellation)).rejects.toBe(reason);
    expect(clock.timers).toBe(0);
  });

  it('is not held by a sleep that ended by itself', async () => {
    const clock = new VirtualClock();
    const cancellation = new Cancellation();
    const sleeping = sleep(clock, 1000, cancellation);
    await clock.advance(1000);
    await sleeping;
    cancellation.cancel(reason);
    expect(clock.timers).toBe(0);
  });
});
