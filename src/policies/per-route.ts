/**
 * PerRoute: one mechanism of a service, and of each route that has its own idea of it.
 *
 * What a circuit, a throttle or a bucket remembers is of the whole service, since that is who fails, refuses or sets a quota.
 * A route that overrides the mechanism's knobs gets a machine of its own: its counts cannot be judged by one rule and the
 * others' by another. That happens *instead* of the service's machine, or *within* it where the service's limit protects
 * something that the route shares (concurrency: the connections).
 *
 * A route overrides a mechanism where its policy holds other knobs than the service's: another object, as inheritance leaves
 * alone what nobody wrote. A call that began before a reload may look so, too; that costs a machine that nobody asks again.
 *
 * Routes are known by name. There are as many as the policy names, and those that reloads have left behind: beyond a few
 * hundred, the one made first is forgotten.
 */
import type { Call, Layer, Service } from '../core/call.ts';
import type { ServicePolicy } from '../core/policy.ts';

const ROUTES_AT_MOST = 256;

type Mechanism = 'circuit' | 'throttle' | 'rateLimit' | 'concurrency';

export interface PerRouteDeps<Subject, Machine, Key extends Mechanism> {
  readonly mechanism: Key;
  /** The service's policy, as it is now. */
  readonly policy: () => ServicePolicy;
  readonly make: (knobs: () => ServicePolicy[Key], route: string | undefined) => Machine;
  readonly callOf: (subject: Subject) => Call;
  readonly routes: 'instead' | 'within';
}

interface OfRoute<Subject, Machine, Key extends Mechanism> {
  readonly machine: Machine;
  readonly service: Service<Subject>;
  /** The knobs of its last call. */
  readonly last: { knobs: ServicePolicy[Key] };
}

interface MachineOf<Subject> {
  readonly layer: Layer<Subject>;
  snapshot(): unknown;
}

export class PerRoute<Subject, Machine extends MachineOf<Subject>, Key extends Mechanism> {
  /** The service's. */
  readonly own: Machine;
  readonly #deps: PerRouteDeps<Subject, Machine, Key>;
  /** Made with the first: most services have none. */
  #routes: Map<string, OfRoute<Subject, Machine, Key>> | undefined;
  /** What a route's machine stands above. */
  #next: Service<Subject> = () => Promise.reject(new Error('a layer was used before it was put into a stack'));

  constructor(deps: PerRouteDeps<Subject, Machine, Key>) {
    this.#deps = deps;
    this.own = deps.make(() => deps.policy()[deps.mechanism], undefined);
  }

  /** Those of routes, by name. */
  get routes(): ReadonlyMap<string, Machine> {
    return new Map([...(this.#routes ?? [])].map(([route, { machine }]) => [route, machine]));
  }

  /** What those of routes know, by name of the route. */
  snapshots(): Readonly<Record<string, ReturnType<Machine['snapshot']>>> {
    return Object.fromEntries([...(this.#routes ?? [])].map(([route, { machine }]) => [route, machine.snapshot() as ReturnType<Machine['snapshot']>]));
  }

  /** Which one is asked about this call. */
  of(call: Call): Machine {
    return this.#ofRoute(call)?.machine ?? this.own;
  }

  readonly layer: Layer<Subject> = (next) => {
    const { callOf, routes } = this.#deps;
    const own = this.own.layer(next);
    this.#next = routes === 'within' ? own : next;
    const perRoute: Service<Subject> = (subject) => {
      const call = callOf(subject);
      // Most services have no routes, and most routes have the service's knobs.
      const ofRoute = call.route === undefined ? undefined : this.#ofRoute(call);
      return ofRoute === undefined ? own(subject) : ofRoute.service(subject);
    };
    return perRoute;
  };

  #ofRoute({ route, policy }: Call): OfRoute<Subject, Machine, Key> | undefined {
    const { mechanism } = this.#deps;
    const knobs = policy[mechanism];
    if (route === undefined || knobs === this.#deps.policy()[mechanism]) return undefined;
    const known = this.#routes?.get(route);
    if (known === undefined) return this.#add(route, knobs);
    known.last.knobs = knobs;
    return known;
  }

  #add(route: string, knobs: ServicePolicy[Key]): OfRoute<Subject, Machine, Key> {
    const routes = (this.#routes ??= new Map());
    if (routes.size >= ROUTES_AT_MOST) {
      const [first] = routes.keys();
      routes.delete(first);
    }
    const last = { knobs };
    const machine = this.#deps.make(() => last.knobs, route);
    const added = { machine, service: machine.layer(this.#next), last };
    routes.set(route, added);
    return added;
  }
}
