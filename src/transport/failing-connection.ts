/**
 * FailureRow: the failures in a row on one connection to an address that stands for many instances.
 *
 * Behind a virtual IP a connection stays with one instance for as long as it lives, and the busiest connection is used first: who got a
 * broken one would stay with it. The address cannot be ejected, as it is all there is; the connection can be given up, and the next one is
 * probably to another instance (envoy#7965, line/armeria#5751). A failure that costs the connection (a reset, over HTTP/1.1 a timeout) needs
 * none of this; what is left is 5xx, and over HTTP/2 what ends a stream alone.
 *
 * As of an endpoint, only a failure counts and only a success ends the row: overload, a caller who left and limits of our own say nothing.
 * The price: where all instances fail, one request in `CONNECTION_FAILURES` opens a connection.
 */
import type { OutcomeKind } from '../core/outcome-kind.ts';

/** Envoy's `consecutive_5xx`. */
export const CONNECTION_FAILURES = 5;

export interface Recycling {
  /** So many in a row; undefined where there is nobody else behind the address, or it is not wanted. */
  readonly after: () => number | undefined;
  /** It has come to that. Returns whether the connection is to be given up. */
  readonly reached: (failures: number) => boolean;
}

/** Of a request that is over: what came of it; undefined for one that nobody wanted answered. */
export interface Judged {
  readonly over: boolean;
  readonly outcome?: OutcomeKind;
}

export class FailureRow {
  #failures = 0;

  /** A request on the connection is over. Returns whether it was the last one there. */
  ended(request: Judged | undefined, recycling: Recycling | undefined): boolean {
    const limit = recycling?.after();
    if (limit === undefined || request?.over !== true) return false;
    const { outcome } = request;
    if (outcome === 'success') this.#failures = 0;
    if (outcome !== 'failure') return false;
    this.#failures += 1;
    if (this.#failures < limit) return false;
    const failures = this.#failures;
    this.#failures = 0;
    return recycling!.reached(failures);
  }
}
