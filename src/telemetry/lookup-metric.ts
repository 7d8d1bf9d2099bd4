/**
 * `dns.lookup.duration`: how long finding endpoints took, as OpenTelemetry's DNS conventions have it. One per look-up of a
 * service's name, in the background, so it costs no request anything.
 */
import { metrics, type Histogram, type MeterProvider } from '@opentelemetry/api';
import type { Millis } from '../core/clock.ts';

/** Seconds; the conventions' own. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

let provider: MeterProvider | undefined;
let histogram: Histogram | undefined;

/** `failure` is of few kinds; undefined for an answer. */
export function recordLookup(name: string, duration: Millis, failure: string | undefined): void {
  // The API gives out no proxies for meters: one that was made before the SDK started would record nothing for ever.
  const present = metrics.getMeterProvider();
  if (histogram === undefined || provider !== present) {
    provider = present;
    histogram = present.getMeter('inmesh').createHistogram('dns.lookup.duration', {
      description: 'Measures the time taken to perform a DNS lookup.',
      unit: 's',
      advice: { explicitBucketBoundaries: BUCKETS },
    });
  }
  histogram.record(duration / 1000, { 'dns.question.name': name, ...(failure === undefined ? {} : { 'error.type': failure }) });
}
