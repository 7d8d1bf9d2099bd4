/**
 * Decision: why a call went where it went and ended as it did, as plain data: what it was tried with, each attempt with the endpoints that there
 * were to choose from and what came of it, and what there was of budget and places. `mesh.explain` says what would happen; this says what did.
 *
 * A reply carries it as JSON in a header, which is there however the reply is held: as a Response, as undici's data, in a handler. An error has
 * it as `decision`.
 */
import type { EndpointKey } from './endpoint.ts';

/** On a request, whatever its value, it asks for a decision, where the policy allows that. */
export const EXPLAIN_HEADER = 'x-inmesh-explain';
/** Of the response. */
export const DECISION_HEADER = 'x-inmesh-decision';

/** An endpoint that an attempt may go to, as it was when one was picked. */
export interface PickCandidate {
  readonly endpoint: EndpointKey;
  /** `available`, `ejected` or `trial`. */
  readonly state: string;
  /** Smaller is freer. */
  readonly load: number;
  /** Attempts in flight. */
  readonly pending: number;
}

export interface DecidedAttempt {
  /** 1 for the first. */
  readonly number: number;
  readonly because: 'first' | 'retry' | 'hedge';
  /** Undefined: there was none to go to. */
  readonly endpoint: string | undefined;
  /** Of the endpoint, when it was picked: where it is not `available`, the attempt was a trial, or panic left no better. */
  readonly state: string;
  /** What was done because too few endpoints were usable. */
  readonly panic: false | string;
  /** Those there were, the freest first, no more than 20 of them; `of` how many. */
  readonly candidates: readonly PickCandidate[];
  readonly of: number;
  /** Milliseconds from the beginning of the call. */
  readonly at: number;
  /** Milliseconds to its headers, or to its error. Undefined: it was still under way. */
  took: number | undefined;
  status: number | undefined;
  /** Code of docs/errors.md. */
  error: string | undefined;
  /** Why it took its endpoint out of use. */
  ejected: string | undefined;
}

export interface Decision {
  readonly service: string;
  readonly route: string | undefined;
  readonly version: string | undefined;
  readonly criticality: string;
  /** Milliseconds that the call had. */
  readonly deadline: number;
  /** … and whose they were. */
  readonly deadlineFrom: string;
  /** Milliseconds to its headers, or to its error. */
  readonly took: number;
  readonly attempts: readonly DecidedAttempt[];
  /** Attempts that were wanted and not made. */
  readonly suppressed: readonly { readonly what: 'retry' | 'hedge'; readonly reason: string; readonly enforced: boolean }[];
  readonly faults: readonly { readonly attempt: number; readonly delay: number | undefined; readonly abort: number | 'reset' | undefined }[];
  /** As they were when the call began. */
  readonly levels: DecisionLevels;
}

export interface DecisionLevels {
  /** Retries that could be paid for. */
  readonly budget: number;
  readonly inFlight: number;
  readonly queued: number;
  /** Calls that may be in flight; null: nothing limits them. */
  readonly limit: number | null;
  readonly circuit: string;
  /** Share of calls as critical as this one that the throttle does not send. */
  readonly throttled: number;
}

/** How a reply is held by whoever called. */
type Held = { readonly headers: { get(name: string): string | null } | { readonly [name: string]: string | string[] | undefined } };

/** Of the response of a call, or of its error; undefined where nobody asked for one. */
export function decisionOf(result: unknown): Decision | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  if ('decision' in result) return result.decision as Decision | undefined;
  if (!('headers' in result) || typeof result.headers !== 'object' || result.headers === null) return undefined;
  const { headers } = result as Held;
  const text = typeof headers.get === 'function' ? headers.get(DECISION_HEADER) : (headers as Record<string, unknown>)[DECISION_HEADER];
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text) as Decision;
  } catch {
    // Something else of this name, from a server that was not asked.
    return undefined;
  }
}
