/**
 * What is so at a moment: policy, endpoints, circuits, limits, budgets, discovery. Read when somebody collects, so it costs nothing in between.
 *
 * They are of one client; two in one process that call services of the same name say the same things of different ones.
 */
import type { Attributes, BatchObservableCallback, ObservableGauge, Observable } from '@opentelemetry/api';
import { criticalities, DEFAULT_CRITICALITY, type Criticality } from '../core/criticality.ts';
import { circuitStateValues, metricTable } from '../core/metrics.ts';
import type { Mode, ServicePolicy } from '../core/policy.ts';
import { would } from './attempt-metrics.ts';
import { described, instruments, onRenewal, type GaugeName, type Instruments } from './instruments.ts';
import { OTHER, serviceAttribute } from './service-attribute.ts';

interface CircuitState {
  readonly state: keyof typeof circuitStateValues;
  readonly enforced: boolean;
}

interface ClusterState {
  readonly discovery: { readonly age: number | undefined };
  readonly endpoints: readonly { readonly state: string; readonly health?: { readonly state: string } }[];
  readonly subset: { readonly total: number };
  readonly panic: string | false;
  readonly circuit: CircuitState;
  readonly circuits: Readonly<Record<string, CircuitState>>;
}

interface LimitState {
  readonly limit: number;
  readonly inFlight: number;
  readonly queued: number;
}

interface ThrottleState {
  readonly rejection: Readonly<Record<Criticality, number>>;
}

/** As `inspect()` has it. */
export interface ServiceState extends ClusterState {
  readonly name: string;
  readonly budget: number;
  readonly calls: LimitState;
  readonly throttle: ThrottleState;
  readonly ofRoutes: { readonly calls: Readonly<Record<string, LimitState>>; readonly throttle: Readonly<Record<string, ThrottleState>> };
  readonly versions: readonly (ClusterState & { readonly name: string })[];
}

export interface PolicyState {
  readonly generation: number;
  readonly valid: boolean;
  /** Milliseconds. */
  readonly age: number;
}

export interface GaugeSources {
  readonly policy: () => PolicyState;
  readonly services: () => Iterable<{ readonly policy: ServicePolicy; snapshot(): ServiceState }>;
}

type Observe = (name: GaugeName, value: number, attributes?: Attributes) => void;

const names = Object.keys(metricTable).filter((name): name is GaugeName => metricTable[name as keyof typeof metricTable].instrument === 'gauge');

export class Gauges {
  readonly #sources: GaugeSources;
  readonly #deaf: () => void;
  #stop: (() => void) | undefined;
  /**
   * Every point there has been. SDKs repeat the last value of a point that is not observed again: an endpoint that is back would be ejected for ever.
   */
  readonly #said = new Map<string, readonly [GaugeName, Attributes]>();

  constructor(sources: GaugeSources) {
    this.#sources = sources;
    const present = instruments();
    this.#attach(present);
    this.#deaf = onRenewal(() => this.#attach(instruments()));
  }

  close(): void {
    this.#deaf();
    this.#stop?.();
    this.#stop = undefined;
  }

  #attach(present: Instruments | undefined): void {
    this.#stop?.();
    this.#stop = undefined;
    if (present === undefined) return;
    const { meter } = present;
    const gauges = new Map<GaugeName, ObservableGauge>(names.map((name) => [name, meter.createObservableGauge(name, described(name))]));
    const all: Observable[] = [...gauges.values()];
    const observe: BatchObservableCallback = (result) => this.#observe((name, value, attributes) => result.observe(gauges.get(name)!, value, attributes));
    meter.addBatchObservableCallback(observe, all);
    this.#stop = () => meter.removeBatchObservableCallback(observe, all);
  }

  #observe(result: Observe): void {
    const now = new Set<string>();
    const observe: Observe = (name, value, attributes = {}) => {
      const key = `${name} ${JSON.stringify(attributes)}`;
      now.add(key);
      this.#said.set(key, [name, attributes]);
      result(name, value, attributes);
    };
    const { generation, valid, age } = this.#sources.policy();
    observe('inmesh.policy.generation', generation);
    observe('inmesh.policy.valid', valid ? 1 : 0);
    observe('inmesh.policy.age', age / 1000);
    for (const service of this.#sources.services()) {
      if (!service.policy.telemetry.metrics) continue;
      const state = service.snapshot();
      const name = serviceAttribute(state.name);
      // Of several services under one name a point would be of one of them, and nobody could tell which.
      if (name !== OTHER) observeService(state, service.policy, { 'inmesh.service': name }, observe);
    }
    for (const [key, [name, attributes]] of this.#said) if (!now.has(key)) result(name, 0, attributes);
  }
}

