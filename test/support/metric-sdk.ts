/** A real metrics SDK, registered, and what it has gathered of inmesh's own instruments. */
import { metrics as api } from '@opentelemetry/api';
import { metrics } from '@opentelemetry/sdk-node';
import type { MetricName } from '../../src/core/metrics.ts';

export type Gathered = ReadonlyMap<string, metrics.MetricData>;

export class MetricSdk {
  readonly #exporter = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE);
  readonly #reader = new metrics.PeriodicExportingMetricReader({ exporter: this.#exporter, exportIntervalMillis: 3_600_000 });
  readonly #provider = new metrics.MeterProvider({ readers: [this.#reader] });

  /** In the place of whatever is registered. */
  constructor() {
    api.disable();
    api.setGlobalMeterProvider(this.#provider);
  }

  async gather(): Promise<Gathered> {
    this.#exporter.reset();
    await this.#reader.forceFlush();
    const ours = this.#exporter.getMetrics().flatMap((resource) => resource.scopeMetrics).filter(({ scope }) => scope.name === 'inmesh');
    return new Map(ours.flatMap((scope) => scope.metrics).map((metric) => [metric.descriptor.name, metric]));
  }

  async close(): Promise<void> {
    api.disable();
    await this.#provider.shutdown();
  }
}

/** `[attributes, value]` of each point; of a histogram its count. */
export function points(gathered: Gathered, name: MetricName): [object, number][] {
  return (gathered.get(name)?.dataPoints ?? []).map(({ attributes, value }) => [attributes, typeof value === 'number' ? value : value.count]);
}

/** Of all points of a histogram, in seconds. */
export function sum(gathered: Gathered, name: MetricName): number {
  return (gathered.get(name)?.dataPoints ?? []).reduce((total, { value }) => total + ((value as metrics.Histogram).sum ?? 0), 0);
}
