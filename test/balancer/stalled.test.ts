/** What is believed of endpoints while this process itself stood still. */
import { describe, expect, it } from 'vitest';
import { Stalls } from '../../src/core/stalls.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { endpointAt, SmallCluster } from './small-cluster.ts';

function setUp() {
  const clock = new VirtualClock(1_000_000);
  const world = new SmallCluster({ clock, stalls: new Stalls(clock), endpoints: [endpointAt(0)] });
  const latency = () => world.state('10.0.0.0').latency;
  async function answered(after: number): Promise<void> {
    const ticket = world.pick().begin();
    await clock.advance(after);
    ticket.settle({ kind: 'success' });
    ticket.release();
  }
  return { clock, world, latency, answered };
}

describe('an answer that is read after a stall of this process', () => {
  it('does not make its endpoint look slow', async () => {
    const { clock, world, latency, answered } = setUp();
    for (let time = 0; time < 30; time += 1) await answered(10);
    const ticket = world.pick().begin();
    clock.stall(500);
    ticket.settle({ kind: 'success' });
    ticket.release();
    expect(latency()).toBeCloseTo(10, 0);
  });

  it('is as slow as it was before the stall, at least', async () => {
    const { clock, world, latency, answered } = setUp();
    for (let time = 0; time < 30; time += 1) await answered(10);
    const ticket = world.pick().begin();
    await clock.advance(200);
    clock.stall(500);
    ticket.settle({ kind: 'success' });
    ticket.release();
    expect(latency()).toBeGreaterThan(175);
    expect(latency()).toBeLessThan(205);
  });

  it('counts in full where the loop turned', async () => {
    const { latency, answered } = setUp();
    await answered(500);
    expect(latency()).toBe(500);
  });
});
