/**
 * One route of a service as it runs: which version a call goes to, and what it passes on its way there.
 *
 * What it has of its own (where its schedule stands, whose turn it is, copies under way, limits that it alone says) it keeps as long as the
 * policy has a route of this name.
 */
import { paysApart, type Retries, type RetriesSnapshot } from './call-stack.ts';
import { parseDuration } from './config/duration.ts';
import { stack, type Attempt, type Call, type Layer, type MeshRequest, type Reply, type Service } from './core/call.ts';
import type { Clock, Millis } from './core/clock.ts';
import type { Emit } from './core/events.ts';
import { defaultServicePolicy, type Route, type ServicePolicy } from './core/policy.ts';
import type { Random } from './core/random.ts';
import type { RouteMatch } from './core/route.ts';
import { evidence } from './routing/evidence.ts';
import { faults } from './routing/fault.ts';
import { ChangedReply } from './routing/header-changes.ts';
import { Mirroring, type Copy, type MirrorSnapshot } from './routing/mirror.ts';
import { changedRequest } from './routing/rewrite.ts';
import { Rollout, type RolloutState } from './routing/rollout.ts';

export interface RunningRouteDeps {
  readonly service: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  /** Of the service. */
  readonly policy: () => ServicePolicy;
  readonly newRetries: (knobs: () => ServicePolicy) => Retries;
  /** Discovery has said that this version has no endpoint. */
  readonly isEmpty: (version: string) => boolean;
  readonly mirror: (service: string | undefined, version: string | undefined, copy: MeshRequest, within: Millis) => Promise<Reply>;
}

export interface RouteSnapshot extends Partial<Omit<RolloutState, 'weights'>> {
  readonly name: string;
  /** What each version gets now; undefined where the calls go to the service as a whole. */
  readonly weights: Readonly<Record<string, number>> | undefined;
  readonly mirrors: readonly MirrorSnapshot[];
  /** Where its retries and hedges are paid for apart from the service's, and there were calls. */
  readonly retries: RetriesSnapshot | undefined;
}

/** In the place of a version, where every weight is 0. Such a call fails where others are sent, so that whatever is to be done about it is. */
export const NOWHERE = '';

export class RunningRoute {
  readonly name: string;
  readonly #deps: RunningRouteDeps;
  #route: Route;
  #rollout: Rollout | undefined;
  #mirrors: readonly Mirroring[] = [];
  /** Made when first needed, and kept. */
  #retries: Retries | undefined;
  /** What it does to attempts, by what comes after; built when first needed. */
  readonly #attempts = new Map<Service<Attempt>, Service<Attempt>>();

  constructor(route: Route, deps: RunningRouteDeps) {
    this.name = route.name;
    this.#deps = deps;
    this.#route = route;
    this.#take();
  }

  get matches(): readonly RouteMatch[] {
    return this.#route.matches;
  }

  /** Of its calls. */
  get policy(): ServicePolicy {
    return this.#route.policy;
  }

