/**
 * The ways that need no measurement: random, round robin (each client begins somewhere else), and least requests in flight, of two drawn
 * at random (gRFC A48, Envoy's default) or of all.
 */
import { below } from '../../../src/core/random.ts';
import type { NamedWay, Sent } from '../way.ts';

const heedless = (server: number): Sent => ({ server, over() {} });

export const random: NamedWay = {
  name: 'random',
  make: ({ known, random: chance }) => {
    let servers = known;
    return { send: () => heedless(servers[below(chance, servers.length)]!), learn: (now) => void (servers = now) };
  },
};

export const roundRobin: NamedWay = {
  name: 'round robin',
  make: ({ known, random: chance }) => {
    let servers = known;
    let turn = below(chance, servers.length);
    return { send: () => heedless(servers[turn++ % servers.length]!), learn: (now) => void (servers = now) };
  },
};

export function leastRequest(choices: 2 | 'all'): NamedWay {
  return {
    name: choices === 2 ? 'least request, of two' : 'least request, of all',
    make({ known, servers, random: chance }) {
      let all = known;
      const pending = servers.map(() => 0);
      const choose = choices === 2 ? () => freerOfTwo(all, pending, chance) : () => freestOfAll(all, pending, below(chance, all.length));
      return {
        send: () => {
          const server = choose();
          pending[server]! += 1;
          return { server, over: () => void (pending[server]! -= 1) };
        },
        learn: (now) => void (all = now),
      };
    },
  };
}

export function freerOfTwo(known: readonly number[], load: readonly number[], chance: { next(): number }): number {
  const first = below(chance, known.length);
  const drawn = below(chance, known.length - 1);
  const a = known[first]!;
  const b = known[drawn >= first ? drawn + 1 : drawn]!;
  return load[a]! <= load[b]! ? a : b;
}

/** From a random place on, so that equals share. */
function freestOfAll(known: readonly number[], load: readonly number[], from: number): number {
  let best = known[from]!;
  for (let step = 1; step < known.length; step += 1) {
    const server = known[(from + step) % known.length]!;
    if (load[server]! < load[best]!) best = server;
  }
  return best;
}
