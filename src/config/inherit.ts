/**
 * Inheritance, key by key and as deep as knobs go: what a service says wins, then `defaults`, then core/policy.ts. Lists and
 * scalars are replaced whole. A mapping after an `off` switches the mechanism on (again), with core's values below it, since
 * `off` has none to inherit; and one of another shape than what it would inherit begins with that shape's.
 */
import { defaultServicePolicy, defaultWindowBudget, onceSwitchedOn } from '../core/policy.ts';
import type { ServicePolicy } from '../core/policy.ts';

/** The same shape with gaps. */
export type Overrides<Knobs> = Knobs extends readonly unknown[] ? Knobs
  : Knobs extends object ? { readonly [Key in keyof Knobs]?: Overrides<Knobs[Key]> | undefined }
  : Knobs;

/** Mechanisms that are written in one shape or another: each shape with its own defaults. */
const { mode: _mode, ...successBudget } = defaultServicePolicy.retry.budget;
const alternatives: readonly (readonly Mapping[])[] = [[successBudget, { ...defaultWindowBudget }]];

export function inherit(base: ServicePolicy, own: Overrides<ServicePolicy>): ServicePolicy {
  return merge(base, own, defaultServicePolicy, onceSwitchedOn) as ServicePolicy;
}

/** `core`: what holds where nobody said anything. `on`: the same for what `core` has switched off. */
function merge(base: unknown, own: unknown, core: unknown, on: unknown): unknown {
  if (own === undefined) return base;
  if (!isMapping(own)) return own;
  const below = isMapping(base) ? (otherShape(base, own) ?? base) : ([core, on].find(isMapping) ?? {});
  const merged: Mapping = { ...below };
  for (const [key, value] of Object.entries(own)) merged[key] = merge(below[key], value, at(core, key), at(on, key));
  return merged;
}

function at(knobs: unknown, key: string): unknown {
  return isMapping(knobs) ? knobs[key] : undefined;
}

/** Where `base` has one shape and `own` is written in the other: that one's defaults, beside what is in neither shape. */
function otherShape(base: Mapping, own: Mapping): Mapping | undefined {
  for (const shapes of alternatives) {
    const present = shapes.find((shape) => Object.keys(shape).every((key) => key in base));
    const meant = shapes.find((shape) => shape !== present && Object.keys(own).some((key) => key in shape));
    if (present === undefined || meant === undefined) continue;
    const rest = Object.entries(base).filter(([key]) => !(key in present));
    return { ...meant, ...Object.fromEntries(rest) };
  }
  return undefined;
}

type Mapping = Record<string, unknown>;

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
