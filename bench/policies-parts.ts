/**
 * What bench/policies.mjs measures: a call through a stack of layers, over a transport that answers at once. The stacks are those of
 * running-service.ts and running-cluster.ts, cut off after one layer more each time.
 */
import { createMeshClient } from '../src/client.ts';
import { balance } from '../src/balancer/balance.ts';
import { Cluster } from '../src/balancer/cluster.ts';
import { loadPolicy } from '../src/config/load-policy.ts';
import type { PolicyDocument } from '../src/config/schema.ts';
import { stack, type Attempt, type Call, type Layer, type ReplySink, type Service } from '../src/core/call.ts';
import { Cancellation } from '../src/core/cancellation.ts';
import { systemClock as clock } from '../src/core/clock.ts';
import type { ServicePolicy } from '../src/core/policy.ts';
import { systemRandom as random } from '../src/core/random.ts';
import { TriedEndpoints } from '../src/core/tried.ts';
import { noZones } from '../src/core/zones.ts';
import { attemptTimeout } from '../src/policies/attempt-timeout.ts';
import { beginAttempt } from '../src/policies/begin-attempt.ts';
import { RetryBudget } from '../src/policies/budget.ts';
import { Circuit } from '../src/policies/circuit.ts';
import { ConcurrencyLimit } from '../src/policies/concurrency.ts';
import { deadline } from '../src/policies/deadline.ts';
import { fallback } from '../src/policies/fallback.ts';
import { Hedging } from '../src/policies/hedge.ts';
import { propagation } from '../src/policies/propagation.ts';
import { RateLimit } from '../src/policies/rate-limit.ts';
import { retry } from '../src/policies/retry.ts';
import { Throttle } from '../src/policies/throttle.ts';
import { Timeouts } from '../src/policies/timeouts.ts';
import { traceAttempts, traceCalls } from '../src/telemetry/tracing.ts';
import { instantly, type CallOnce } from './instant-transport.ts';

const endpoints = ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80', '10.0.0.4:80'];
const discovery = { endpoints };

/** Every mechanism on, and none of them with a reason to act. */
const allOn: PolicyDocument = {
  version: 1,
  services: { reviews: { discovery, hedge: { after: '1s' }, rateLimit: { rate: '1000000/s', burst: 100_000 } } },
};
const allOff: PolicyDocument = {
  version: 1,
  services: {
    reviews: {
      discovery, attemptTimeout: 'off', retry: 'off', hedge: 'off', circuit: 'off', concurrency: 'off', throttle: 'off', rateLimit: 'off',
      propagate: { deadline: false, criticality: false, retryAttempt: false, trace: false }, telemetry: { spans: 'off' },
    },
  },
};

function nothing(): void {}

const sink: ReplySink = { onHeaders: () => true, onData: () => true, onComplete() {}, onError() {}, onUpgrade() {} };

const request = {
  method: 'GET', scheme: 'http', authority: 'reviews', path: '/reviews/1', headers: ['accept', 'application/json', 'user-agent', 'bench'],
  body: undefined, upgrade: undefined, reset: false, headersTimeout: 0, bodyTimeout: 0,
} as const;

function newCall(policy: ServicePolicy): Call {
  const startedAt = clock.now();
  return {
    service: 'reviews', policy, request, options: {}, cancellation: new Cancellation(), startedAt, deadline: startedAt + policy.deadline, deadlineFrom: 'policy',
    criticality: 'critical', hashKey: undefined, servingRetry: false, route: undefined, version: undefined, attempts: 0, tried: new TriedEndpoints(),
  };
}

