import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fleet } from '../../src/balancer/fleet.ts';
import { Flight, InFlight } from '../../src/balancer/in-flight.ts';
import { Figures, IN_FLIGHT, REPORTED, REPORTED_AT, SENT_SINCE, type Row } from '../../src/balancer/figures.ts';
import { PeakEwma } from '../../src/balancer/peak-ewma.ts';
import { Predictive } from '../../src/balancer/predictive.ts';
import { Shares } from '../../src/balancer/shares.ts';
import { judged } from './judged.ts';
import { endpoints, SmallCluster } from './small-cluster.ts';
import { defaultServicePolicy } from '../../src/core/policy.ts';

function setUp(mean?: number) {
  const fleet = new Fleet();
  if (mean !== undefined) fleet.latency.observe(mean);
  const figures = new Figures();
  const row = figures.take();
  const inFlight = new InFlight(figures);
  const known = { figures, fleet, shares: new Shares(figures) };
  const predictive = new Predictive(() => defaultServicePolicy.balancer, known);
  const load = judged(predictive, figures, row);
  return { fleet, inFlight, known, row, predictive, load, succeed: (latency: number, now: number, before = 0) => load.observe({ kind: 'success' }, latency, now, before) };
}

describe('predictive', () => {
  it('follows a change within a few answers or a few hundred milliseconds, and goes back to what it is like in the long run', () => {
    const { load, succeed } = setUp(10);
    for (let now = 0; now < 20_000; now += 50) succeed(10, now);
    for (let now = 20_000; now < 20_400; now += 50) succeed(100, now);
    expect(load.latency(20_350)).toBeGreaterThan(80);
    // F is forgotten within three times 300 ms, S has heard a few slow ones of many.
    expect(load.latency(21_350)).toBeLessThan(40);
  });

  it('drifts to the mean of the fleet, from above and from below, never to zero', () => {
    for (const own of [1, 2_000]) {
      const { load, succeed } = setUp(50);
      succeed(own, 0);
      expect(load.latency(10_000)).toBeCloseTo(50 + (own - 50) * Math.exp(-1), 1);
      expect(load.latency(1_000_000)).toBeCloseTo(50, 6);
    }
  });

  it('presumes an unknown endpoint to be like the others, and the initial latency only while nothing was ever measured', () => {
    expect(setUp().load.latency(0)).toBe(30);
    const { load } = setUp(7);
    expect([load.latency(5), load.measured()]).toEqual([7, false]);
  });

  it('an endpoint that refuses quickly looks worse with every refusal, and never faster', () => {
    const { load, succeed } = setUp(10);
    succeed(10, 0);
    let before = load.load(0);
    for (let time = 0; time < 10; time += 1) {
      load.observe({ kind: 'failure' }, 0.5, 0, 0);
      expect(load.load(0)).toBeGreaterThan(1.2 * before);
      before = load.load(0);
    }
    expect(load.latency(0)).toBe(10);
  });

  it('forgives within three times ten seconds', () => {
    const { load, succeed } = setUp(10);
    succeed(10, 0);
    for (let time = 0; time < 20; time += 1) load.observe({ kind: 'failure' }, 0.5, 0, 0);
    expect(load.load(0)).toBeGreaterThan(50 * 10);
    expect(load.load(30_000)).toBeLessThan(1.2 * 10);
  });

  it('an overloaded endpoint is left alone for as long as it asks, but for no more than five minutes', () => {
    for (const [retryAfter, least] of [[20_000, 20_000], [86_400_000, 300_000]] as const) {
      const { load, succeed } = setUp(10);
      succeed(10, 0);
      load.observe({ kind: 'overload', retryAfter }, 1, 0, 0);
      expect(load.load(0)).toBeGreaterThan(least);
      expect(load.load(0)).toBeLessThan(1.3 * least);
      expect(load.load(least + 30_000)).toBeLessThan(1.2 * 10);
    }
  });

  it('an attempt that a hedge outran makes it look as slow as it was waited for, and never better', () => {
    const { load, succeed } = setUp(10);
    for (let time = 0; time < 30; time += 1) succeed(10, 0, 4);
    const before = load.load(0);
    load.observe({ kind: 'cancelled', outrun: true }, 5, 0, 0);
    expect(load.load(0)).toBe(before);
    load.observe({ kind: 'cancelled', outrun: true }, 110, 0, 0);
    expect(load.latency(0)).toBeCloseTo(10 + 0.3 * 100, 0);
    // It took that long with nothing before it, so an empty queue is no reason to go there.
    expect(load.load(0)).toBeGreaterThan(4 * before);
  });

  it('our own limits and callers who left say nothing', () => {
    for (const kind of ['local', 'cancelled'] as const) {
      const { load, succeed } = setUp(10);
      succeed(20, 0);
      const before = load.load(1);
      load.observe({ kind }, 9_000, 1, 0);
      expect(load.load(1)).toBe(before);
    }
  });

  it('compares what is in flight with what usually is', () => {
    const { load, row, inFlight } = setUp(10);
    load.observe({ kind: 'success' }, 10, 0, 3);
    const flights = [1, 2, 3, 4, 5, 6, 7].map(() => new Flight(0));
    for (const flight of flights.slice(0, 3)) inFlight.begin(flight, row);
    // As many as when it took 10 ms.
    expect(load.load(0)).toBeCloseTo(10, 9);
    for (const flight of flights.slice(3)) inFlight.begin(flight, row);
    expect(load.load(0)).toBeCloseTo(10 * 2 ** 1.25, 9);
  });

  it('a hung endpoint looks slow before its first timeout', () => {
    const { load, succeed, row, inFlight } = setUp(10);
    succeed(10, 0);
    const hung = new Flight(0);
    inFlight.begin(hung, row);
    expect(load.load(2_000)).toBeCloseTo(2_000 * 2 ** 1.25, 6);
    inFlight.answered(hung, row);
    inFlight.end(row);
    expect(load.load(2_000)).toBeCloseTo(10, 1);
  });

  it('answers that take no time do not make what is in flight worth nothing', () => {
    const { load, succeed, row, inFlight } = setUp(0);
    succeed(0, 0);
    const before = load.load(0);
    inFlight.begin(new Flight(0), row);
    expect(load.load(0)).toBeGreaterThan(before);
  });

  it('asking for the load does not change it, and it is always a positive number', () => {
    const kinds = fc.constantFrom('success', 'failure', 'overload', 'local', 'cancelled');
    const samples = fc.array(fc.record({ kind: kinds, latency: fc.double({ min: 0, max: 1e9, noNaN: true }), after: fc.nat(20_000) }), { maxLength: 30 });
    fc.assert(
      fc.property(samples, fc.array(fc.nat(50_000), { maxLength: 20 }), (history, glances) => {
        const [asked, left] = [setUp(10), setUp(10)];
        let now = 0;
        for (const { kind, latency, after } of history) {
          for (const glance of glances) asked.load.load(now + glance);
          now += after;
          for (const one of [asked, left]) one.load.observe({ kind }, latency, now, 0);
        }
        expect(asked.load.load(now + 777)).toBe(left.load.load(now + 777));
        expect(left.load.load(now)).toBeGreaterThan(0);
        expect(Number.isFinite(left.load.load(now))).toBe(true);
      }),
    );
  });

  it('after it is forgotten it is as unknown as a new one', () => {
    const { load, succeed } = setUp(10);
    for (let time = 0; time < 20; time += 1) load.observe({ kind: 'failure' }, 1, 0, 0);
    load.observe({ kind: 'overload', retryAfter: 60_000 }, 1, 0, 0);
    load.forget();
    expect([load.load(0), load.measured()]).toEqual([10, false]);
    succeed(4, 1);
    expect(load.latency(1)).toBe(4);
  });

  it('takes over what another kind of estimate knew', () => {
    const { load, known, row, predictive } = setUp(10);
    const knobs = { ...defaultServicePolicy.balancer, decay: 1_000_000 };
    const other = new PeakEwma(() => knobs, known);
    predictive.adopt(row, other, 0);
    expect(load.measured()).toBe(false);
    other.observe(row, { kind: 'success' }, 70, 0);
    predictive.adopt(row, other, 0);
    expect([load.measured(), load.latency(0)]).toEqual([true, 70]);
  });
});

