/**
 * Where the first route that matches would win, and here the most specific does: which routes of a list change places by that.
 *
 * Specific as docs/routing.md has it: an exact path before a regular expression before a prefix, the longer prefix first, then a method, then more
 * headers, then more query parameters. Two routes can only meet if one call can match both; where that is plainly impossible
 * (different exact paths, methods or header values), nothing is said.
 */
import type { DraftRoute, Knobs } from './draft.ts';

interface Match {
  readonly path?: { readonly exact?: string; readonly prefix?: string; readonly regex?: string };
  readonly method?: string;
  readonly headers?: Knobs;
  readonly query?: Knobs;
}

/** `note` is told the place of the later route. */
export function addOrderNotes(routes: readonly DraftRoute[], note: (index: number, why: string) => void): void {
  for (const [index, later] of routes.entries()) {
    const before = routes.slice(0, index).find((earlier) => matchesOf(later).some((one) => matchesOf(earlier).some((other) => compare(rank(one), rank(other)) > 0 && mayMeet(one, other))));
    if (before !== undefined) note(index, `it stands behind ${before.name} and is more specific: here it goes first where both match`);
  }
}

function matchesOf(route: DraftRoute): readonly Match[] {
  return (route['match'] as readonly Match[] | undefined) ?? [{}];
}

function rank({ path, method, headers, query }: Match): readonly number[] {
  const kind = path?.exact !== undefined ? 3 : path?.regex !== undefined ? 2 : path?.prefix !== undefined && path.prefix !== '/' ? 1 : 0;
  return [kind, kind === 1 ? path!.prefix!.length : 0, method === undefined ? 0 : 1, count(headers), count(query)];
}

function count(named: Knobs | undefined): number {
  return Object.keys(named ?? {}).length;
}

function compare(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at === -1 ? 0 : one[at]! - other[at]!;
}

function mayMeet(one: Match, other: Match): boolean {
  if (one.method !== undefined && other.method !== undefined && one.method !== other.method) return false;
  if (!pathsMayMeet(one.path ?? {}, other.path ?? {})) return false;
  const differ = (mine: Knobs = {}, theirs: Knobs = {}): boolean =>
    Object.entries(mine).some(([name, value]) => typeof value === 'string' && typeof theirs[name] === 'string' && value !== theirs[name]);
  return !differ(one.headers, other.headers) && !differ(one.query, other.query);
}

function pathsMayMeet(one: NonNullable<Match['path']>, other: NonNullable<Match['path']>): boolean {
  if (one.exact !== undefined && other.exact !== undefined) return one.exact === other.exact;
  const [first, second] = [one.exact ?? one.prefix, other.exact ?? other.prefix];
  if (first === undefined || second === undefined) return true;
  return first.startsWith(second) || second.startsWith(first);
}
