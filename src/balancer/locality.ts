/**
 * Locality: an endpoint in another zone counts as busier than it is.
 *
 *     load = what it would be × (in another zone ? remoteCost : 1)
 *
 * Traffic between zones takes longer and is paid for. So it stays at home, as long as nobody at home is so much busier than the best elsewhere;
 * from then on as much of it leaves as keeps that proportion, and no more. Envoy and Kubernetes divide requests by the numbers of hosts in each
 * zone, and do not see that one of them is overrun (envoy#43665, istio#50727).
 *
 * It compares, so it is for who compares: in turn, by hash or by report nothing is moved. Of two that are drawn at random both would often be
 * far away, so the first of them is drawn at home (p2c.ts).
 *
 * Where this process does not know its zone, or has no usable endpoint there, nobody costs more. An endpoint of which no zone is known costs
 * nothing either: that somebody forgot to say where it is makes it no further away.
 */
import type { Emit } from '../core/events.ts';
import type { LocalityKnobs, Switchable } from '../core/policy.ts';
import { COST, type Figures, type Row } from './figures.ts';

export interface LocalitySnapshot {
  /** Of this process. */
  readonly zone: string | undefined;
  readonly active: boolean;
  /** Why it is not; empty where it is. */
  readonly why: string;
  /** Of the endpoints that may be chosen: how many are there, how many elsewhere, and of how many nobody knows. */
  readonly local: number;
  readonly remote: number;
  readonly unknown: number;
}

/** What is seen of an endpoint. */
interface Placed {
  readonly row: Row;
  readonly zone: string | undefined;
}

export interface LocalityDeps {
  readonly service: string;
  readonly figures: Figures;
  readonly emit: Emit;
  readonly knobs: () => Switchable<LocalityKnobs>;
  /** Of this process. */
  readonly zone: () => string | undefined;
}

export class Locality {
  readonly #deps: LocalityDeps;
  #state: LocalitySnapshot | undefined = undefined;

  constructor(deps: LocalityDeps) {
    this.#deps = deps;
  }

  get snapshot(): LocalitySnapshot {
    return this.#state ?? this.#look([]);
  }

  /** From now on these may be chosen. Whether that changed what any of them costs. */
  use(candidates: readonly Placed[]): boolean {
    const { service, figures: { weights }, emit, knobs: policy, zone } = this.#deps;
    const knobs = policy();
    const before = this.#state;
    const state = this.#look(candidates);
    const { active, local, remote } = state;
    const enforced = knobs !== 'off' && knobs.mode === 'enforce';
    let changed = false;
    for (const { row, zone: its } of candidates) {
      const cost = enforced && active && its !== undefined && its !== zone() ? knobs.remoteCost : 1;
      if (weights[row + COST] !== cost) changed = true;
      weights[row + COST] = cost;
    }
    if (candidates.length === 0) return changed;
    this.#state = state;
    // Whose zone is not known needs not be told that nobody is in it.
    const told = knobs !== 'off' && state.zone !== undefined && active !== (before?.zone === state.zone ? before.active : true);
    if (told) emit('locality.changed', { service, zone: state.zone, active, local, remote, enforced });
    return changed;
  }

  #look(candidates: readonly Placed[]): LocalitySnapshot {
    const zone = this.#deps.zone();
    let [local, unknown] = [0, 0];
    for (const { zone: its } of candidates) {
      if (its === undefined) unknown += 1;
      else if (its === zone) local += 1;
    }
    const why = this.#deps.knobs() === 'off' ? 'as the policy says' : zone === undefined ? 'the zone of this process is not known' : local === 0 ? `no usable endpoint is in ${zone}` : '';
    return { zone, active: why === '', why, local, remote: candidates.length - local - unknown, unknown };
  }
}
