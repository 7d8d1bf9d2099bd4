/**
 * Requests with keys, of which few are popular, to servers that serve all at once: how unevenly they are loaded, and how many requests find
 * their key's own server. A number of requests is kept in flight, spread over the clients by chance.
 */
import { hash } from '../../src/balancer/hash.ts';
import { below, seededRandom, type Random } from '../../src/core/random.ts';
import { Timeline } from './timeline.ts';
import { exponential } from './weather.ts';

/** How one client chooses for a key. */
export interface Sticky {
  pick(key: string): { readonly server: number; over(): void };
}

export interface NamedSticky {
  readonly name: string;
  make(context: { readonly servers: number; readonly timeline: Timeline; readonly random: Random }): Sticky;
}

export interface StickyScenario {
  readonly clients: number;
  readonly servers: number;
  readonly keys: number;
  readonly inFlight: number;
}

export interface Stickiness {
  /** Requests at the busiest server, over the mean; exceeded for a hundredth of the time. */
  readonly crowded: number;
  /** Share of the requests that were served where most of those with their key were. */
  readonly affinity: number;
}

const WORK = 10;
const SAMPLE_EVERY = 5;
const WARM_UP = 200;
const DURATION = 2_000;

export function playSticky(scenario: StickyScenario, way: NamedSticky, seed: number): Stickiness {
  const timeline = new Timeline();
  const chance = seededRandom(seed);
  const { clients, servers, keys, inFlight } = scenario;
  const draw = zipf(keys, chance);
  const ways = Array.from({ length: clients }, (_, client) => way.make({ servers, timeline, random: seededRandom(seed * 7_919 + client) }));
  const at = new Array<number>(servers).fill(0);
  const served = Array.from({ length: keys }, () => new Array<number>(servers).fill(0));
  const crowds: number[] = [];
  const send = (now: number): void => {
    const key = draw();
    // A client has a request more or less, as its users come and go.
    const sent = ways[below(chance, clients)]!.pick(`user-${hash(String(key))}`);
    at[sent.server]! += 1;
    if (now >= WARM_UP) served[key]![sent.server]! += 1;
    timeline.at(now + exponential(WORK, chance), {
      happen(over) {
        at[sent.server]! -= 1;
        sent.over();
        if (over < DURATION) send(over);
      },
    });
  };
  for (let request = 0; request < inFlight; request += 1) send(0);
  for (let when = WARM_UP; when < DURATION; when += SAMPLE_EVERY) timeline.at(when, { happen: () => void crowds.push(Math.max(...at) / (inFlight / servers)) });
  timeline.run(DURATION + 1_000);
  crowds.sort((a, b) => a - b);
  const all = served.flat().reduce((sum, count) => sum + count, 0);
  return { crowded: crowds[Math.ceil(0.99 * crowds.length) - 1]!, affinity: served.reduce((sum, counts) => sum + Math.max(...counts), 0) / all };
}

/** Key n is asked for as often as 1/n. */
function zipf(keys: number, chance: Random): () => number {
  const upTo: number[] = [];
  let sum = 0;
  for (let key = 1; key <= keys; key += 1) upTo.push((sum += 1 / key));
  return () => {
    const drawn = chance.next() * sum;
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle]! < drawn) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
