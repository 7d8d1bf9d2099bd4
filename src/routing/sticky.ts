/**
 * Sticky sides: a user's calls all go to one version, and move with the weights as little as can be.
 *
 * A user is a point on a circle of 2³² (the hash of what names him), a version has stretches of it as long as its weight. When weights
 * change, those that shrink give up what they have too much, and those that grow get it; nothing else moves. So who is on a version that
 * only grows stays there, and over a schedule in which each version only shrinks or only grows a user moves at most once. (Cumulative weights
 * alone do that for two versions; with three, growing one pushes users from the second to the third.)
 *
 * Every process must place a user alike, whenever it started: what is worked out follows from the weights of the policy alone, from its first
 * step to the present one, and not from what this process has seen.
 */
import type { Weights } from '../core/route.ts';

const WHOLE = 2 ** 32;

interface Stretch {
  readonly version: string;
  readonly from: number;
  readonly to: number;
}

/** Without gaps from 0 to 2³², in order; empty where every weight is 0. */
export type Circle = readonly Stretch[];

/** Side by side, in the order of the policy. */
export function circle(weights: Weights): Circle {
  const stretches: Stretch[] = [];
  let from = 0;
  for (const [version, length] of lengths(weights)) {
    if (length > 0) stretches.push({ version, from, to: from + length });
    from += length;
  }
  return stretches;
}

/** The circle with other weights, reached by moving as little as can be. */
export function rearranged(before: Circle, weights: Weights): Circle {
  const wanted = lengths(weights);
  if (before.length === 0 || wanted.size === 0) return circle(weights);
  const missing = new Map(wanted);
  for (const { version, from, to } of before) missing.set(version, (missing.get(version) ?? 0) - (to - from));
  const after: Stretch[] = [];
  const free: { from: number; to: number }[] = [];
  // From its far end: of two versions side by side, what the first gives up then lies beside the second.
  for (const stretch of before.toReversed()) {
    const { version, from, to } = stretch;
    const surplus = Math.min(to - from, Math.max(0, -missing.get(version)!));
    if (surplus > 0) free.push({ from: to - surplus, to });
    if (to - surplus > from) after.push({ version, from, to: to - surplus });
    missing.set(version, missing.get(version)! + surplus);
  }
  for (const [version, length] of missing) {
    for (let left = length; left > 0; ) {
      const gap = free.pop()!;
      const taken = Math.min(left, gap.to - gap.from);
      after.push({ version, from: gap.from, to: gap.from + taken });
      if (gap.from + taken < gap.to) free.push({ from: gap.from + taken, to: gap.to });
      left -= taken;
    }
  }
  return after.sort((one, other) => one.from - other.from);
}

/** Undefined where nobody has a stretch. `point` is below 2³². */
export function versionAt(circle: Circle, point: number): string | undefined {
  for (const { version, to } of circle) if (point < to) return version;
  return undefined;
}

/**
 * Where a user stands, of one service: FNV-1a (Fowler, Noll, Vo) over what names him and the service, finished as MurmurHash3 is (Appleby), for
 * FNV alone leaves keys that differ in their last letter beside each other. Not for secrets.
 */
export function pointOf(service: string, key: string): number {
  let hash = 0x811c9dc5;
  for (const text of [service, '\0', key]) {
    for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Whole numbers that add up to 2³²; empty where every weight is 0. */
function lengths(weights: Weights): Map<string, number> {
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const found = new Map<string, number>();
  if (total === 0) return found;
  let sum = 0;
  let end = 0;
  for (const [version, weight] of weights) {
    sum += weight;
    const next = Math.round((sum / total) * WHOLE);
    found.set(version, next - end);
    end = next;
  }
  return found;
}