/** Layers above an attempt and above a call, as they stand; the names are those of the table. */
function layers(policy: ServicePolicy) {
  const emit = nothing;
  const timeouts = new Timeouts(clock);
  const knobs = { subset: policy.subset, balancer: policy.balancer, slowStart: policy.slowStart, outlier: policy.outlier, healthCheck: policy.healthCheck, locality: policy.locality, zones: noZones, maxPerEndpoint: policy.connection.maxPerEndpoint };
  const cluster = new Cluster({ service: 'reviews', identity: 'bench', clock, random, emit, retire: nothing, refresh: nothing, knobs: () => knobs });
  const found = endpoints.map((each) => ({ host: each.split(':')[0]!, port: 80, weight: 1, priority: 0 }));
  cluster.reconcile({ endpoints: found, complete: true, source: 'bench' });

  const service = 'reviews';
  const budget = new RetryBudget(() => (policy.retry === 'off' ? { perSuccess: 0.1, cap: 10 } : policy.retry.budget));
  const hedging = new Hedging({ service, clock, timeouts, budget, emit, elsewhere: () => true });
  const circuit = new Circuit({ service, clock, emit, knobs: () => policy.circuit });
  const limit = new ConcurrencyLimit({ service, clock, emit, capacity: () => cluster.size * policy.connection.maxPerEndpoint, knobs: () => policy.concurrency });
  const throttle = new Throttle({ service, clock, random, emit, knobs: () => policy.throttle });
  const rate = new RateLimit({ service, clock, emit, knobs: () => policy.rateLimit });

  const attempt: [string, Layer<Attempt>][] = [
    ['trace of the attempt', traceAttempts({ clock })],
    ['propagation', propagation()],
    ['attempt timeout', attemptTimeout(timeouts)],
    ['circuit', circuit.layer],
  ];
  const retries = retry({ clock, random, budget, emit });
  const hedges = retry({ clock, random, budget, emit, hedging });
  const call: [string, Layer<Call>][] = [
    ['concurrency', limit.layer],
    ['throttle', throttle.layer],
    ['rate limit', rate.layer],
    ['deadline', deadline(timeouts)],
    ['fallback', fallback({ emit })],
    ['trace of the call', traceCalls({ clock })],
  ];
  return { bottom: balance(cluster, instantly, clock), attempt, retries, hedges, call };
}

/** What the table has a row for, from the bottom up. */
export const rows = [
  'balancer and transport', 'trace of the attempt', 'propagation', 'attempt timeout', 'circuit', 'retry', 'hedge', 'concurrency', 'throttle', 'rate limit', 'deadline', 'fallback',
  'trace of the call',
];

/** A call through everything up to this row. */
export function upTo(row: string): CallOnce {
  const { policy } = loadPolicy(allOn, {}).policy.services.get('reviews')!;
  const at = rows.indexOf(row);
  const { bottom, attempt, retries, hedges, call } = layers(policy);
  const isIn = ([name]: [string, unknown]): boolean => rows.indexOf(name) <= at;
  const below = stack<Attempt>(...attempt.filter(isIn).reverse().map(([, layer]) => layer))(bottom);
  const once: Service<Call> = (each) => below(beginAttempt(each, each.startedAt));
  const middle = at >= rows.indexOf('hedge') ? hedges(below) : at >= rows.indexOf('retry') ? retries(below) : once;
  const whole = stack<Call>(...call.filter(isIn).reverse().map(([, layer]) => layer))(middle);
  return async () => (await whole(newCall(policy))).accept(sink);
}

/** A call through a whole client, by its dispatcher, with every mechanism on or with none. */
export async function client(which: 'on' | 'off', within: boolean): Promise<CallOnce> {
  const mesh = createMeshClient({ policy: which === 'on' ? allOn : allOff, transport: () => instantly });
  await mesh.ready();
  const options = { origin: 'http://reviews', path: '/reviews/1', method: 'GET' as const, headers: { accept: 'application/json', 'user-agent': 'bench' } };
  const once: CallOnce = () =>
    new Promise((resolve, reject) => {
      mesh.dispatcher.dispatch(options, { onConnect: nothing, onHeaders: () => true, onData: () => true, onComplete: resolve, onError: reject });
    });
  return within ? () => mesh.run({ deadline: '10s', criticality: 'critical' }, once) : once;
}
