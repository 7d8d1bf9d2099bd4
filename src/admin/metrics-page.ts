/**
 * `/metrics`: the metrics of core/metrics.ts, by the same names as through OpenTelemetry, without an SDK: counts and durations are what the
 * onlooker recorded, gauges are read off the snapshot. Prometheus' text format (version 0.0.4), or OpenMetrics 1.0 where it is asked for.
 *
 * What it counts begins at 0 when somebody first looks, as after a start of the process; Prometheus takes that for what it is.
 */
import { circuitStateValues, DURATION_BUCKETS, metricTable, prometheusName, type MetricEntry, type MetricName } from '../core/metrics.ts';
import { inPanic } from './frame.ts';
import type { ObservedGroup, ObservedMesh, ObservedService } from './port.ts';
import { OTHER, SeriesMap, type Labels } from './series.ts';
import type { TrafficRecord } from './traffic.ts';

export const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';
export const OPENMETRICS_TEXT = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Whoever names it in Accept before plain text gets OpenMetrics, as Prometheus does. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  const open = accept?.indexOf('application/openmetrics-text') ?? -1;
  const plain = accept?.indexOf('text/plain') ?? -1;
  return open !== -1 && (plain === -1 || open < plain);
}

export function metricsPage(mesh: ObservedMesh, traffic: TrafficRecord, open: boolean): string {
  const page = new Exposition(open);
  const gauges = new Gauges();
  readGauges(mesh, (service) => traffic.label(service), gauges);
  for (const name of Object.keys(metricTable) as MetricName[]) {
    if (name in traffic.histograms) {
      for (const { labels, series } of traffic.histograms[name as keyof TrafficRecord['histograms']].all) page.histogram(name, labels, series);
    } else if (name in traffic.counters) {
      for (const { labels, series } of traffic.counters[name as keyof TrafficRecord['counters']].all) page.sample(name, labels, series.value);
    } else {
      for (const { labels, series } of gauges.of(name)) page.sample(name, labels, series.value);
    }
  }
  return page.text();
}

class Gauges {
  readonly #byName = new Map<MetricName, SeriesMap<{ value: number }>>();

  of(name: MetricName): SeriesMap<{ value: number }>['all'] {
    return this.#byName.get(name)?.all ?? [];
  }

  add(name: MetricName, value: number, ...labels: readonly string[]): void {
    this.#of(name, labels).value += value;
  }

  set(name: MetricName, value: number, ...labels: readonly string[]): void {
    this.#of(name, labels).value = value;
  }

  #of(name: MetricName, labels: Labels): { value: number } {
    let map = this.#byName.get(name);
    if (map === undefined) this.#byName.set(name, (map = new SeriesMap(() => ({ value: 0 }))));
    return map.of(labels);
  }
}

function readGauges({ policy, services }: ObservedMesh, label: (service: string) => string, gauges: Gauges): void {
  gauges.set('inmesh.policy.generation', policy.generation);
  gauges.set('inmesh.policy.valid', policy.valid ? 1 : 0);
  gauges.set('inmesh.policy.age', policy.age / 1000);
  for (const service of services) {
    const name = label(service.name);
    // Of several services under one name a point would be of one of them, and nobody could tell which.
    if (name === OTHER || !service.modes.metrics) continue;
    readLimits(service, name, gauges);
    readGroup(service, service, name, '', gauges);
    for (const version of service.versions) readGroup(version, service, name, version.name, gauges);
  }
}

function readLimits({ calls, throttle, budget, ofRoutes }: ObservedService, service: string, gauges: Gauges): void {
  for (const [route, { inFlight, queued, limit }] of [['', calls] as const, ...Object.entries(ofRoutes.calls)]) {
    if (Number.isFinite(limit)) gauges.set('inmesh.concurrency.limit', limit, service, route);
    gauges.set('inmesh.concurrency.in_flight', inFlight, service, route);
    gauges.set('inmesh.concurrency.queued', queued, service, route);
  }
  for (const [route, { rejection }] of [['', throttle] as const, ...Object.entries(ofRoutes.throttle)]) {
    for (const [criticality, share] of Object.entries(rejection)) {
      if (share > 0 || criticality === 'critical') gauges.set('inmesh.throttle.rejection', share, service, route, criticality);
    }
  }
  gauges.set('inmesh.retry.budget', budget, service);
}

