/**
 * Ways to find the server of a key: the library's own, and those of others.
 *
 *     ring      each server has so many points on a circle, a key belongs to the next of them (Karger 1997); with bounded loads it walks on
 *               to the first server below ⌈c · (all + 1) / n⌉ (Mirrokni, Thorup, Zadimoghaddam 2016; HAProxy's and Envoy's)
 *     Maglev    a table of 65,537 places, which servers fill in turns, each in an order of its own (Eisenbud et al., NSDI 2016)
 */
import { Cluster } from '../../../src/balancer/cluster.ts';
import { hash, mix } from '../../../src/balancer/hash.ts';
import { defaultServicePolicy } from '../../../src/core/policy.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { noZones } from '../../../src/core/zones.ts';
import { Timeline } from '../timeline.ts';
import type { NamedSticky } from '../sticky.ts';
import { endpointOf } from './inmesh.ts';

const noneTried: ReadonlySet<string> = new Set();
const success = { kind: 'success' } as const;
const nameOf = (server: number) => `${endpointOf(server).host}:80`;

function clusterOf(servers: number, boundedLoad: number | 'off', timeline = new Timeline()): Cluster {
  const balancer = { ...defaultServicePolicy.balancer, type: 'hash', boundedLoad } as const;
  const knobs = { subset: 'off', slowStart: 'off', locality: 'off', zones: noZones, outlier: 'off', healthCheck: 'off', maxPerEndpoint: 100_000, balancer } as const;
  const cluster = new Cluster({ service: 'reviews', identity: 'client', clock: timeline, random: seededRandom(1), knobs: () => knobs, emit() {}, retire() {}, refresh() {} });
  cluster.reconcile({ endpoints: Array.from({ length: servers }, (_, server) => endpointOf(server)), complete: true, source: 'a simulation' });
  return cluster;
}

export function ours(name: string, boundedLoad: number | 'off'): NamedSticky {
  return {
    name,
    make({ servers, timeline }) {
      const cluster = clusterOf(servers, boundedLoad, timeline);
      const numbers = new Map(Array.from({ length: servers }, (_, server) => [nameOf(server), server]));
      return {
        pick(key) {
          const node = cluster.pick({ tried: noneTried, hashKey: key })!;
          const ticket = node.begin();
          return {
            server: numbers.get(node.key)!,
            over() {
              ticket.settle(success);
              ticket.release();
            },
          };
        },
      };
    },
  };
}

/** Sorted by place on the circle. */
function pointsOf(servers: number, each: number): { readonly at: number; readonly server: number }[] {
  const points = Array.from({ length: servers * each }, (_, number) => ({ at: mix(hash(nameOf(number % servers)), Math.floor(number / servers)), server: number % servers }));
  return points.sort((a, b) => a.at - b.at);
}

function next(points: readonly { readonly at: number }[], wanted: number): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.at < wanted) low = middle + 1;
    else high = middle;
  }
  return low % points.length;
}

export function ring(name: string, bound: number): NamedSticky {
  return {
    name,
    make({ servers }) {
      const points = pointsOf(servers, 160);
      const inFlight = new Array<number>(servers).fill(0);
      let all = 0;
      return {
        pick(key) {
          const most = Math.ceil((bound * (all + 1)) / servers);
          let place = next(points, hash(key));
          while (inFlight[points[place]!.server]! >= most) place = (place + 1) % points.length;
          const { server } = points[place]!;
          inFlight[server]! += 1;
          all += 1;
          return {
            server,
            over() {
              inFlight[server]! -= 1;
              all -= 1;
            },
          };
        },
      };
    },
  };
}

/** The server of each key, of so many servers; nobody is busy. */
export type Homes = (servers: number, keys: readonly string[]) => readonly number[];

export const homesOfOurs: Homes = (servers, keys) => {
  const cluster = clusterOf(servers, 1.5);
  const numbers = new Map(Array.from({ length: servers }, (_, server) => [nameOf(server), server]));
  return keys.map((key) => numbers.get(cluster.pick({ tried: noneTried, hashKey: key })!.key)!);
};

export const homesOnRing = (each: number): Homes => (servers, keys) => {
  const points = pointsOf(servers, each);
  return keys.map((key) => points[next(points, hash(key))]!.server);
};

const PLACES = 65_537;

export const homesByMaglev: Homes = (servers, keys) => {
  const table = new Int32Array(PLACES).fill(-1);
  const orders = Array.from({ length: servers }, (_, server) => ({ at: hash(nameOf(server)) % PLACES, step: (mix(hash(nameOf(server)), 7) % (PLACES - 1)) + 1 }));
  for (let filled = 0; filled < PLACES; ) {
    for (const [server, order] of orders.entries()) {
      while (table[order.at] !== -1) order.at = (order.at + order.step) % PLACES;
      table[order.at] = server;
      filled += 1;
      if (filled === PLACES) break;
    }
  }
  return keys.map((key) => table[hash(key) % PLACES]!);
};
