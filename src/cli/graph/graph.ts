/**
 * The service graph of many processes: who calls whom, how often, and how that goes.
 *
 * Rates are sums, success is weighted by them. Percentiles of several processes cannot be had from theirs: p50 is weighted by the rates, which is
 * near it where the processes are alike, and p99 is the highest of any process, which it never exceeds by more than that one does.
 */
import type { Gathered } from './gather.ts';
import type { CalledService } from './snapshot.ts';

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** That call it. */
  readonly processes: number;
  readonly rate: number;
  readonly success: number | undefined;
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly inFlight: number;
  /** Processes whose circuit is open. */
  readonly open: number;
  /** The most that any process talks to. */
  readonly endpoints: number;
  /** Endpoints that get no traffic from some process, and from how many. */
  readonly out: readonly { readonly endpoint: string; readonly state: string; readonly why: string; readonly processes: number }[];
}

export interface GraphNode {
  readonly name: string;
  /** That were asked; 0: it is only called. */
  readonly processes: number;
}

export interface ServiceGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly failed: readonly { readonly from: string; readonly error: string }[];
}

export function graphOf(gathered: readonly Gathered[]): ServiceGraph {
  const nodes = new Map<string, number>();
  const calls = new Map<string, { from: string; to: string; all: CalledService[] }>();
  const failed: { from: string; error: string }[] = [];
  for (const each of gathered) {
    if ('error' in each) {
      failed.push(each);
      continue;
    }
    const { service, services } = each.snapshot;
    nodes.set(service, (nodes.get(service) ?? 0) + 1);
    for (const called of services) {
      if (!nodes.has(called.name)) nodes.set(called.name, 0);
      const key = JSON.stringify([service, called.name]);
      const edge = calls.get(key);
      if (edge === undefined) calls.set(key, { from: service, to: called.name, all: [called] });
      else edge.all.push(called);
    }
  }
  return {
    nodes: [...nodes].map(([name, processes]) => ({ name, processes })).sort((one, other) => compare(one.name, other.name)),
    edges: [...calls.values()].map(edgeOf).sort((one, other) => compare(one.from, other.from) || compare(one.to, other.to)),
    failed,
  };
}

function edgeOf({ from, to, all }: { from: string; to: string; all: readonly CalledService[] }): GraphEdge {
  const rate = all.reduce((sum, each) => sum + each.rate, 0);
  const weighted = (of: (each: CalledService) => number | undefined): number | undefined => {
    const known = all.filter((each) => of(each) !== undefined && each.rate > 0);
    const weight = known.reduce((sum, each) => sum + each.rate, 0);
    return weight === 0 ? undefined : known.reduce((sum, each) => sum + of(each)! * each.rate, 0) / weight;
  };
  const p99s = all.flatMap(({ p99 }) => (p99 === undefined ? [] : [p99]));
  const out = new Map<string, { endpoint: string; state: string; why: string; processes: number }>();
  for (const each of all.flatMap((called) => called.out)) {
    const known = out.get(each.endpoint);
    if (known === undefined) out.set(each.endpoint, { ...each, processes: 1 });
    else known.processes += 1;
  }
  return {
    from, to, processes: all.length, rate, success: weighted(({ success }) => success), p50: weighted(({ p50 }) => p50), p99: p99s.length === 0 ? undefined : p99s.reduce((one, other) => Math.max(one, other)),
    inFlight: all.reduce((sum, each) => sum + each.inFlight, 0), open: all.filter(({ circuit }) => circuit === 'open').length,
    endpoints: all.reduce((most, each) => Math.max(most, each.endpoints), 0), out: [...out.values()].sort((one, other) => compare(one.endpoint, other.endpoint)),
  };
}

/** The same everywhere, whatever the language of the machine. */
function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

export type Tone = 'good' | 'warn' | 'bad' | 'idle';

export function toneOf({ rate, success, open, out }: GraphEdge): Tone {
  if (open > 0 || (success ?? 1) < 0.95) return 'bad';
  if ((success ?? 1) < 0.99 || out.length > 0) return 'warn';
  return rate === 0 ? 'idle' : 'good';
}