  /** Those that are paid for apart from the service's; undefined where it says no other knobs. */
  get retries(): Retries | undefined {
    if (!this.#paysApart) return undefined;
    return (this.#retries ??= this.#deps.newRetries(() => this.policy));
  }

  /** The policy has changed. */
  update(route: Route): void {
    this.#route = route;
    this.#take();
  }

  /** Which version the next call goes to; undefined: the service as a whole. */
  version(request: Pick<MeshRequest, 'headers'>, hashKey: string | undefined): string | undefined {
    return this.#rollout === undefined ? undefined : (this.#rollout.choose(request, hashKey) ?? NOWHERE);
  }

  /** How its calls are shared out now; undefined where they go to the service as a whole. Changes nothing. */
  shares(request: Pick<MeshRequest, 'headers'>, hashKey: string | undefined): ({ readonly state: RolloutState } & ReturnType<Rollout['shares']>) | undefined {
    return this.#rollout === undefined ? undefined : { state: this.#rollout.state(), ...this.#rollout.shares(request, hashKey) };
  }

  /** The request as it is to be sent; `prefix` is the one of its path that matched. */
  request(request: MeshRequest, prefix: string): MeshRequest {
    return changedRequest(request, this.#route, prefix);
  }

  /** A call of it, with its copies. */
  send(call: Call, next: Service<Call>): Promise<Reply> {
    const { responseHeaders } = this.#route;
    const reply = this.#mirrors.length === 0 ? next(call) : this.#sendWithCopies(call, next);
    return responseHeaders === undefined ? reply : reply.then((answer) => new ChangedReply(answer, responseHeaders));
  }

  /** An attempt of it, at a version. */
  attempt(attempt: Attempt, version: string | undefined, next: Service<Attempt>): Promise<Reply> {
    let send = this.#attempts.get(next);
    if (send === undefined) {
      send = stack(...this.#layers(version))(next);
      this.#attempts.set(next, send);
    }
    return send(attempt);
  }

  /** Where calls may go, for whoever connects ahead of them. */
  get versions(): readonly (string | undefined)[] {
    const { targets } = this.#route;
    if (targets === undefined) return [undefined];
    const steps = [targets.weights, ...(targets.schedule?.steps.map(({ to }) => to) ?? [])];
    return [...new Set(steps.flatMap((weights) => [...weights].flatMap(([version, weight]) => (weight > 0 ? [version] : []))))];
  }

  snapshot(): RouteSnapshot {
    const { weights, ...progress } = this.#rollout?.state() ?? { weights: undefined };
    return { name: this.name, weights: weights && Object.fromEntries(weights), ...progress, mirrors: this.#mirrors.map((mirror) => mirror.snapshot()), retries: this.#paysApart ? this.#retries?.snapshot() : undefined };
  }

  #paysApart = false;

  /** What the route says. What there was for the same, stays. */
  #take(): void {
    const { service, clock, random, emit, isEmpty, mirror, policy } = this.#deps;
    const base = { service, route: this.name, clock, random, emit };
    const { targets, mirrors } = this.#route;
    if (targets === undefined) this.#rollout = undefined;
    else this.#rollout ??= new Rollout({ ...base, targets: () => this.#route.targets ?? targets, isEmpty });
    this.#mirrors = mirrors.map((knobs, index) => this.#mirrors[index] ?? new Mirroring({
      ...base,
      knobs: () => this.#route.mirrors[index] ?? knobs,
      send: (copy, within) => {
        const { service: target, version } = this.#route.mirrors[index] ?? knobs;
        return mirror(target, version, copy, within);
      },
    }));
    this.#paysApart = paysApart(this.policy, policy());
    // Faults and evidence may have come or gone.
    this.#attempts.clear();
  }

  #layers(version: string | undefined): Layer<Attempt>[] {
    const { service, clock, random, emit } = this.#deps;
    const layers: Layer<Attempt>[] = [];
    if (this.#route.fault !== undefined) layers.push(faults({ service, route: this.name, clock, random, emit, knobs: () => this.#route.fault, duration: (text) => parseDuration(text) }));
    if (this.#rollout !== undefined && version !== undefined && this.#route.targets?.schedule?.holdOn?.version === version) layers.push(evidence(this.#rollout, version));
    return layers;
  }

  #sendWithCopies(call: Call, next: Service<Call>): Promise<Reply> {
    const { replayBodyUpTo: limit } = call.policy.retry === 'off' ? defaultServicePolicy.retry : call.policy.retry;
    let { request } = call;
    const copies: Copy[] = [];
    for (const mirror of this.#mirrors) {
      const copy = mirror.copy({ request, deadline: call.deadline }, limit);
      if (copy === undefined) continue;
      request = copy.request;
      copies.push(copy);
    }
    const reply = next(request === call.request ? call : { ...call, request });
    for (const { answered } of copies) reply.then(answered, answered);
    return reply;
  }
}
