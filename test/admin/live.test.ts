/** The stream that the live page is fed with: in virtual time, with readers that take what they are given or do not. */
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/admin/frame.ts';
import { Live } from '../../src/admin/live.ts';
import type { AdminPort } from '../../src/admin/port.ts';
import { TrafficRecord } from '../../src/admin/traffic.ts';
import type { Millis } from '../../src/core/clock.ts';
import { Onlooking } from '../../src/core/onlooker.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { observedMesh, type Parts } from './observed.ts';

class Reader extends EventEmitter {
  text = '';
  writableLength = 0;
  destroyed = false;
  /** A reader who does not read lets everything lie. */
  stuck = false;

  write(chunk: Buffer | string): boolean {
    this.text += String(chunk);
    if (this.stuck) this.writableLength += chunk.length;
    return true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  get sent(): { event: string; id: number; data: Frame & { name: string; skipped?: number; event: Record<string, unknown> } }[] {
    return this.text.split('\n\n').filter((block) => block.startsWith('event: ')).map((block) => ({
      event: /^event: (.*)$/m.exec(block)![1]!,
      id: Number(/^id: (.*)$/m.exec(block)?.[1] ?? 0),
      data: JSON.parse(/^data: (.*)$/m.exec(block)![1]!),
    }));
  }

  get frames(): Frame[] {
    return this.sent.filter(({ event }) => event === 'state').map(({ data }) => data);
  }
}

function stage({ costs = 0 }: { costs?: Millis } = {}) {
  const clock = new VirtualClock(1000);
  let now = observedMesh();
  let looks = 0;
  const port: AdminPort = {
    clock: { ...bound(clock), now: () => clock.now() + spent }, onlooking: new Onlooking(clock), policyText: () => '', phase: () => 'open',
    inspect: () => {
      looks += 1;
      spent += costs;
      return { ...now, policy: { ...now.policy, age: clock.now() } };
    },
  };
  let spent = 0;
  const traffic = new TrafficRecord(clock);
  const live = new Live(port, traffic);
  return {
    clock, traffic, live,
    become: (parts: Parts) => void (now = observedMesh(parts)),
    get looks() {
      return looks;
    },
    join(after = 0): Reader {
      const reader = new Reader();
      expect(live.add(reader as unknown as ServerResponse, after)).toBe(true);
      return reader;
    },
  };
}

function bound(clock: VirtualClock): Pick<AdminPort['clock'], 'wall' | 'after'> {
  return { wall: () => clock.wall(), after: (...args) => clock.after(...args) };
}

const failed = { service: 'reviews', attempt: 2, delay: 10, because: 503, enforced: true };

describe('the stream', () => {
  it('begins with everything, goes on with what differs, and says nothing where nothing does', async () => {
    const { clock, join, become } = stage();
    const reader = join();
    await clock.advance(3000);
    expect(reader.frames).toHaveLength(1);
    expect(reader.frames[0]).toMatchObject({ full: true, service: 'productpage', services: [{ name: 'reviews' }], groups: [{ id: 'reviews' }] });
    expect(reader.frames[0]!.rows['reviews']).toHaveLength(3);
    become({ states: ['available', 'ejected', 'available'] });
    await clock.advance(1000);
    const [, second] = reader.frames;
    expect(second).toMatchObject({ full: false, services: [], groups: [] });
    expect(second!.rows['reviews']).toEqual([['10.0.0.2:80', '', 1, 0, 'ejected', 0, 1, 5, 1, 0, 0, 0, '', 'success rate 0 %, that of the others 100 %', expect.any(Number)]]);
  });

  it('says what is gone', async () => {
    const { clock, join, become } = stage();
    const reader = join();
    become({ states: ['available'] });
    await clock.advance(1000);
    expect(reader.frames[1]!.gone.rows).toEqual({ reviews: ['10.0.0.2:80', '10.0.0.3:80'] });
    become({ services: [] });
    await clock.advance(1000);
    expect(reader.frames[2]!.gone).toMatchObject({ services: ['reviews'], groups: ['reviews'] });
  });

  it('gives whoever comes later what holds now', async () => {
    const { clock, join, become } = stage();
    join();
    become({ states: ['ejected', 'available', 'available'] });
    await clock.advance(1000);
    expect(join().frames[0]!.rows['reviews']!.map((row) => row[4])).toEqual(['ejected', 'available', 'available']);
  });

  it('looks once for all who read, and not at all when they have gone', async () => {
    const scene = stage();
    const { clock, join } = scene;
    const readers = [join(), join(), join()];
    await clock.advance(10_000);
    expect(scene.looks).toBe(11);
    for (const reader of readers) reader.emit('close');
    expect(clock.timers).toBe(0);
    await clock.advance(60_000);
    expect(scene.looks).toBe(11);
  });

  it('looks less often where looking takes long: a three-hundredth of the time at most', async () => {
    const scene = stage({ costs: 50 });
    scene.join();
    await scene.clock.advance(150_000);
    expect(scene.looks).toBe(11);
  });

  it('keeps the connection warm where there is nothing to say', async () => {
    const { clock, join } = stage();
    const reader = join();
    await clock.advance(61_000);
    expect(reader.text.match(/^: still here$/gm)).toHaveLength(4);
  });

  it('drops who does not read, and keeps nothing for him', async () => {
    const { clock, join, become, live } = stage();
    const [stuck, reads] = [join(), join()];
    stuck.stuck = true;
    const long = 'x'.repeat(100_000);
    let most = 0;
    for (let round = 0; round < 200; round += 1) {
      become({ source: `${round} ${long}` });
      await clock.advance(1000);
      most = Math.max(most, stuck.writableLength);
    }
    expect(stuck.destroyed).toBe(true);
    expect(most).toBeLessThan(4.3e6);
    expect([reads.destroyed, live.readers]).toEqual([false, 1]);
  });

  it('has only so many readers', () => {
    const { join, live } = stage();
    for (let count = 0; count < 32; count += 1) join();
    expect(live.add(new Reader() as unknown as ServerResponse, 0)).toBe(false);
  });
});

describe('events in the stream', () => {
  it('come as they happen, and the last ones to whoever comes later, from where he was', () => {
    const { traffic, join } = stage();
    const reader = join();
    for (let attempt = 2; attempt < 5; attempt += 1) traffic.happened('retry.scheduled', { ...failed, attempt });
    expect(reader.sent.filter(({ event }) => event === 'mesh').map(({ id, data }) => [id, data.name, data.event['attempt']])).toEqual([[1, 'retry.scheduled', 2], [2, 'retry.scheduled', 3], [3, 'retry.scheduled', 4]]);
    expect(join(1).sent.filter(({ event }) => event === 'mesh').map(({ id }) => id)).toEqual([2, 3]);
  });

  it('of a kind that comes by the thousand are counted, and hide no others', async () => {
    const { traffic, join, clock } = stage();
    const reader = join();
    for (let count = 0; count < 5000; count += 1) traffic.happened('retry.scheduled', failed);
    traffic.happened('circuit.opened', { service: 'reviews', route: undefined, failureRate: 0.6, requests: 40, openFor: 5000, enforced: true });
    await clock.advance(1000);
    traffic.happened('retry.scheduled', failed);
    const events = reader.sent.filter(({ event }) => event === 'mesh');
    expect(events).toHaveLength(22);
    expect(events[20]!.data.name).toBe('circuit.opened');
    expect(events[21]!.data).toMatchObject({ name: 'retry.scheduled', skipped: 4980 });
  });

  it('are of a bounded size, whatever they carry', () => {
    const { traffic, join } = stage();
    const reader = join();
    const added = Array.from({ length: 10_000 }, (_, index) => `10.0.${index >> 8}.${index & 255}:80`);
    traffic.happened('endpoints.changed', { service: 'reviews', added, removed: [], total: 10_000, source: 'srv' });
    traffic.happened('discovery.failed', { service: 'reviews', source: 'srv', error: new Error('x'.repeat(100_000)), age: undefined });
    for (const { event, data } of reader.sent) if (event === 'mesh') expect(JSON.stringify(data).length).toBeLessThan(1000);
    expect(reader.sent.at(-2)!.data.event['added']).toHaveLength(11);
  });
});
