/**
 * `dns.lookup.duration`: how long finding endpoints took, as OpenTelemetry's DNS conventions have it. One per look-up of a
 * service's name, in the background, so it costs no request anything.
 */
import type { Millis } from '../core/clock.ts';
import { instruments } from './instruments.ts';

/** `failure` is of few kinds; undefined for an answer. */
export function recordLookup(name: string, duration: Millis, failure: string | undefined): void {
  instruments()?.lookupDuration.record(duration / 1000, { 'dns.question.name': name, ...(failure === undefined ? {} : { 'error.type': failure }) });
}
