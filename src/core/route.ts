/**
 * Route: what a service's policy says about some of its calls, as data, part by part; the whole is `Route` in policy.ts. `routing/` acts on it.
 */
import type { Millis } from './clock.ts';

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

/** By version; whole numbers, which count in relation to their sum. */
export type Weights = ReadonlyMap<string, number>;

/** What names the user whose calls stay on one side. */
export type Sticky =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string }
  /** `hashKey` of the call's options. */
  | { readonly kind: 'hash-key' };

export interface ScheduleStep {
  /** Undefined: for good. The last step goes on after its time. */
  readonly for: Millis | undefined;
  readonly to: Weights;
}

export interface HoldOnKnobs {
  /** Whose success rate is judged. */
  readonly version: string;
  /** The schedule is stopped when less than this share of the version's attempts succeeded … */
  readonly successRateBelow: number;
  /** … in this last while … */
  readonly window: Millis;
  /** … and there were at least this many. */
  readonly minRequests: number;
  /** `hold`: it stays at its step · `rollback`: the version gets nothing any more. */
  readonly action: 'hold' | 'rollback';
  /** `observe`: decide and report, do not act. */
  readonly mode: 'enforce' | 'observe';
}

/** What a policy need not say. */
export const defaultHoldOn = { window: 60_000, minRequests: 50, action: 'hold', mode: 'enforce' } as const satisfies Partial<HoldOnKnobs>;

export interface Schedule {
  /** Epoch milliseconds. */
  readonly start: number;
  /** At least one. */
  readonly steps: readonly ScheduleStep[];
  readonly holdOn: HoldOnKnobs | undefined;
}

/** To which versions of the service a route's calls go. */
export interface Targets {
  /** With a schedule: until it starts. */
  readonly weights: Weights;
  readonly sticky: Sticky | undefined;
  /** The share of a version without endpoints goes to the others. */
  readonly fallback: boolean;
  readonly schedule: Schedule | undefined;
}

/** A copy of some of a route's calls, of which nobody sees the answers. */
export interface Mirror {
  /** Undefined: the same service. */
  readonly service: string | undefined;
  /** Undefined: the service as a whole. */
  readonly version: string | undefined;
  /** 0 to 100. */
  readonly percent: number;
  /** Copies under way at one time; beyond, none is made. */
  readonly maxInFlight: number;
}

export const defaultMirror = { percent: 100, maxInFlight: 64 } as const satisfies Partial<Mirror>;

/** What goes wrong on purpose, as though the network or the endpoint did it. Each is drawn for itself, for each attempt. */
export interface FaultKnobs {
  readonly delay: { readonly percent: number; readonly duration: Millis } | undefined;
  /** With this status, or as a connection that is reset. */
  readonly abort: { readonly percent: number; readonly with: number | 'reset' } | undefined;
  /** Callers may ask for faults, with `x-inmesh-fault`. */
  readonly allowHeader: boolean;
}

export interface Rewrite {
  /** In the place of the prefix that matched … */
  readonly prefix: string | undefined;
  /** … or of the whole path. The query stays. */
  readonly path: string | undefined;
  /** The Host header. Where the call goes does not depend on it. */
  readonly host: string | undefined;
}

/** Names in lower case. Done in this order: set, add, remove. */
export interface HeaderChanges {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}
