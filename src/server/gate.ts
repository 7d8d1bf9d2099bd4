/**
 * Gate: what happens to every request before its handler runs, whatever the framework. In this order:
 *
 *     it asks whether this process is ready    200, or 503 from the beginning of a drain on       drain.ts
 *     who asks may not                         403                                                allow-list.ts, caller.ts
 *     its time is over                         504, not processed
 *     there is no room for it                  503 with Retry-After, not processed                admission.ts
 *     else it is served                        in its context, counted
 */
import type { BlockList } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { contextFromHeaders } from '../core/context-headers.ts';
import { DEFAULT_CRITICALITY, type Criticality } from '../core/criticality.ts';
import type { AllowRule } from '../core/inbound-policy.ts';
import type { AdaptiveSnapshot } from '../policies/adaptive-limit.ts';
import { Admission } from './admission.ts';
import { AllowList } from './allow-list.ts';
import { answer, notProcessedBy, type Answer } from './answer.ts';
import { callerOf, forwardersOf, stripForwarded, type Caller } from './caller.ts';
import type { Drain } from './drain.ts';
import type { RefusedReason, ServerEvents } from './events.ts';
import { pathOf, type Inbound } from './inbound.ts';
import type { LoadMeter } from './load-meter.ts';
import type { OwnEntry } from './own-policy.ts';
import { Serving, type ResponseHeaders, type ServingOwner } from './serving.ts';

export interface GateDeps {
  /** The name of this process's own service. */
  readonly service: string;
  readonly clock: Clock;
  readonly own: () => OwnEntry;
  readonly load: LoadMeter;
  readonly events: ServerEvents;
  readonly drain: Drain;
  /** Where it is asked whether this process is ready; undefined: nowhere. */
  readonly readiness: string | undefined;
}

/** Seconds, whole ones at least: what has no other endpoint to go to is not back before this. */
const RETRY_AFTER = '1';

export class Gate implements ServingOwner {
  readonly #deps: GateDeps;
  readonly #admission: Admission;
  /** Made anew when the policy has others. */
  #allow: { readonly rules: readonly AllowRule[]; readonly list: AllowList } | undefined;
  #proxies: { readonly blocks: readonly string[]; readonly list: BlockList | undefined } | undefined;

  constructor(deps: GateDeps) {
    this.#deps = deps;
    this.#admission = new Admission(deps.clock);
  }

  /** Undefined: it is off. */
  get admission(): AdaptiveSnapshot | undefined {
    const { admission } = this.#deps.own().policy.inbound;
    return admission === 'off' ? undefined : this.#admission.snapshot(admission);
  }

  enter(request: Inbound): Serving | Answer {
    const { clock, own, load, service, readiness } = this.#deps;
    const { policy, allow } = own();
    const { inbound, deadline: longest } = policy;
    const { honour, admission } = inbound;
    if (readiness !== undefined && pathOf(request.target) === readiness) return this.#readiness();
    const now = clock.now();
    const said = contextFromHeaders(request.headers);
    const criticality = honour.criticality ? said.criticality : undefined;
    const forwarders = this.#forwarders(inbound.forwardedFrom);
    stripForwarded(request, forwarders);
    const who = callerOf(request, forwarders);
    const caller = 'problem' in who ? undefined : who.id;
    if (allow !== undefined && !this.#allowList(allow).allows(who, request.method, pathOf(request.target))) {
      const enforced = inbound.authorization === 'enforce';
      this.#refused('forbidden', request, criticality, caller, enforced);
      if (enforced) return answer(403, { error: 'FORBIDDEN', service, caller: caller ?? null, message: this.#forbidden(who, request) });
    }
    // contextFromHeaders gives milliseconds.
    const left = honour.deadline ? (said.deadline as number | undefined) : undefined;
    if (left !== undefined && left <= 0) {
      this.#refused('deadline', request, criticality, caller, true);
      const message = `${service}: the time of this request was over when it came; it was not processed`;
      return answer(504, { error: 'DEADLINE_EXCEEDED', message }, notProcessedBy(request.socket, 'deadline'));
    }
    if (admission !== 'off' && !this.#admission.hasPlace(criticality ?? DEFAULT_CRITICALITY, load.inFlight, now, admission)) {
      const enforced = admission.mode === 'enforce';
      this.#refused('overload', request, criticality, caller, enforced);
      if (enforced) {
        const message = `${service}: no room for another ${criticality ?? DEFAULT_CRITICALITY} request beside ${load.inFlight}; it was not processed`;
        return answer(503, { error: 'OVERLOADED', message }, { 'retry-after': RETRY_AFTER, ...notProcessedBy(request.socket, 'overload') });
      }
    }
    load.began();
    const context = {
      deadline: now + Math.min(left ?? Infinity, longest),
      criticality,
      attempt: honour.attempt ? said.attempt : undefined,
      caller,
      traceHeaders: honour.trace ? request.headers : undefined,
    };
    return new Serving(now, context, this);
  }

  answering({ startedAt }: Serving, status: number): ResponseHeaders {
    const { clock, load, own, drain } = this.#deps;
    const { admission, loadReport } = own().policy.inbound;
    const now = clock.now();
    load.answered(status);
    if (admission !== 'off') this.#admission.answered(status, now - startedAt, load.inFlight, now, admission);
    return { load: loadReport ? load.report() : undefined, close: drain.closesConnection };
  }

  over({ context }: Serving, answered: boolean): void {
    const { clock, load, own, drain } = this.#deps;
    const { admission } = own().policy.inbound;
    if (!answered && admission !== 'off') this.#admission.left(context.deadline, load.inFlight, clock.now(), admission);
    load.ended();
    drain.ended();
  }

  /** For an answer of its own: of what is refused, too, clients want to know how busy it is here; above all of that. */
  get headers(): ResponseHeaders {
    const { load, own, drain } = this.#deps;
    return { load: own().policy.inbound.loadReport ? load.report() : undefined, close: drain.closesConnection };
  }

  #allowList(rules: readonly AllowRule[]): AllowList {
    if (this.#allow?.rules !== rules) this.#allow = { rules, list: new AllowList(rules) };
    return this.#allow.list;
  }

  #forwarders(blocks: readonly string[]): BlockList | undefined {
    if (this.#proxies?.blocks !== blocks) this.#proxies = { blocks, list: forwardersOf(blocks) };
    return this.#proxies.list;
  }

  #forbidden(who: Caller, { method, target }: Inbound): string {
    const caller = 'problem' in who ? `a caller who is unknown (${who.problem})` : who.id;
    return `${this.#deps.service}: ${caller} may not ${method} ${pathOf(target).slice(0, 200)}`;
  }

  #readiness(): Answer {
    const { service, drain } = this.#deps;
    return answer(drain.phase === 'serving' ? 200 : 503, { service, phase: drain.phase });
  }

  #refused(reason: RefusedReason, request: Inbound, criticality: Criticality | undefined, caller: string | undefined, enforced: boolean): void {
    const { events, service } = this.#deps;
    events.emit('request.refused', { service, reason, method: request.method, path: pathOf(request.target), criticality: criticality ?? DEFAULT_CRITICALITY, caller, enforced });
  }
}
