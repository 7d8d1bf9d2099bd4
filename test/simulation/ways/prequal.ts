/**
 * Prequal (Wydrowski et al., NSDI 2024): a pool of probes, sent with requests and used by later ones; hot–cold lexicographic choice.
 *
 *     hot  iff  requests in flight > the Q-quantile of those seen lately
 *     among cold ones the lowest latency; where all are hot, the fewest in flight
 *
 * Pool of 16 (or a third of the servers), 3 probes per request, one removed per request (the oldest and the worst in turn), Q = 2^−¼, reuse
 * b = max(1, (1 + δ)/((1 − m/n)·3 − 1)) with δ = 1, one second of age, +1 in flight for each use. Neither code nor all constants are
 * published: this is our reading. Its probes cost nothing here and are always answered at once, which is more than a real one can hope for.
 */
import { below } from '../../../src/core/random.ts';
import type { Server } from '../server.ts';
import type { NamedWay } from '../way.ts';

const PROBES = 3;
const MAX_AGE = 1_000;
const SEEN = 128;
const MOST_IN_FLIGHT = 1_024;

interface Probe {
  readonly server: number;
  inFlight: number;
  readonly latency: number;
  readonly at: number;
  uses: number;
}

/** Median latency by requests in flight at arrival, as servers keep it; here a moving average for each power of two. */
export class LatencyByLoad {
  readonly #buckets: number[] = [];

  observe(found: number, took: number): void {
    const bucket = bucketOf(found);
    const known = this.#buckets[bucket];
    this.#buckets[bucket] = known === undefined ? took : known + 0.1 * (took - known);
  }

  at(inFlight: number): number {
    const wanted = bucketOf(inFlight);
    for (let distance = 0; distance < 16; distance += 1) {
      const found = this.#buckets[wanted - distance] ?? this.#buckets[wanted + distance];
      if (found !== undefined) return found;
    }
    return 0;
  }
}

const bucketOf = (inFlight: number) => (inFlight < 4 ? inFlight : 2 + Math.floor(Math.log2(inFlight)));

/** One estimate per server, shared by all clients as it is the server's own. */
const estimates = new WeakMap<readonly Server[], LatencyByLoad[]>();

export function prequal(quantile: number | 'fewest in flight' = 2 ** -0.25): NamedWay {
  const byLatency = quantile !== 'fewest in flight';
  return {
    name: byLatency ? 'Prequal (3 probes a request)' : 'Prequal, fewest in flight (3 probes a request)',
    make({ known, servers, random: chance }) {
      let all = known;
      let estimate = estimates.get(servers);
      if (estimate === undefined) estimates.set(servers, (estimate = servers.map(() => new LatencyByLoad())));
      const byLoad = estimate;
      const pool: Probe[] = [];
      const seen = new RecentQuantile();
      let oldestNext = true;
      const poolSize = () => Math.max(2, Math.min(16, Math.floor(all.length / 3)));
      const reuse = () => Math.max(1, 2 / Math.max(0.01, (1 - poolSize() / all.length) * PROBES - 1));
      const probe = (now: number) => {
        for (let count = 0; count < PROBES; count += 1) {
          const server = all[below(chance, all.length)]!;
          const { inFlight } = servers[server]!;
          seen.add(inFlight);
          const budget = reuse();
          const uses = Math.floor(budget) + (chance.next() < budget % 1 ? 1 : 0);
          pool.push({ server, inFlight, latency: byLoad[server]!.at(inFlight), at: now, uses });
          if (pool.length > poolSize()) pool.shift();
        }
      };
      const better = (a: Probe, b: Probe, threshold: number) => {
        const [hotA, hotB] = [a.inFlight > threshold, b.inFlight > threshold];
        if (hotA !== hotB) return hotB;
        return hotA || !byLatency ? a.inFlight < b.inFlight : a.latency < b.latency;
      };
      const best = (threshold: number, sign: 1 | -1) => {
        let found = 0;
        for (let place = 1; place < pool.length; place += 1) {
          const [a, b] = sign === 1 ? [place, found] : [found, place];
          if (better(pool[a]!, pool[b]!, threshold)) found = place;
        }
        return found;
      };
      return {
        send(now) {
          while (pool.length > 0 && now - pool[0]!.at > MAX_AGE) pool.shift();
          const threshold = byLatency ? seen.at(quantile) : -1;
          let server: number;
          if (pool.length < 2) server = all[below(chance, all.length)]!;
          else {
            const place = best(threshold, 1);
            const chosen = pool[place]!;
            server = chosen.server;
            chosen.inFlight += 1;
            chosen.uses -= 1;
            if (chosen.uses <= 0) pool.splice(place, 1);
          }
          if (pool.length > 0) {
            if (oldestNext) pool.shift();
            else pool.splice(best(threshold, -1), 1);
            oldestNext = !oldestNext;
          }
          probe(now);
          const found = servers[server]!.inFlight;
          return {
            server,
            over(_failed, ended, report) {
              if (report !== undefined) byLoad[server]!.observe(found, ended - now);
            },
          };
        },
        learn(now) {
          all = now;
          for (let place = pool.length - 1; place >= 0; place -= 1) if (!now.includes(pool[place]!.server)) pool.splice(place, 1);
        },
      };
    },
  };
}

/** The quantile of the last so many numbers, small and whole. */
class RecentQuantile {
  readonly #ring = new Int32Array(SEEN).fill(-1);
  readonly #counts = new Int32Array(MOST_IN_FLIGHT);
  #next = 0;
  #size = 0;

  add(value: number): void {
    const kept = Math.min(value, MOST_IN_FLIGHT - 1);
    const old = this.#ring[this.#next]!;
    if (old >= 0) this.#counts[old]! -= 1;
    else this.#size += 1;
    this.#ring[this.#next] = kept;
    this.#counts[kept]! += 1;
    this.#next = (this.#next + 1) % SEEN;
  }

  at(quantile: number): number {
    let left = Math.ceil(quantile * this.#size);
    for (let value = 0; value < MOST_IN_FLIGHT; value += 1) {
      left -= this.#counts[value]!;
      if (left <= 0) return value;
    }
    return MOST_IN_FLIGHT;
  }
}
