/**
 * The innermost service: finds an endpoint for an attempt, sends it there, and reports what came of it.
 *
 * What counts for load and health is the first byte of the body, as that is when the work of answering is done; the attempt is in
 * flight until the body ends. A reply that is not a success counts at its headers, as whoever retries will not read its body.
 */
import { promised, type Attempt, type Reply, type ReplyObserver, type Service, type Transport } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { EndpointKey } from '../core/endpoint.ts';
import { MeshError } from '../core/errors.ts';
import type { Onlooking } from '../core/onlooker.ts';
import { classifyError, classifyReply, type Outcome } from '../core/outcome.ts';
import { heardBy, type ResultObserver } from '../core/result-watch.ts';
import type { Cluster } from './cluster.ts';
import { loadReportOf } from './load-report.ts';
import type { EjectionState, Node, Ticket } from './node.ts';

/**
 * Waits for the first answer of discovery where there was none. Rejects with DISCOVERY_FAILED or NO_ENDPOINTS, and with
 * whatever the transport rejects with; service, endpoint and attempts are filled in.
 */
export function balance(cluster: Cluster, transport: Transport, clock: Clock, onlooking?: Onlooking): Service<Attempt> {
  const balancing: Balancing = { cluster, clock, onlooking };
  const transported: Service<Attempt> = (attempt) => transport.send(attempt);

  function send(attempt: Attempt): Promise<Reply> {
    const { call } = attempt;
    const now = clock.now();
    const node = cluster.pick(call, now);
    attempt.endpoint = node?.endpoint;
    call.witness?.picked(attempt, { endpoint: node?.key, state: node?.ejection.kind ?? 'available', panic: cluster.panic, candidates: () => cluster.snapshot() });
    if (node === undefined) return Promise.reject(failed(cluster.none(), attempt, onlooking));
    if (call.mistaken?.has(node.key) === true) return Promise.reject(failed(new MeshError('IDENTITY_MISMATCH', `${call.service}: nobody is left to try who may be who he should be`), attempt, onlooking, node.key));
    call.tried.add(node.key);
    const delivery = new Delivery(balancing, attempt, node, node.begin(call.route, now));
    return heardBy(delivery, attempt, promised(transported, attempt));
  }

  async function sendOnceResolved(attempt: Attempt): Promise<Reply> {
    try {
      await cluster.ready(attempt.cancellation);
    } catch (error) {
      throw failed(error, attempt, onlooking);
    }
    return send(attempt);
  }

  return function balance(attempt) {
    return cluster.resolved ? send(attempt) : sendOnceResolved(attempt);
  };
}

interface Balancing {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly onlooking: Onlooking | undefined;
}

function failed(error: unknown, attempt: Attempt, onlooking: Onlooking | undefined, endpoint?: EndpointKey): unknown {
  onlooking?.attemptFailed(attempt, error);
  return explained(error, attempt, endpoint);
}

const success: Outcome = { kind: 'success' };
const cancelled: Outcome = { kind: 'cancelled' };
const outrun: Outcome = { kind: 'cancelled', outrun: true };

/** Reports what came of an attempt at a node: its answer and, where it had one, the body of that. */
class Delivery implements ResultObserver<Attempt>, ReplyObserver {
  readonly #balancing: Balancing;
  readonly #attempt: Attempt;
  readonly #node: Node;
  readonly #ticket: Ticket;

  constructor(balancing: Balancing, attempt: Attempt, node: Node, ticket: Ticket) {
    this.#balancing = balancing;
    this.#attempt = attempt;
    this.#node = node;
    this.#ticket = ticket;
  }

  replied(reply: Reply): void {
    const { clock, onlooking } = this.#balancing;
    const attempt = this.#attempt;
    const node = this.#node;
    const outcome = classifyReply(reply, clock);
    const report = loadReportOf(reply, clock);
    if (report !== undefined) node.reports(report, outcome.kind);
    if (outcome.kind !== 'success') {
      const before = node.ejection;
      this.#ticket.settle(outcome, attempt.uploadedAt);
      tellEjection(attempt, node, before);
    }
    attempt.call.witness?.answered(attempt, reply.status, undefined);
    reply.watch(this);
    onlooking?.attemptReplied(attempt, reply);
  }

  failed(error: unknown): void {
    const { cluster, onlooking } = this.#balancing;
    const attempt = this.#attempt;
    const { call } = attempt;
    const node = this.#node;
    const before = node.ejection;
    this.#ticket.settle(verdict(error, this.#ticket, attempt));
    tellEjection(attempt, node, before);
    call.witness?.answered(attempt, undefined, error);
    this.#ticket.release();
    if (error instanceof MeshError && (error.code === 'CONNECT_FAILED' || error.code === 'IDENTITY_MISMATCH')) cluster.refresh('connect-error');
    // Addresses are given out again; but what is true of one now is true of it for as long as a call takes.
    if (error instanceof MeshError && error.code === 'IDENTITY_MISMATCH') (call.mistaken ??= new Set()).add(node.key);
    failed(error, attempt, onlooking, node.key);
  }

  firstByte(): void {
    this.#ticket.settle(success, this.#attempt.uploadedAt);
  }

  end(error: MeshError | undefined): void {
    if (error !== undefined) return this.#ticket.breakOff(verdict(error, this.#ticket, this.#attempt));
    this.#ticket.settle(success, this.#attempt.uploadedAt);
    this.#ticket.release();
  }
}

function tellEjection(attempt: Attempt, { ejection }: Node, before: EjectionState): void {
  const { witness, policy } = attempt.call;
  if (witness === undefined || ejection === before || ejection.kind !== 'ejected') return;
  witness.ejected(attempt, ejection.reason, policy.outlier !== 'off' && policy.outlier.mode === 'enforce');
}

/**
 * When the time of the whole call is over, the endpoint that happened to have the last attempt is at fault only if it had at
 * least half of it. What an earlier attempt, a queue or a backoff used up is not its doing.
 */
function verdict(error: unknown, ticket: Ticket, attempt: Attempt): Outcome {
  const { call } = attempt;
  const outcome = classifyError(error);
  if (outcome.kind === 'cancelled' && attempt.outrun) return outrun;
  if (outcome.kind !== 'failure' || (error as MeshError).code !== 'DEADLINE_EXCEEDED') return outcome;
  const had = call.deadline - ticket.startedAt;
  return had * 2 >= call.deadline - call.startedAt ? outcome : cancelled;
}

/** Whatever is not a MeshError is a fault of this process, and passes as it is. */
function explained(error: unknown, { call, number }: Attempt, endpoint?: string): unknown {
  if (!(error instanceof MeshError)) return error;
  error.service ??= call.service;
  error.endpoint ??= endpoint;
  error.attempts = Math.max(error.attempts, call.attempts, number);
  return error;
}
