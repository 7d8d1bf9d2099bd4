/**
 * What admission does for a server that has more to do than it can: 20 requests at a time, 10 ms each on average, so 2,000 a second, and the rest
 * of them wait inside the handler, as they do behind a pool of database connections. Clients wait 250 ms. Virtual time, seeds.
 */
import { describe, expect, it } from 'vitest';
import { criticalities, type Criticality } from '../../src/core/criticality.ts';
import { admissionOnceOn, type AdmissionKnobs } from '../../src/core/inbound-policy.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Admission } from '../../src/server/admission.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const WORKERS = 20;
const MEAN = 10;
const PATIENCE = 250;
const CAPACITY = (WORKERS / MEAN) * 1000;

interface Outcome {
  /** Answered in time, as a share of what the server could do. */
  readonly goodput: number;
  /** Share of each tier that was answered in time. */
  readonly success: Readonly<Record<Criticality, number>>;
}

/** The first five seconds do not count. */
async function play(load: number, seconds: number, knobs: AdmissionKnobs | undefined, seed: number): Promise<Outcome> {
  const clock = new VirtualClock(0, 0);
  const random = seededRandom(seed);
  const admission = new Admission(clock);
  const exponential = (mean: number): number => -mean * Math.log(1 - random.next());
  const waiting: (() => void)[] = [];
  const offered: Record<string, number> = {};
  const served: Record<string, number> = {};
  let [inFlight, busy] = [0, 0];
  const work = (done: () => void): void => {
    busy += 1;
    clock.after(exponential(MEAN), () => {
      busy -= 1;
      done();
      waiting.shift()?.();
    });
  };
  const arrive = (): void => {
    const tier = criticalities[Math.floor(random.next() * 4)]!;
    const at = clock.now();
    const counts = at > 5000 && at < seconds * 1000 - PATIENCE;
    if (counts) offered[tier] = (offered[tier] ?? 0) + 1;
    if (knobs !== undefined && !admission.hasPlace(tier, inFlight, at, knobs)) return;
    inFlight += 1;
    const begin = (): void => work(() => {
      const now = clock.now();
      if (knobs !== undefined) {
        if (now - at <= PATIENCE) admission.answered(200, now - at, inFlight, now, knobs);
        else admission.left(at + PATIENCE, inFlight, now, knobs);
      }
      inFlight -= 1;
      if (counts && now - at <= PATIENCE) served[tier] = (served[tier] ?? 0) + 1;
    });
    if (busy < WORKERS) begin();
    else waiting.push(begin);
  };
  const rate = (CAPACITY * load) / 1000;
  const next = (): void => void clock.after(exponential(1 / rate), () => {
    if (clock.now() > seconds * 1000) return;
    arrive();
    next();
  });
  next();
  await clock.advance(seconds * 1000);
  const total = criticalities.reduce((sum, tier) => sum + (served[tier] ?? 0), 0);
  const success = Object.fromEntries(criticalities.map((tier) => [tier, (served[tier] ?? 0) / offered[tier]!])) as Record<Criticality, number>;
  return { goodput: total / (CAPACITY * Math.min(1, load) * (seconds - 5 - PATIENCE / 1000)), success };
}

describe('a server with twice as much to do as it can', () => {
  it('without admission answers hardly anybody in time', async () => {
    expect((await play(2, 12, undefined, 1)).goodput).toBeLessThan(0.1);
  });

  it.each([1, 2, 3])('with it does as much as it can, and sheds critical-plus last (seed %i)', async (seed) => {
    const { goodput, success } = await play(2, 20, admissionOnceOn, seed);
    expect(goodput).toBeGreaterThan(0.95);
    expect(success['critical-plus']).toBeGreaterThan(0.99);
    expect(success.critical).toBeGreaterThan(0.75);
    expect(success.sheddable).toBeLessThan(0.1);
    expect(success.critical).toBeGreaterThan(success['sheddable-plus']);
  });
});

it('a server with less to do than it can turns nobody away that matters, from its first second on', async () => {
  const { goodput, success } = await play(0.7, 20, admissionOnceOn, 4);
  expect(goodput).toBeGreaterThan(0.98);
  expect(success['critical-plus']).toBe(1);
  expect(success.critical).toBeGreaterThan(0.999);
});

describe('what a handler answers', () => {
  const knobs: AdmissionKnobs = { ...admissionOnceOn, type: 'aimd', initial: 50 };
  const after = async (status: number, latency: number): Promise<number> => {
    const clock = new VirtualClock();
    const admission = new Admission(clock);
    for (let n = 0; n < 400; n += 1) {
      await clock.advance(5);
      admission.answered(status, latency, 50, clock.now(), knobs);
    }
    return admission.snapshot(knobs).limit;
  };

  it('lowers the limit where it was too late, and not where somebody behind it has failed', async () => {
    expect(await after(504, 5)).toBeLessThan(15);
    expect(await after(503, 5)).toBe(50);
    expect(await after(500, 5)).toBe(50);
    expect(await after(200, 5)).toBeGreaterThan(60);
  });

  it('was too late as well where the client left when its time was over, and not where he left sooner', async () => {
    const clock = new VirtualClock();
    const [late, soon] = [new Admission(clock), new Admission(clock)];
    for (let n = 0; n < 400; n += 1) {
      await clock.advance(5);
      late.left(clock.now() + 3, 50, clock.now(), knobs);
      soon.left(clock.now() + 500, 50, clock.now(), knobs);
    }
    expect(late.snapshot(knobs).limit).toBeLessThan(15);
    expect(soon.snapshot(knobs).limit).toBe(50);
  });
});
