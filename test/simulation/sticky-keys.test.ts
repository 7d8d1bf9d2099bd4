/**
 * Requests with keys (H16): how many find their key's own server while no server is crowded, and which keys move when a server comes. The
 * popularity of keys is Zipf's, so that one of 2,000 is asked for by every eighth request.
 */
import { describe, expect, it } from 'vitest';
import { range, record, seeds, whole } from './compare.ts';
import { playSticky, type NamedSticky, type StickyScenario } from './sticky.ts';
import { homesByMaglev, homesOfOurs, homesOnRing, ours, ring, type Homes } from './ways/sticky.ts';

const scenario: StickyScenario = { clients: 1, servers: 20, keys: 2_000, inFlight: 400 };
const bounded = ours('inmesh, c = 1.5', 1.5);
const unbounded = ours('inmesh, no bound', 'off');
const boundedRing = ring('ring, c = 1.5', 1.5);
const everybody = [unbounded, ring('ring, no bound', Infinity), ours('inmesh, c = 1.25', 1.25), ring('ring, c = 1.25', 1.25), bounded, boundedRing, ours('inmesh, c = 2', 2)];

function line(way: NamedSticky, name = way.name, of = scenario) {
  const runs = seeds.map((seed) => playSticky(of, way, seed));
  return { way: name, crowded: range(runs.map(({ crowded }) => crowded)), affinity: range(runs.map(({ affinity }) => affinity)) };
}

/** What is in flight is in so many clients, of which each sees its own. */
function inClients(clients: number, inFlight: number) {
  return line(bounded, `${bounded.name}: ${clients === 1 ? 'one client' : `${clients} clients`}, ${inFlight} in flight`, { ...scenario, clients, inFlight });
}

const keys = Array.from({ length: 100_000 }, (_, number) => `user-${number}`);

/** Of all keys: those of the server that has most, over the mean; those that move when a server is added, and of these those that move to an old one. */
function spread(way: string, homes: Homes) {
  const [before, after] = [homes(100, keys), homes(101, keys)];
  const counts = new Array<number>(100).fill(0);
  for (const server of before) counts[server]! += 1;
  const moved = before.flatMap((server, key) => (server === after[key] ? [] : [after[key]!]));
  return { way, busiest: Math.max(...counts) / (keys.length / 100), moved: moved.length / keys.length, astray: moved.filter((server) => server !== 100).length / keys.length };
}

const percent = (part: number) => `${(100 * part).toFixed(2)} %`;

describe('requests with keys, few of which are popular (H16)', () => {
  it('no server has more than one and a half times the mean in flight, and four of five requests are at home; keys are spread evenly, and a new server moves none but its own', () => {
    const lines = (whole ? everybody : [unbounded, bounded, boundedRing]).map((way) => line(way));
    const spreads = [spread('inmesh', homesOfOurs), spread('ring, 160 points each', homesOnRing(160)), spread('ring, 1,024 points each', homesOnRing(1_024)), spread('Maglev, 65,537 places', homesByMaglev)] as const;
    const tables = [
      { caption: 'One client, 400 in flight at 20 servers, 2,000 keys', lines },
      { caption: 'Fewer in flight, or in several clients that do not know of each other', lines: whole ? [inClients(1, 100), inClients(1, 20), inClients(1, 5), inClients(10, 400), inClients(40, 400)] : [] },
      { caption: '100,000 keys of equal popularity at 100 servers, and when there is one server more', lines: spreads.map(({ way, busiest, moved, astray }) => ({ way, busiest: range([busiest]), 'keys moved': percent(moved), 'to an old server': percent(astray) })) },
    ];
    record({ row: 'H16', title: 'Requests with keys of uneven popularity', published: 'not published', tables, plot: { kind: 'bars', table: 0, figure: 'crowded', scale: 'linear' } });
    const of = (way: NamedSticky) => lines.find((each) => each.way === way.name)!;
    expect(of(bounded).crowded.most).toBeLessThanOrEqual(1.5);
    expect(of(bounded).affinity.least).toBeGreaterThan(0.8);
    expect(of(unbounded).crowded.mean).toBeGreaterThan(3);
    expect(Math.abs(of(bounded).affinity.mean - of(boundedRing).affinity.mean)).toBeLessThan(0.05);
    const [inmesh, coarse, , maglev] = spreads;
    expect(inmesh.busiest).toBeLessThan(1.1);
    expect(inmesh.busiest).toBeLessThan(coarse.busiest);
    expect(inmesh.moved).toBeLessThan(0.012);
    expect(inmesh.astray).toBe(0);
    expect(maglev.astray).toBeGreaterThan(0.002);
  });
});
