/**
 * The instruments of core/metrics.ts, from whatever SDK is there now.
 *
 * The API gives out no proxies for meters: one that was asked for before an SDK started records nothing for ever. So whoever records asks
 * here each time, which costs some 10 ns, and an SDK that starts after the client, or takes the place of another, is found with the next
 * call, look-up or event. Without one there is nothing to record to, and `instruments()` says so.
 */
import type { Counter, Histogram, Meter, MeterProvider } from '@opentelemetry/api';
import { DURATION_BUCKETS, metricTable, type MetricEntry, type MetricName } from '../core/metrics.ts';
import { api } from './api.ts';
import { BatchedHistogram } from './batched-histogram.ts';
import { isAnythingRegistered } from './registry.ts';

type Named<Instrument extends MetricEntry['instrument']> = { [Name in MetricName]: (typeof metricTable)[Name]['instrument'] extends Instrument ? Name : never }[MetricName];

export type GaugeName = Named<'gauge'>;

export class Instruments {
  readonly meter: Meter;
  readonly requestDuration: BatchedHistogram;
  readonly callDuration: BatchedHistogram;
  readonly lookupDuration: Histogram;
  readonly #counters = new Map<Named<'counter'>, Counter>();

  constructor(meter: Meter) {
    this.meter = meter;
    this.requestDuration = new BatchedHistogram(this.#histogram('http.client.request.duration'));
    this.callDuration = new BatchedHistogram(this.#histogram('inmesh.call.duration'));
    this.lookupDuration = this.#histogram('dns.lookup.duration');
    // Whoever observes is asked before anything is collected; one of ours has to be named for that.
    const observed = 'inmesh.policy.generation';
    meter.addBatchObservableCallback(() => this.flush(), [meter.createObservableGauge(observed, described(observed))]);
  }

  /** Tells the SDK all that is to be told. */
  flush(): void {
    this.requestDuration.flush();
    this.callDuration.flush();
  }

  counter(name: Named<'counter'>): Counter {
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = this.meter.createCounter(name, described(name));
      this.#counters.set(name, counter);
    }
    return counter;
  }

  #histogram(name: Named<'histogram'>): Histogram {
    return this.meter.createHistogram(name, { ...described(name), advice: { explicitBucketBoundaries: [...DURATION_BUCKETS] } });
  }
}

export function described(name: MetricName): { description: string; unit: string } {
  const { meaning, unit } = metricTable[name];
  return { description: meaning, unit };
}

let provider: MeterProvider | undefined;
let present: Instruments | undefined;
/** Told when another SDK is there. */
const renewals = new Set<() => void>();

/** Undefined where no SDK records metrics. */
export function instruments(): Instruments | undefined {
  if (!isAnythingRegistered()) return undefined;
  const now = api().metrics.getMeterProvider();
  if (now === provider) return present;
  provider = now;
  const meter = now.getMeter('inmesh');
  present = meter === api().createNoopMeter() ? undefined : new Instruments(meter);
  for (const renew of renewals) renew();
  return present;
}

/** Calls it whenever another SDK is found to be there. Returns the function that ends that. */
export function onRenewal(renew: () => void): () => void {
  renewals.add(renew);
  return () => renewals.delete(renew);
}
