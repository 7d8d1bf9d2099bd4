/**
 * What was decided about a call, as events of its span:
 *
 *     inmesh.retry, inmesh.hedge           another attempt: inmesh.attempt
 *     inmesh.retry.suppressed, inmesh.hedge.suppressed   one that was wanted and is not made: inmesh.reason
 *     inmesh.ejection                      the attempt took its endpoint out of use: inmesh.reason, network.peer.address
 *     inmesh.ejection.hit                  the attempt goes to an ejected endpoint, as its trial, or for want of a better: inmesh.state
 *     inmesh.panic                         too few endpoints were usable when the attempt's was picked: inmesh.panic.mode
 *     inmesh.fault                         the attempt was delayed or aborted on purpose: inmesh.fault.delay (s), inmesh.fault.abort
 */
import type { Attributes, Span } from '@opentelemetry/api';
import type { Millis } from '../core/clock.ts';
import type { EjectionReason } from '../core/events.ts';
import type { Another, Pick, Witness, WitnessedAttempt } from '../core/witness.ts';
import { would } from './attempt-metrics.ts';

export class SpanEvents implements Witness {
  readonly #span: Span;

  constructor(span: Span) {
    this.#span = span;
  }

  picked(attempt: WitnessedAttempt, { state, panic }: Pick): void {
    if (panic !== false) this.#span.addEvent('inmesh.panic', { 'inmesh.attempt': attempt.number, ...(panic === 'observed' ? would(false) : { 'inmesh.panic.mode': panic }) });
    if (state !== 'available') this.#span.addEvent('inmesh.ejection.hit', { 'inmesh.attempt': attempt.number, 'inmesh.state': state, ...peer(attempt) });
  }

  /** The attempt's own span says so. */
  answered(): void {}

  ejected(attempt: WitnessedAttempt, reason: EjectionReason, enforced: boolean): void {
    this.#span.addEvent('inmesh.ejection', { 'inmesh.attempt': attempt.number, 'inmesh.reason': reason, ...peer(attempt), ...would(enforced) });
  }

  faulted(attempt: WitnessedAttempt, delay: Millis | undefined, abort: number | 'reset' | undefined): void {
    const attributes: Attributes = { 'inmesh.attempt': attempt.number };
    if (delay !== undefined) attributes['inmesh.fault.delay'] = delay / 1000;
    if (abort !== undefined) attributes['inmesh.fault.abort'] = String(abort);
    this.#span.addEvent('inmesh.fault', attributes);
  }

  again(what: Another, attempt: number, enforced: boolean): void {
    this.#span.addEvent(`inmesh.${what}`, { 'inmesh.attempt': attempt, ...would(enforced) });
  }

  suppressed(what: Another, reason: string, enforced: boolean): void {
    this.#span.addEvent(`inmesh.${what}.suppressed`, { 'inmesh.reason': reason, ...would(enforced) });
  }
}

function peer({ endpoint }: WitnessedAttempt): Attributes {
  return endpoint === undefined ? {} : { 'network.peer.address': endpoint.host, 'network.peer.port': endpoint.port };
}
