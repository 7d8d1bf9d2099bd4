/**
 * Call, Attempt, Reply: what goes through the stack and what comes back.
 *
 * A service is a function from a subject to the promise of a reply; a layer wraps a service. Above the retry layer the
 * subject is a Call (what the user asked), below it an Attempt (one try). Layers are listed in the order in which a request
 * falls through them.
 */
import type { Cancellation } from './cancellation.ts';
import type { Millis } from './clock.ts';
import type { Criticality } from './criticality.ts';
import type { Endpoint, EndpointKey } from './endpoint.ts';
import type { DeadlineSource, MeshError } from './errors.ts';
import type { ServicePolicy } from './policy.ts';
import type { TriedEndpoints } from './tried.ts';
import type { Witness } from './witness.ts';

export type Service<Subject> = (subject: Subject) => Promise<Reply>;
export type Layer<Subject> = (next: Service<Subject>) => Service<Subject>;

/** `stack(a, b)(service)` runs a, then b, then the service: listed first, runs first. */
export function stack<Subject>(...layers: readonly Layer<Subject>[]): Layer<Subject> {
  return (service) => layers.reduceRight((next, layer) => layer(next), service);
}

/** A service that throws has a fault, and is no reason for whoever called it to lose what it holds. */
export function promised<Subject>(service: Service<Subject>, subject: Subject): Promise<Reply> {
  try {
    return service(subject);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** What a caller may say about one call, next to what the policy says. */
export interface CallOptions {
  /** Time for the whole call: milliseconds, or as in the policy file (`'2s'`). Never extends the policy's. */
  readonly deadline?: number | string;
  /** Who is shed first where there is not room for all; `critical` where nobody says. */
  readonly criticality?: Criticality;
  /** `false`: this call is not retried, whatever the policy says. */
  readonly retry?: false;
  /**
   * Sent as `Idempotency-Key`; says that sending the request twice does its work once, so that any method may be retried. `true`:
   * a new key (a UUID), the same for all attempts and wherever the request is redirected.
   */
  readonly idempotencyKey?: string | true;
  /** Ends the call when it fires. A signal may live longer than the call: nothing is left listening to it. */
  readonly signal?: AbortSignal;
  /** In the place of a reply that cannot be had; which errors that are: policies/fallback.ts. */
  readonly fallback?: Fallback;
  /** The response, or the error, carries why the call went where it went (`decisionOf`). */
  readonly explain?: boolean;
  /** Calls with the same key go to the same endpoint, where the policy balances by hash. */
  readonly hashKey?: string;
}

/** A Response of any fetch, or the body of one with status 200. */
export type Substitute = Response | string | Uint8Array;
/** The same every time, or what a function makes of the error; what that throws, the caller gets. */
export type Fallback = Substitute | ((error: MeshError) => Substitute | Promise<Substitute>);

/** Header names and values in turn, as undici takes them; a value may be an array of strings. */
export type HeaderList = readonly (string | readonly string[])[];

export interface MeshRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Host and port as the caller wrote them: the Host header. */
  readonly authority: string;
  /** Path with query, as sent. */
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: RequestBody | undefined;
  /** Protocol of an upgrade, or undefined. Upgrades and CONNECT are balanced, never retried. */
  readonly upgrade: string | undefined;
  /** undici's option of this name: close the connection after this request. */
  readonly reset: boolean;
  /** undici's options of these names, for callers that give them; 0: none of its own, attempt timeout and deadline do it. */
  readonly headersTimeout: Millis;
  readonly bodyTimeout: Millis;
}

/** A request body that knows whether it can be sent once more. */
export interface RequestBody {
  /** What the transport sends for the next attempt. */
  open(): unknown;
  /** Whether `open()` may be called again: whole in memory, or nothing of it is lost yet. */
  readonly replayable: boolean;
  /** All of it is in memory, and stays: two attempts may send it at the same time. */
  readonly whole: boolean;
  /** No attempt reads it any more; what was read is kept for the next one. To be called as soon as another attempt is decided upon. */
  rewind(): void;
  /** What the caller's own stream or iterator threw while it was read; undefined if nothing did. */
  readonly failure: Error | undefined;
  /** The attempt that was given this by `open` is over. */
  left(opened: unknown): void;
  /** No further attempt will open it: forget what was kept for a replay. */
  release(): void;
}

/** The calls of one fetch, from redirect to redirect, and what they have in common. */
export interface Hops {
  /** Attempts that were sent for it so far. */
  sent: number;
}

export interface Call {
  readonly service: string;
  readonly policy: ServicePolicy;
  readonly request: MeshRequest;
  readonly options: CallOptions;
  readonly cancellation: Cancellation;
  readonly startedAt: Millis;
  /** An instant on `Clock.now()`'s scale; after it nothing of this call goes on, body included. */
  readonly deadline: Millis;
  readonly deadlineFrom: DeadlineSource;
  readonly criticality: Criticality;
  readonly hashKey: string | undefined;
  /** This process makes the call while it serves an attempt that was itself a retry. */
  readonly servingRetry: boolean;
  /** Name of the route that matched; undefined where none did. */
  readonly route: string | undefined;
  /** The version that the route chose; undefined: the service as a whole. */
  readonly version: string | undefined;
  /** Attempts begun so far. */
  attempts: number;
  /** Endpoints that attempts of this call went to; the balancer adds, the picker avoids. */
  readonly tried: TriedEndpoints;
  /** Endpoints that did not prove to be who they should be: no further attempt goes there. */
  mistaken?: Set<EndpointKey>;
  /** The error in whose place the caller got his fallback. */
  fellBack?: MeshError;
  /** Requests that one fetch becomes on its way through redirects; undefined where nobody counts them. */
  hops?: Hops;
  /** Who hears what is decided about it; undefined for most. */
  witness?: Witness | undefined;
  /** What telemetry keeps with the call; nobody else looks. */
  trace?: unknown;
  /** Who hears of its result (result-watch.ts); nobody else looks. */
  watched?: unknown;
}

export interface Attempt {
  readonly call: Call;
  /** 1 for the first. */
  readonly number: number;
  /** When it began. Layers that are reached at once take it for now: asking the clock costs more than most of them do. */
  readonly startedAt: Millis;
  readonly cancellation: Cancellation;
  /** Set by the balancer before the transport is called. */
  endpoint: Endpoint | undefined;
  /**
   * When the last byte of a request body was written: until then the server cannot answer, and how long that takes is the
   * caller's doing. Set by the transport; undefined before that, and where there is no body.
   */
  uploadedAt: Millis | undefined;
  /** Headers of this attempt alone, names and values in turn; they replace those of the request that have the same names. */
  headers: string[];
  /** Set before it is cancelled because another attempt of its call was answered first. */
  outrun?: true;
  /** What telemetry keeps with the attempt; nobody else looks. */
  trace?: unknown;
  /** Who hears of its result (result-watch.ts); nobody else looks. */
  watched?: unknown;
}

/** What somebody hears of a reply's body. Neither may throw. */
export interface ReplyObserver {
  /** At most once, before `end`. */
  firstByte?(): void;
  /** The reply is not wanted: what comes until `end` is clean-up. */
  discarded?(): void;
  /** Exactly once: after the last byte, or with what broke the body off. */
  end(error: MeshError | undefined): void;
}

export type HttpVersion = '1.1' | '2';

/**
 * Response headers have arrived and the body is on its way. Whoever holds a reply must `accept` it or `discard` it.
 * Until then the body is held back, so nothing is lost and nothing grows.
 */
export interface Reply {
  readonly status: number;
  /** Of HTTP, as it was spoken; undefined where it came from no network, and where what is spoken is no HTTP any longer (an upgrade). */
  readonly protocol?: HttpVersion | undefined;
  /** First value of a header; the name in lower case. */
  header(name: string): string | undefined;
  watch(observer: ReplyObserver): void;
  /** Streams the reply to the caller: headers, body, end. */
  accept(sink: ReplySink): void;
  /** The reply is not wanted (it will be retried over): frees the connection, by draining a short rest or by closing. */
  discard(): void;
}

/** Where an accepted reply goes. undici's raw handler shape, so that bytes pass through without being wrapped again. */
export interface ReplySink {
  /** Also called for 1xx. Returning false pauses the body until `resume` is called. */
  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean;
  onData(chunk: Buffer): boolean;
  onComplete(rawTrailers: Buffer[]): void;
  onError(error: Error): void;
  onUpgrade(status: number, rawHeaders: Buffer[], socket: unknown): void;
}

/** Carries attempts to endpoints. Everything that touches the network on the request path is behind this. */
export interface Transport {
  /** Sends the attempt to `attempt.endpoint`; rejects with a MeshError that says what was sent. */
  send(attempt: Attempt): Promise<Reply>;
  /** The endpoint left: no new attempts come, what is in flight finishes, idle connections close. */
  retire(endpoint: Endpoint): void;
  /** Connects ahead of the first attempt; resolves whether or not it worked. */
  warm(endpoint: Endpoint): Promise<void>;
  /** Breaks everything that is still in flight with this reason, and closes all connections. */
  destroy(reason: MeshError): Promise<void>;
}
