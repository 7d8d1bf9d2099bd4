/**
 * Gate: what happens to every request before its handler runs, whatever the framework. In this order:
 *
 *     its time is not over yet      504, not processed
 *     it is served                  in its context, counted
 */
import type { Clock } from '../core/clock.ts';
import { contextFromHeaders } from '../core/context-headers.ts';
import type { ServicePolicy } from '../core/policy.ts';
import type { Inbound } from './inbound.ts';
import type { LoadMeter } from './load-meter.ts';
import { notProcessedBy, refusal, type Refusal } from './refusal.ts';
import { Serving, type ResponseHeaders, type ServingOwner } from './serving.ts';

export interface GateDeps {
  /** The name of this process's own service. */
  readonly service: string;
  readonly clock: Clock;
  readonly policy: () => ServicePolicy;
  readonly load: LoadMeter;
}

export class Gate implements ServingOwner {
  readonly #deps: GateDeps;

  constructor(deps: GateDeps) {
    this.#deps = deps;
  }

  enter(request: Inbound): Serving | Refusal {
    const { clock, policy, load, service } = this.#deps;
    const { inbound, deadline: longest } = policy();
    const { honour } = inbound;
    const now = clock.now();
    const said = contextFromHeaders(request.headers);
    // contextFromHeaders gives milliseconds.
    const left = honour.deadline ? (said.deadline as number | undefined) : undefined;
    if (left !== undefined && left <= 0) {
      const message = `${service}: the time of this request was over when it came; it was not processed`;
      return refusal(504, { error: 'DEADLINE_EXCEEDED', message }, notProcessedBy(request.socket, 'deadline'));
    }
    load.began();
    const context = {
      deadline: now + Math.min(left ?? Infinity, longest),
      criticality: honour.criticality ? said.criticality : undefined,
      attempt: honour.attempt ? said.attempt : undefined,
      caller: undefined,
      traceHeaders: honour.trace ? request.headers : undefined,
    };
    return new Serving(now, context, this);
  }

  answering(_serving: Serving, status: number): ResponseHeaders {
    const { load, policy } = this.#deps;
    load.answered(status);
    return { load: policy().inbound.loadReport ? load.report() : undefined, close: false };
  }

  over(): void {
    this.#deps.load.ended();
  }
}