describe('predictive, where endpoints report their requests in flight', () => {
  /** Two that are alike but for what they report; `usual` was in flight there for long. */
  function reporting(usual: number) {
    const fleet = new Fleet();
    const figures = new Figures();
    figures.reserve(3);
    const { numbers } = figures;
    const predictive = new Predictive(() => defaultServicePolicy.balancer, { figures, fleet, shares: new Shares(figures) });
    const endpoint = () => {
      const row = figures.take();
      for (let now = 0; now < 20_000; now += 100) {
        const before = predictive.queue(row, now);
        numbers[row + IN_FLIGHT] = 1;
        predictive.reported(row, usual, now);
        predictive.observe(row, { kind: 'success' }, fleet.answered(10, before, undefined), now, before);
        numbers[row + IN_FLIGHT] = 0;
      }
      return row;
    };
    const loads = new Float64Array(1);
    const loadOf = (row: Row, now: number) => {
      predictive.weigh(Int32Array.of(row), 1, now, loads);
      return loads[0]!;
    };
    return { fleet, figures, predictive, loadOf, one: endpoint(), other: endpoint() };
  }
  const NOW = 20_000;

  it('the one that says it is busy looks so, and again as usual when what it said is old', () => {
    const { predictive, loadOf, one, other } = reporting(10);
    predictive.reported(one, 32, NOW);
    expect(loadOf(one, NOW) / loadOf(other, NOW)).toBeGreaterThan(3);
    expect(loadOf(one, NOW + 500) / loadOf(other, NOW + 500)).toBeLessThan(2.2);
    expect(loadOf(one, NOW + 5_000) / loadOf(other, NOW + 5_000)).toBeCloseTo(1, 0);
  });

  it('what was sent since the report is added, with what the other clients may be presumed to have sent, until there is another', () => {
    const { fleet, figures: { numbers, reported }, predictive, one } = reporting(10);
    // Of ten in flight in the mean none was of this process: as many clients as are presumed at most.
    expect(fleet.share).toBe(64);
    const before = predictive.queue(one, NOW);
    numbers[one + IN_FLIGHT] = 2;
    reported[one + SENT_SINCE] = 2;
    expect(predictive.queue(one, NOW) - before).toBeCloseTo(2 + 63 * 2);
    numbers[one + IN_FLIGHT] = 1;
    // Of the two that were sent one is over.
    expect(predictive.queue(one, NOW) - before).toBeCloseTo(1 + 63);
    numbers[one + IN_FLIGHT] = 0;
    predictive.reported(one, 10, NOW);
    expect(predictive.queue(one, NOW)).toBeCloseTo(before, 0);
  });

  it('presumes of who has not reported yet what is usual, so that nobody runs to it', () => {
    const { figures, loadOf, one } = reporting(10);
    expect(loadOf(figures.take(), NOW) / loadOf(one, NOW)).toBeCloseTo(1, 0);
  });

  it('leaves it at what this process sent where weights say how much each should have', () => {
    const { figures, predictive, loadOf, one, other } = reporting(10);
    const shares = new Shares(figures);
    shares.use([{ row: one, endpoint: { weight: 1 } }, { row: other, endpoint: { weight: 3 } }], false);
    const weighed = new Predictive(() => defaultServicePolicy.balancer, { figures, fleet: new Fleet(), shares });
    weighed.reported(one, 10, NOW);
    predictive.reported(one, 1_000, NOW);
    const loads = new Float64Array(1);
    weighed.weigh(Int32Array.of(one), 1, NOW, loads);
    expect(loads[0]).toBeLessThan(loadOf(one, NOW) / 10);
  });

  it('a report with a failure is of no account: who refuses is idle', () => {
    const world = new SmallCluster({ endpoints: endpoints(1) });
    const node = world.pick();
    const report = { at: world.clock.now(), utilisation: 0.1, requestRate: 1, failureRate: 1, inFlight: 8, connections: 3 };
    node.reports(report, 'failure');
    expect([node.report, node.figure('reported', REPORTED_AT)]).toEqual([report, -Infinity]);
    node.reports(report, 'success');
    // Its own is over with the answer.
    expect([node.figure('reported', REPORTED), node.figure('reported', REPORTED_AT)]).toEqual([7, world.clock.now()]);
  });
});
