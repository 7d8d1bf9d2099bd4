/**
 * H13. Capacity drops to 40 % for five seconds and comes back: who recovers, and when.
 *
 * Published beside ours are the figures of reference simulations on scenarios of their own (20 clients, a timeout of 100 ms, one seed,
 * watched for 45 s), not of a paper; "44" means not while they watched. We watch for 12 s.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { defaultServicePolicy } from '../../src/core/policy.ts';
import { play, TRIGGER_UNTIL, type Outcome, type Way } from './metastable.ts';

const DURATION = 20_000;
const held = [101, 102, 103, 104, 105];

const naive = { perSuccess: 1, cap: 100_000, mode: 'enforce' } as const;
const share = { percent: 20, interval: 10_000, minRetryRate: { count: 10, interval: 1_000 }, mode: 'enforce' } as const;

const ways = {
  none: { name: 'no retries', retry: 'off', propagate: false },
  naive: { name: 'naive: 3 attempts', retry: { budget: naive }, propagate: false },
  naiveTold: { name: 'naive, deadlines propagated', retry: { budget: naive }, propagate: true },
  share: { name: 'budget of 20 % and 10/s', retry: { budget: share }, propagate: false },
  success: { name: 'budget of successes', retry: {}, propagate: false },
  ours: { name: 'budget of successes, deadlines propagated', retry: {}, propagate: true },
  all: { name: 'the same, all layers at their defaults', retry: {}, propagate: true, allLayers: true },
} satisfies Record<string, Way>;

/** Recovery in the reference's tables, in seconds, at 70, 80 and 90 % load. */
const published: Readonly<Record<keyof typeof ways, string>> = {
  none: '5 / 10 / 25', naive: '44 / 44 / 44', naiveTold: '44 / 44 / 44', share: '25 / 44 / 44', success: '5 / 10 / 23', ours: '0 / 0 / 1', all: '-',
};

const rows: string[] = [];

afterAll(() => {
  console.log(['', 'capacity to 40 % for 5 s, then back; recovery is when 99 % of the calls of every second are answered again, or "never" within 12 s', ...rows].join('\n'));
});

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;

async function runs(key: keyof typeof ways, utilisation: number, seeds: readonly number[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const seed of seeds) outcomes.push(await play(ways[key], utilisation, seed, DURATION));
  const recoveries = outcomes.map(({ recovery }) => (recovery === undefined ? 'never' : `${recovery / 1_000}`));
  const mean = (of: (outcome: Outcome) => number) => outcomes.reduce((sum, each) => sum + of(each), 0) / outcomes.length;
  rows.push(
    [
      `load ${percent(utilisation).padEnd(7)}`,
      ways[key].name.padEnd(44),
      `before ${percent(mean((each) => each.goodput(1_000, 3_000))).padStart(7)}`,
      `during ${percent(mean((each) => each.goodput(4_000, TRIGGER_UNTIL))).padStart(7)}`,
      `after ${percent(mean((each) => each.goodput(TRIGGER_UNTIL + 1_000, DURATION))).padStart(7)}`,
      `attempts ${mean((each) => each.amplification(4_000, TRIGGER_UNTIL)).toFixed(2)}`,
      `recovery s ${recoveries.join(', ')}`,
      `(published ${published[key]})`,
    ].join('  '),
  );
  return outcomes;
}

describe('after a trigger that is gone', () => {
  // At 90 % what waits at its end is worked off with a tenth of the capacity, so there it takes a second longer.
  it.each([[0.7, 1_000, held.slice(0, 2)], [0.8, 1_000, held], [0.9, 2_000, held.slice(0, 3)]] as const)(
    'at %d of capacity, ours recovers within %d ms; naive retries, and a budget of 20 %% and 10 per second and client, do not',
    { timeout: 900_000 },
    async (utilisation, within, seeds) => {
      const all = {} as Record<keyof typeof ways, Outcome[]>;
      for (const key of Object.keys(ways) as (keyof typeof ways)[]) all[key] = await runs(key, utilisation, seeds);
      for (const { goodput } of Object.values(all).flat()) expect(goodput(1_000, 3_000)).toBeGreaterThan(0.99);
      for (const { recovery, goodput } of all.ours) {
        expect(recovery).toBeLessThanOrEqual(within);
        expect(goodput(TRIGGER_UNTIL + within, DURATION)).toBeGreaterThan(0.995);
      }
      for (const { recovery, goodput } of all.naive) {
        expect(recovery).toBeUndefined();
        expect(goodput(TRIGGER_UNTIL + 1_000, DURATION)).toBeLessThan(0.01);
      }
      for (const { recovery } of all.share) expect(recovery).toBeUndefined();
      // Told of deadlines, naive retries still keep it down: both halves are needed.
      for (const { recovery } of all.naiveTold) expect(recovery).toBeUndefined();
      // A losing row: a circuit that opened stays so until its time is over, whatever has become of the service.
      for (const { recovery } of all.all) expect(recovery).toBeLessThanOrEqual(defaultServicePolicy.circuit.openFor + 1_000);
    },
  );
});
