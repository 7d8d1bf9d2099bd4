/**
 * Inheritance, key by key and as deep as knobs go: what a service says wins, then `defaults`, then core/policy.ts. Lists and
 * scalars are replaced whole. A mapping after an `off` switches the mechanism on (again), with core's values below it, since
 * `off` has none to inherit.
 */
import { defaultServicePolicy, onceSwitchedOn } from '../core/policy.ts';
import type { ServicePolicy } from '../core/policy.ts';

/** The same shape with gaps. */
export type Overrides<Knobs> = Knobs extends readonly unknown[] ? Knobs
  : Knobs extends object ? { readonly [Key in keyof Knobs]?: Overrides<Knobs[Key]> | undefined }
  : Knobs;

export function inherit(base: ServicePolicy, own: Overrides<ServicePolicy>): ServicePolicy {
  return merge(base, own, defaultServicePolicy, onceSwitchedOn) as ServicePolicy;
}

/** `core`: what holds where nobody said anything. `on`: the same for what `core` has switched off. */
function merge(base: unknown, own: unknown, core: unknown, on: unknown): unknown {
  if (own === undefined) return base;
  if (!isMapping(own)) return own;
  const below = [base, core, on].find(isMapping) as Mapping;
  const merged: Mapping = { ...below };
  for (const [key, value] of Object.entries(own)) merged[key] = merge(below[key], value, at(core, key), at(on, key));
  return merged;
}

function at(knobs: unknown, key: string): unknown {
  return isMapping(knobs) ? knobs[key] : undefined;
}

type Mapping = Record<string, unknown>;

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
