/**
 * Probe: asks one endpoint whether it is well. The question goes the way of any attempt at it, over the same connections, but is
 * no call of anybody: it passes no layer, is in no estimate, budget or circuit, and has no span.
 *
 * What fails for a reason of ours says nothing, and neither does a timer that fires late: while this process stood still, the
 * answer may have come.
 */
import type { Attempt, Call, Reply, Transport } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import type { Probe } from '../core/health.ts';
import { classifyError } from '../core/outcome.ts';
import type { HealthCheckKnobs, ServicePolicy } from '../core/policy.ts';
import { TriedEndpoints } from '../core/tried.ts';
import { stalled } from './transport-errors.ts';

export interface ProbingDeps {
  readonly service: string;
  readonly policy: () => ServicePolicy;
  /** The Host header. */
  readonly authority: () => string;
  readonly transport: Transport;
  readonly clock: Clock;
}

export function probing(deps: ProbingDeps): Probe {
  const { service, transport, clock } = deps;
  return async function probe(endpoint, knobs, cancellation) {
    const { timeout } = knobs;
    const due = clock.now() + timeout;
    const timer = clock.after(timeout, () => {
      const outcome = stalled(clock.now() - due, timeout) ? 'local' : 'failure';
      cancellation.cancel(new MeshError('ATTEMPT_TIMEOUT', `${service}: no answer within ${timeout} ms`, { service, outcome }));
    }, 'background');
    const call = question(deps, knobs, due);
    const attempt: Attempt = { call: { ...call, cancellation }, number: 1, startedAt: call.startedAt, cancellation, endpoint, uploadedAt: undefined, headers: [] };
    let reply: Reply;
    try {
      reply = await transport.send(attempt);
    } catch (error) {
      return classifyError(error).kind === 'failure' ? { kind: 'failed', why: (error as Error).message } : { kind: 'nothing' };
    } finally {
      timer.cancel();
    }
    const { status } = reply;
    reply.discard();
    return isExpected(status, knobs.expect) ? { kind: 'passed' } : { kind: 'failed', why: `status ${status}` };
  };
}

function question({ service, policy, authority, clock }: ProbingDeps, knobs: HealthCheckKnobs, deadline: number): Omit<Call, 'cancellation'> {
  const { method, scheme, path } = knobs;
  return {
    service,
    policy: policy(),
    request: {
      method, scheme, path, authority: authority(),
      headers: ['user-agent', 'inmesh-health', 'accept', '*/*'],
      body: undefined, upgrade: undefined, reset: false, headersTimeout: 0, bodyTimeout: 0,
    },
    options: {},
    startedAt: clock.now(),
    deadline,
    deadlineFrom: 'policy',
    criticality: 'critical',
    hashKey: undefined,
    servingRetry: false,
    route: undefined,
    version: undefined,
    attempts: 1,
    tried: new TriedEndpoints(),
  };
}

function isExpected(status: number, expect: HealthCheckKnobs['expect']): boolean {
  return expect.some((one) => {
    if (typeof one === 'number') return status === one;
    const [from, to] = one.split('-').map(Number);
    return status >= from! && status <= to!;
  });
}