function observeService(state: ServiceState, policy: ServicePolicy, service: Attributes, observe: Observe): void {
  observeCluster(state, policy, service, observe);
  for (const version of state.versions) observeCluster(version, policy, { ...service, 'inmesh.version': version.name }, observe);
  observe('inmesh.retry.budget', state.budget, service);
  for (const [at, { limit, inFlight, queued }] of withRoutes(state.calls, state.ofRoutes.calls, service)) {
    if (limit !== Infinity) observe('inmesh.concurrency.limit', limit, at);
    observe('inmesh.concurrency.in_flight', inFlight, at);
    observe('inmesh.concurrency.queued', queued, at);
  }
  for (const [at, { rejection }] of withRoutes(state.throttle, state.ofRoutes.throttle, service)) {
    for (const criticality of criticalities) {
      if (rejection[criticality] > 0 || criticality === DEFAULT_CRITICALITY) observe('inmesh.throttle.rejection', rejection[criticality], { ...at, 'inmesh.criticality': criticality });
    }
  }
}

function observeCluster(state: ClusterState, policy: ServicePolicy, cluster: Attributes, observe: Observe): void {
  const { enforced, observed } = endpointsByState(state, policy);
  for (const [is, count] of enforced) observe('inmesh.endpoints', count, { ...cluster, 'inmesh.state': is });
  for (const [is, count] of observed) observe('inmesh.endpoints', count, { ...cluster, 'inmesh.state': is, ...would(false) });
  observe('inmesh.panic', state.panic === false || state.panic === 'observed' ? 0 : 1, cluster);
  for (const [at, circuit] of withRoutes(state.circuit, state.circuits, cluster)) {
    observe('inmesh.circuit.state', circuitStateValues[circuit.state], { ...at, ...would(circuit.enforced) });
  }
  if (state.discovery.age !== undefined) observe('inmesh.discovery.age', state.discovery.age / 1000, cluster);
}

/** Each endpoint in one state: what keeps traffic away from it, or would, where something does. */
function endpointsByState({ endpoints, subset }: ClusterState, { outlier, healthCheck }: ServicePolicy): Record<'enforced' | 'observed', Map<string, number>> {
  const counts = { enforced: new Map([['available', 0]]), observed: new Map<string, number>() };
  const count = (state: string, mode: Mode): void => {
    const which = mode === 'enforce' ? counts.enforced : counts.observed;
    which.set(state, (which.get(state) ?? 0) + 1);
  };
  for (const { state, health } of endpoints) {
    if (health?.state === 'unhealthy' && healthCheck !== 'off') count('unhealthy', healthCheck.mode);
    else if (state !== 'available' && outlier !== 'off') count(state, outlier.mode);
    else count('available', 'enforce');
  }
  // Those that this process does not talk to.
  if (subset.total > endpoints.length) counts.enforced.set('outside-subset', subset.total - endpoints.length);
  return counts;
}

function* withRoutes<State>(own: State, ofRoutes: Readonly<Record<string, State>>, attributes: Attributes): Generator<[Attributes, State]> {
  yield [attributes, own];
  for (const [route, state] of Object.entries(ofRoutes)) yield [{ ...attributes, 'inmesh.route': route }, state];
}
