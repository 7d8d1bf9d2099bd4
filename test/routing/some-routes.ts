/**
 * Routes for tests, written as short as a policy has them: what is left out asks for nothing.
 */
import type { NamedMatch, PathMatch, RouteMatch, TextMatch } from '../../src/core/route.ts';
import type { RoutableRequest } from '../../src/routing/table.ts';

export const exact = (value: string) => ({ kind: 'exact', value }) as const satisfies TextMatch;
export const prefix = (value: string) => ({ kind: 'prefix', value }) as const satisfies TextMatch;
export const present: TextMatch = { kind: 'present', present: true };
export const absent: TextMatch = { kind: 'present', present: false };
/** With the engine at hand, which is not the linear one: routing is given one. */
export const regex = (source: string) => {
  const whole = new RegExp(`^(?:${source})$`);
  return { kind: 'regex', source, test: (text: string) => whole.test(text) } as const satisfies TextMatch;
};

export interface ShortMatch {
  readonly path?: PathMatch;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, TextMatch>>;
  readonly query?: Readonly<Record<string, TextMatch>>;
  readonly cookies?: Readonly<Record<string, TextMatch>>;
}

export function match({ path, method, headers = {}, query = {}, cookies = {} }: ShortMatch): RouteMatch {
  return { path, method, headers: named(headers), query: named(query), cookies: named(cookies) };
}

function named(matches: Readonly<Record<string, TextMatch>>): NamedMatch[] {
  return Object.entries(matches).map(([name, value]) => ({ name, value }));
}

export function request(path: string, headers: RoutableRequest['headers'] = [], method = 'GET'): RoutableRequest {
  return { method, path, headers };
}
