/**
 * Finagle's peak EWMA over two choices, as published (loadbalancer/PeakEwma.scala): the cost jumps to any slower sample, drifts
 * towards zero while nothing is heard, and takes a failure for an answer as quick as it came. An endpoint that was never
 * measured and has something on its way costs a penalty.
 */
import { below } from '../../../src/core/random.ts';
import type { NamedWay } from '../way.ts';

const DECAY = 10_000;
const PENALTY = Number.MAX_SAFE_INTEGER / 2;

interface Cost {
  cost: number;
  at: number;
  pending: number;
}

export const finaglePeakEwma: NamedWay = {
  name: "peak EWMA (Finagle's)",
  make({ known, servers, random: chance }) {
    let all = known;
    const costs: Cost[] = servers.map(() => ({ cost: 0, at: 0, pending: 0 }));
    const observe = (cost: Cost, sample: number, now: number) => {
      const weight = Math.exp((cost.at - now) / DECAY);
      cost.cost = sample > cost.cost ? sample : cost.cost * weight + sample * (1 - weight);
      cost.at = now;
    };
    const load = (cost: Cost, now: number) => {
      observe(cost, 0, now);
      return cost.cost === 0 && cost.pending !== 0 ? PENALTY + cost.pending : cost.cost * (cost.pending + 1);
    };
    return {
      send(now) {
        const first = below(chance, all.length);
        const drawn = below(chance, all.length - 1);
        const [a, b] = [all[first]!, all[drawn >= first ? drawn + 1 : drawn]!];
        const server = load(costs[a]!, now) <= load(costs[b]!, now) ? a : b;
        const cost = costs[server]!;
        cost.pending += 1;
        return {
          server,
          over(_failed, ended) {
            cost.pending -= 1;
            observe(cost, ended - now, ended);
          },
        };
      },
      learn: (now) => void (all = now),
    };
  },
};
