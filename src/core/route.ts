/**
 * Route: what a service's policy says about some of its calls, as data. `routing/` acts on it.
 */
/** What a text must be. A regular expression is matched against the whole of it, in time linear in its length (RE2). */
export type TextMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly source: string; readonly test: (text: string) => boolean }
  | { readonly kind: 'present'; readonly present: boolean };

/** A path has no name that could be missing; its prefix ends where a segment does. */
export type PathMatch = Exclude<TextMatch, { readonly kind: 'present' }>;

export interface NamedMatch {
  /** Of a header in lower case. */
  readonly name: string;
  readonly value: TextMatch;
}

/** All of it must hold. */
export interface RouteMatch {
  readonly path: PathMatch | undefined;
  readonly method: string | undefined;
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
  readonly cookies: readonly NamedMatch[];
}
