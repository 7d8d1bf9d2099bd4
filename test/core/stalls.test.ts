import { describe, expect, it } from 'vitest';
import { Stalls } from '../../src/core/stalls.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function setUp() {
  const clock = new VirtualClock(1_000);
  const stalls = new Stalls(clock);
  stalls.begin(clock.now());
  return { clock, stalls, unread: () => clock.now() - stalls.since(clock.now()), late: () => stalls.late(clock.now()) };
}

describe('stalls of this process', () => {
  it('there are none while the loop turns', async () => {
    const { clock, unread } = setUp();
    for (let time = 0; time < 20; time += 1) {
      await clock.advance(7);
      expect(unread()).toBe(0);
    }
  });

  it('are known while they last, since the timer fired last', async () => {
    const { clock, unread, late } = setUp();
    await clock.advance(65);
    clock.stall(300);
    // It fired at 60, and was due at 80.
    expect([unread(), late()]).toEqual([305, 285]);
  });

  it('are over when the loop has turned once more', async () => {
    const { clock, stalls, unread } = setUp();
    clock.stall(300);
    const read: number[] = [];
    // What came in is read after the timer has fired and before the loop turns again.
    clock.after(0, () => read.push(clock.now() - stalls.since(clock.now())));
    await clock.advance(0);
    expect(read).toEqual([300]);
    await clock.advance(1);
    expect(unread()).toBe(0);
  });

  it('nobody notices that a timer is a little late', () => {
    const { clock, unread } = setUp();
    clock.stall(29);
    expect(unread()).toBe(0);
  });

  it('no timer is kept where nobody waits, nor after the end', async () => {
    const { clock, stalls } = setUp();
    stalls.begin(clock.now());
    stalls.end();
    await clock.advance(1_000);
    expect(clock.timers).toBe(1);
    stalls.end();
    await clock.advance(20);
    expect(clock.timers).toBe(0);
    stalls.begin(clock.now());
    stalls.close();
    stalls.begin(clock.now());
    expect(clock.timers).toBe(0);
  });
});
