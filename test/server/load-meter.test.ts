import { expect, test } from 'vitest';
import { LoadMeter } from '../../src/server/load-meter.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function meter(connections?: number) {
  const clock = new VirtualClock(5_000);
  const loop = { active: 0, idle: 0 };
  let asked = 0;
  const load = new LoadMeter(clock, () => ((asked += 1), { ...loop }), () => connections);
  const works = async (share: number, millis: number): Promise<void> => {
    loop.active += share * millis;
    loop.idle += (1 - share) * millis;
    await clock.advance(millis);
  };
  const serve = (status: number): void => {
    load.began();
    load.answered(status);
    load.ended();
  };
  return { load, works, serve, asked: () => asked };
}

test('says what share of the last second was worked, what was answered in it, and what of that with 5xx', async () => {
  const { load, works, serve } = meter(24);
  for (let tenth = 0; tenth < 10; tenth += 1) {
    for (let n = 0; n < 12; n += 1) serve(n === 0 ? 503 : 200);
    await works(0.4, 100);
    load.report();
  }
  load.began();
  expect(load.report()).toBe('TEXT application_utilization=0.4, rps_fractional=120, eps=10, named_metrics.rif=1, named_metrics.conns=24');
  // A second later nothing of it is left.
  for (let tenth = 0; tenth < 11; tenth += 1) {
    await works(0.9, 100);
    load.report();
  }
  expect(load.report()).toBe('TEXT application_utilization=0.9, rps_fractional=0, eps=0, named_metrics.rif=1, named_metrics.conns=24');
});

test('has the requests in flight fresh, and the rates no older than a tenth of a second, however often it is asked', async () => {
  const { load, works, asked } = meter();
  await works(0.5, 100);
  load.report();
  const before = asked();
  for (let n = 0; n < 1000; n += 1) {
    load.began();
    expect(load.report()).toContain(`named_metrics.rif=${n + 1}`);
  }
  expect(asked()).toBe(before);
  await works(1, 100);
  expect(load.report()).toContain('application_utilization=0.75,');
  expect(asked()).toBe(before + 1);
});

test('averages over the pause, where it is asked once a minute, and keeps no more than a second needs', async () => {
  const { load, works, serve } = meter();
  await works(1, 1000);
  load.report();
  await works(0, 59_000);
  serve(200);
  load.report();
  for (let n = 0; n < 100_000; n += 1) {
    serve(200);
    if (n % 100 === 0) await works(0.25, 100);
    load.report();
  }
  expect(load.report()).toBe('TEXT application_utilization=0.25, rps_fractional=1000, eps=0, named_metrics.rif=0');
});

test('does not name connections where no server is known', () => {
  expect(meter().load.report()).not.toContain('conns');
});
