/**
 * Routes, from what was written to what core/route.ts has: patterns compiled, names in lower case, defaults filled in, and each with the
 * whole policy of its calls.
 */
import type * as z from 'zod';
import type { Route, ServicePolicy } from '../core/policy.ts';
import { defaultHoldOn, defaultMirror, type FaultKnobs, type HeaderChanges, type Mirror, type NamedMatch, type PathMatch, type RouteMatch, type Schedule, type Sticky, type Targets, type TextMatch, type Weights } from '../core/route.ts';
import { inherit } from './inherit.ts';
import { compileRegex } from './regex.ts';
import type { serviceRoutes } from './route-schema.ts';

/** Without the knobs of the service, which are its business. */
export type CheckedRoute = NonNullable<z.output<ReturnType<typeof serviceRoutes<Record<never, never>>>>>[number];
type CheckedMatch = NonNullable<CheckedRoute['match']>[number];
type CheckedText = string | { readonly exact?: string | undefined; readonly prefix?: string | undefined; readonly regex?: string | undefined; readonly present?: boolean | undefined };

/** Only of what the schema accepted. */
export function resolveRoute(written: CheckedRoute, service: ServicePolicy): Route {
  const { name, match = [], to, sticky, fallback, schedule, mirror, fault, rewrite, requestHeaders, responseHeaders, ...own } = written;
  const mirrors = mirror === undefined ? [] : Array.isArray(mirror) ? mirror : [mirror];
  const overrides = Object.entries(own).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  return {
    name,
    matches: match.map(routeMatch),
    targets: to === undefined ? undefined : targets(to, sticky, fallback, schedule),
    mirrors: mirrors.map(mirrorOf),
    fault: fault === undefined ? undefined : faultOf(fault),
    rewrite: rewrite === undefined ? undefined : { prefix: rewrite.prefix, path: rewrite.path, host: rewrite.host },
    requestHeaders: requestHeaders === undefined ? undefined : headerChanges(requestHeaders),
    responseHeaders: responseHeaders === undefined ? undefined : headerChanges(responseHeaders),
    policy: overrides.length === 0 ? service : inherit(service, own),
    overrides,
  };
}

function routeMatch({ path, method, headers = {}, query = {}, cookies = {} }: CheckedMatch): RouteMatch {
  return {
    path: path === undefined ? undefined : (textMatch(path) as PathMatch | undefined),
    method,
    headers: named(headers, (name) => name.toLowerCase()),
    query: named(query, (name) => name),
    cookies: named(cookies, (name) => name),
  };
}

function named(matches: Readonly<Record<string, CheckedText>>, spell: (name: string) => string): NamedMatch[] {
  return Object.entries(matches).flatMap(([name, written]) => {
    const value = textMatch(written);
    // Without one, that is a problem already.
    return value === undefined ? [] : [{ name: spell(name), value }];
  });
}

/** Undefined where it says nothing. */
function textMatch(written: CheckedText): TextMatch | undefined {
  if (typeof written === 'string') return { kind: 'exact', value: written };
  const { exact, prefix, regex, present } = written;
  if (exact !== undefined) return { kind: 'exact', value: exact };
  if (prefix !== undefined) return { kind: 'prefix', value: prefix };
  if (regex !== undefined) return { kind: 'regex', source: regex, test: compileRegex(regex)! };
  return present === undefined ? undefined : { kind: 'present', present };
}

function targets(to: Readonly<Record<string, number>>, sticky: CheckedRoute['sticky'], fallback = false, schedule: CheckedRoute['schedule']): Targets {
  return { weights: weights(to), sticky: sticky === undefined ? undefined : stickyOf(sticky), fallback, schedule: schedule === undefined ? undefined : scheduleOf(schedule) };
}

function weights(to: Readonly<Record<string, number>>): Weights {
  return new Map(Object.entries(to));
}

function stickyOf({ header, cookie }: NonNullable<CheckedRoute['sticky']>): Sticky {
  if (header !== undefined) return { kind: 'header', name: header.toLowerCase() };
  return cookie === undefined ? { kind: 'hash-key' } : { kind: 'cookie', name: cookie };
}

function scheduleOf({ start, steps, holdOn }: NonNullable<CheckedRoute['schedule']>): Schedule {
  return {
    start: Date.parse(start),
    steps: steps.map((step) => ({ for: step.for, to: weights(step.to) })),
    holdOn: holdOn === undefined ? undefined : withDefaults(defaultHoldOn, holdOn),
  };
}

function mirrorOf({ service, to, ...knobs }: Exclude<NonNullable<CheckedRoute['mirror']>, readonly unknown[]>): Mirror {
  return withDefaults(defaultMirror, { service, version: to, ...knobs });
}

function faultOf({ delay, abort, allowHeader = false }: NonNullable<CheckedRoute['fault']>): FaultKnobs {
  return { delay, abort: abort === undefined ? undefined : { percent: abort.percent, with: abort.status ?? 'reset' }, allowHeader };
}

function headerChanges({ set = {}, add = {}, remove = [] }: NonNullable<CheckedRoute['requestHeaders']>): HeaderChanges {
  const lower = (headers: Readonly<Record<string, string>>) => Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return { set: lower(set), add: lower(add), remove: remove.map((name) => name.toLowerCase()) };
}

function withDefaults<Defaults extends object, Own extends object>(defaults: Defaults, own: Own): Defaults & Own {
  const said = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return { ...own, ...defaults, ...said };
}