function readGroup(group: ObservedGroup, { modes }: ObservedService, service: string, version: string, gauges: Gauges): void {
  const { endpoints, subset, panic, circuit, circuits, discovery } = group;
  gauges.add('inmesh.endpoints', 0, service, version, 'available', '');
  for (const { state, health } of endpoints) {
    const [is, mode] = health?.state === 'unhealthy' ? ['unhealthy', modes.healthCheck] : [state, state === 'available' ? 'enforce' : modes.outlier];
    gauges.add('inmesh.endpoints', 1, service, version, is, mode === 'observe' ? 'false' : '');
  }
  // Those that this process does not talk to.
  if (subset.total > endpoints.length) gauges.add('inmesh.endpoints', subset.total - endpoints.length, service, version, 'outside-subset', '');
  gauges.set('inmesh.panic', inPanic(panic) ? 1 : 0, service, version);
  for (const [route, { state, enforced }] of [['', circuit] as const, ...Object.entries(circuits)]) {
    gauges.set('inmesh.circuit.state', circuitStateValues[state], service, version, route, enforced ? '' : 'false');
  }
  if (discovery.age !== undefined) gauges.set('inmesh.discovery.age', discovery.age / 1000, service, version);
}

class Exposition {
  readonly #open: boolean;
  readonly #lines: string[] = [];
  #family: MetricName | undefined;

  constructor(open: boolean) {
    this.#open = open;
  }

  sample(name: MetricName, labels: Labels, value: number): void {
    this.#begin(name);
    this.#lines.push(`${prometheusName(name)}${braced(pairs(name, labels))} ${value}`);
  }

  histogram(name: MetricName, labels: Labels, { counts, count, sum }: { readonly counts: Float64Array; readonly count: number; readonly sum: number }): void {
    this.#begin(name);
    const family = prometheusName(name);
    const own = pairs(name, labels);
    let cumulated = 0;
    for (const [bucket, bound] of DURATION_BUCKETS.entries()) {
      cumulated += counts[bucket]!;
      // OpenMetrics wants floating point numbers to look like it.
      const le = this.#open && Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
      this.#lines.push(`${family}_bucket${braced([...own, `le="${le}"`])} ${cumulated}`);
    }
    this.#lines.push(`${family}_bucket${braced([...own, 'le="+Inf"'])} ${count}`, `${family}_sum${braced(own)} ${sum}`, `${family}_count${braced(own)} ${count}`);
  }

  text(): string {
    if (this.#open) this.#lines.push('# EOF');
    return `${this.#lines.join('\n')}\n`;
  }

  /** Once for each family. */
  #begin(name: MetricName): void {
    if (this.#family === name) return;
    this.#family = name;
    const { meaning, instrument, unit }: MetricEntry = metricTable[name];
    // In OpenMetrics `_total` is of the sample, not of the family.
    const family = this.#open ? prometheusName(name).replace(/_total$/, '') : prometheusName(name);
    this.#lines.push(`# HELP ${family} ${escaped(meaning)}`, `# TYPE ${family} ${instrument}`);
    if (this.#open && unit === 's') this.#lines.push(`# UNIT ${family} seconds`);
  }
}

function pairs(name: MetricName, labels: Labels): string[] {
  const { attributes }: MetricEntry = metricTable[name];
  return labels.flatMap((value, index) => (value === '' ? [] : [`${attributes[index]!.replaceAll('.', '_')}="${escaped(value).replaceAll('"', '\\"')}"`]));
}

function braced(labels: readonly string[]): string {
  return labels.length === 0 ? '' : `{${labels.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
