/** The library's own way: a real `Cluster` for each client, its tickets settled when the answer comes. */
import type { Clock } from '../../../src/core/clock.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import type { Emit } from '../../../src/core/events.ts';
import type { Outcome } from '../../../src/core/outcome.ts';
import { defaultServicePolicy } from '../../../src/core/policy.ts';
import { noZones } from '../../../src/core/zones.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { Cluster, type ClusterKnobs } from '../../../src/balancer/cluster.ts';
import { loadReport } from '../../../src/balancer/load-report.ts';
import type { PickRequest } from '../../../src/balancer/picker.ts';
import type { Report } from '../server.ts';
import { Timeline } from '../timeline.ts';
import type { NamedWay } from '../way.ts';

const { subset, balancer, slowStart, outlier, locality } = defaultServicePolicy;

/** All of the default policy that concerns the balancer, with every server in the subset. */
const defaults: ClusterKnobs = { subset: { ...subset, size: 1_000 }, balancer, slowStart, outlier, healthCheck: 'off', locality, zones: noZones, maxPerEndpoint: 100_000 };

const success: Outcome = { kind: 'success' };
const failure: Outcome = { kind: 'failure' };
const firstTry: PickRequest = { tried: new Set() };

/** Whom clients know at the beginning, they have known for longer than slow start lasts: the fleet is an old one. */
const KNOWN_FOR = 60_000;

export const endpointOf = (server: number): Endpoint => ({ host: `10.0.${server >> 8}.${server & 255}`, port: 80, weight: 1, priority: 0 });

/** The header that a server of ours sends; the request that it answers is still in flight. */
function headerOf(report: Report, now: number): string {
  const [busy, rate, failures] = [report.utilisation(now), report.requestRate(now), report.failureRate(now)].map((figure) => figure.toPrecision(4));
  return `TEXT application_utilization=${busy}, rps_fractional=${rate}, eps=${failures}, named_metrics.rif=${report.inFlight + 1}`;
}

/** `reported`: servers say how loaded they are with each answer. */
export function inmesh(name: string, knobs: Partial<ClusterKnobs> = {}, emit: Emit = () => {}, reported = false): NamedWay {
  const whole = { ...defaults, ...knobs };
  return {
    name,
    make({ client, known, timeline, random }) {
      let before = KNOWN_FOR;
      const clock: Clock = { now: () => timeline.now() - before, wall: () => timeline.wall(), after: (delay, fire) => timeline.after(delay, fire) };
      const cluster = new Cluster({
        service: 'reviews', identity: `client-${client}`, clock, random, emit,
        knobs: () => whole, retire() {}, refresh() {},
      });
      const numbers = new Map<string, number>();
      const learn = (servers: readonly number[]) => {
        const endpoints = servers.map(endpointOf);
        endpoints.forEach(({ host, port }, place) => numbers.set(`${host}:${port}`, servers[place]!));
        cluster.reconcile({ endpoints, complete: true, source: 'a simulation' });
      };
      learn(known);
      before = 0;
      return {
        send() {
          const node = cluster.pick(firstTry)!;
          const ticket = node.begin();
          return {
            server: numbers.get(node.key)!,
            over(failed, now, report) {
              if (reported && report !== undefined) node.reports(loadReport(headerOf(report, now), now)!, failed ? 'failure' : 'success');
              ticket.settle(failed ? failure : success);
              ticket.release();
            },
          };
        },
        learn,
      };
    },
  };
}

/** Which servers a client of this name talks to. */
export function subsetOf(identity: string, servers: number, size: number): number[] {
  const cluster = new Cluster({
    service: 'reviews', identity, clock: new Timeline(), random: seededRandom(1), emit() {},
    knobs: () => ({ ...defaults, subset: { ...subset, strategy: 'rendezvous', size } }), retire() {}, refresh() {},
  });
  const endpoints = Array.from({ length: servers }, (_, server) => endpointOf(server));
  cluster.reconcile({ endpoints, complete: true, source: 'a simulation' });
  return cluster.endpoints.map((endpoint) => endpoints.indexOf(endpoint));
}

/** As the library is by default, but for ejection: the choice alone. */
export const ours = inmesh('inmesh', { outlier: 'off' });

/** By what servers report. The blackout is shortened: runs are short, and it would be a plain round robin for most of them. */
export const weighted = inmesh('inmesh, weighted (servers report)', { outlier: 'off', balancer: { ...balancer, type: 'weighted', blackoutPeriod: 1_000 } }, () => {}, true);

/** By default, of servers that report. */
export const oursReported = inmesh('inmesh, servers report', { outlier: 'off' }, () => {}, true);
