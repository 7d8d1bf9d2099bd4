/**
 * One error class and one table of codes. The message says what happened, to which endpoint, after how many attempts; the
 * fields say it to programs. `docs/errors.md` is checked against the table by a test.
 */
import type { Decision } from './decision.ts';
import type { EndpointKey } from './endpoint.ts';
import type { OutcomeKind } from './outcome-kind.ts';

/**
 * How sure we are that the server never saw the request. `no`: its first byte was never written, or the server said that it
 * did not process it; any request may be sent again. `maybe`: bytes left this process. `yes`: the server answered.
 */
export type Sent = 'no' | 'maybe' | 'yes';

interface ErrorEntry {
  /** One sentence for docs/errors.md. */
  readonly meaning: string;
  /** Whose fault it is, where the thrower does not know better. */
  readonly outcome: OutcomeKind;
  /** The same call may succeed a moment later, without anybody changing anything. */
  readonly transient: boolean;
}

export const errorTable = {
  POLICY_INVALID: { meaning: 'The policy file is missing, unreadable or wrong; the message gives place, value and expectation.', outcome: 'local', transient: false },
  UNKNOWN_SERVICE: { meaning: '`ready()` was asked for a service that the policy does not name.', outcome: 'local', transient: false },
  NO_ENDPOINTS: { meaning: 'Discovery answered, and there is no endpoint to send to, or too few are usable and `outlier.panic.mode` is `fail-fast`.', outcome: 'local', transient: true },
  DISCOVERY_FAILED: { meaning: 'The endpoints of the service have never been found, and could not be found in time.', outcome: 'local', transient: true },
  DEADLINE_EXCEEDED: { meaning: 'The time for the whole call, all attempts and the body included, is over.', outcome: 'failure', transient: true },
  ATTEMPT_TIMEOUT: { meaning: 'One attempt got no response headers within `attemptTimeout`.', outcome: 'failure', transient: true },
  CONNECT_FAILED: { meaning: 'No connection: refused, unreachable, or not within `connection.connectTimeout`. Nothing was sent.', outcome: 'failure', transient: true },
  IDENTITY_MISMATCH: { meaning: 'The server did not prove that it is who the policy says, or did not accept our own certificate. Nothing was sent.', outcome: 'failure', transient: false },
  CONNECTION_RESET: { meaning: 'The connection broke, or the answer was not HTTP, after the request had begun to leave.', outcome: 'failure', transient: true },
  CIRCUIT_OPEN: { meaning: 'Too many calls of this service failed; it is given time to recover. `retryAt` of the error says until when.', outcome: 'local', transient: true },
  OVERLOADED: { meaning: 'Our own limit of concurrent calls is reached, and there is no place in its queue for a call of this criticality.', outcome: 'local', transient: true },
  THROTTLED: { meaning: 'The service refuses most calls, so that a part of them is not sent to it; the message says which part.', outcome: 'local', transient: true },
  RATE_LIMITED: { meaning: 'The rate that the policy allows is used up. `retryAt` of the error says when there will be room for one more.', outcome: 'local', transient: true },
  FAULT_INJECTED: { meaning: 'The route’s `fault` reset this attempt on purpose.', outcome: 'failure', transient: true },
  EGRESS_DENIED: { meaning: 'The host is not in the policy, and `unknownHosts` is `deny`, or `egress` names the address or port that it leads to.', outcome: 'local', transient: false },
  INVALID_REQUEST: { meaning: 'The request cannot be sent as it is: a header, method, path or body that HTTP does not allow.', outcome: 'local', transient: false },
  BODY_NOT_REPLAYABLE: { meaning: 'The request body is spent: it was sent once, and was too large to be kept for sending it again.', outcome: 'local', transient: false },
  CANCELLED: { meaning: 'The caller left: an AbortSignal fired, or a response body was destroyed.', outcome: 'cancelled', transient: false },
  CLIENT_CLOSED: { meaning: 'The mesh client was closed.', outcome: 'local', transient: false },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorTable;

/** Why a retry that the conditions asked for did not happen. */
export type SuppressedReason = 'not-idempotent' | 'body-not-replayable' | 'retry-of-retry' | 'budget' | 'deadline' | 'retry-after' | 'max-retries' | 'no-other-endpoint' | 'caller';

/** Which limit of ours turned a call away: the knob that an operator would turn. */
export type ShedBy = 'concurrency.max' | 'concurrency.adaptive' | 'connection.maxPerEndpoint' | 'throttle' | 'rateLimit';
/** Whose deadline it is: the shortest counts. */
export type DeadlineSource = 'policy' | 'caller' | 'inbound';

export interface MeshErrorDetails {
  readonly service?: string | undefined;
  readonly endpoint?: EndpointKey | undefined;
  readonly attempts?: number;
  readonly sent?: Sent;
  readonly outcome?: OutcomeKind;
  readonly cause?: unknown;
  /** Epoch milliseconds from which another try makes sense, where that is known. */
  readonly retryAt?: number | undefined;
  readonly shedBy?: ShedBy;
  readonly deadlineFrom?: DeadlineSource | undefined;
}

/** Two copies of this package in one process (ESM and CJS, or two versions) must know each other's errors. */
const brand = Symbol.for('inmesh/MeshError@1');

export class MeshError extends Error {
  readonly code: ErrorCode;
  /** The service called, as the policy names it. */
  service: string | undefined;
  /** `ip:port` of the endpoint of the last attempt, where there was one. */
  endpoint: EndpointKey | undefined;
  /** Attempts begun, the first included. */
  attempts: number;
  /**
   * The most that any attempt of the call may have sent. The transport, which alone knows, sets its evidence on errors that
   * began elsewhere (deadline, timeout); the retry layer adds that of the attempts before.
   */
  sent: Sent;
  /** Whose fault it is. The transport corrects it where it knows better: a deadline may pass while the caller still uploads. */
  outcome: OutcomeKind;
  readonly retryAt: number | undefined;
  /** Of a call whose time is over: whether the policy, the caller or the inbound request gave it no more. */
  readonly deadlineFrom: DeadlineSource | undefined;
  /** Why this error was not retried over although the policy's conditions would have it; undefined where they would not. */
  retrySuppressed: SuppressedReason | undefined;
  /** Which limit turned the call away, where one did. */
  readonly shedBy: ShedBy | undefined;
  /** Why the call went where it went; undefined where nobody asked to have it explained. */
  decision: Decision | undefined;

  constructor(code: ErrorCode, message: string, details: MeshErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'MeshError';
    this.code = code;
    this.service = details.service;
    this.endpoint = details.endpoint;
    this.attempts = details.attempts ?? 0;
    this.sent = details.sent ?? 'no';
    this.outcome = details.outcome ?? errorTable[code].outcome;
    this.retryAt = details.retryAt;
    this.deadlineFrom = details.deadlineFrom;
    this.retrySuppressed = undefined;
    this.shedBy = details.shedBy;
    this.decision = undefined;
    Object.defineProperty(this, brand, { value: true });
  }

  /** Nothing was sent and the cause may pass: trying the same call again later is safe for any method, and may help. */
  get retryable(): boolean {
    return this.sent === 'no' && errorTable[this.code].transient;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}
