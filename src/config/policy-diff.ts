/**
 * What changes from one policy to another, by meaning: which knob of which service, whoever wrote it where, after inheritance. A changed
 * default shows at each service that has it, and comments, order and anchors show nowhere.
 */
import type { Policy, ServiceEntry, ServicePolicy } from '../core/policy.ts';
import { worstCase, type WorstCase } from './worst-case.ts';
import { writeValue } from './write-value.ts';

export interface KnobChange {
  /** `retry.maxRetries` */
  readonly knob: string;
  /** As one would write it. */
  readonly before: string;
  readonly after: string;
}

export interface ServiceChange {
  /** Undefined: hosts that no service names. */
  readonly service: string | undefined;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly knobs: readonly KnobChange[];
  /** Where the service is on both sides and that changed. */
  readonly effect?: { readonly before: WorstCase; readonly after: WorstCase };
}

export interface PolicyDiff {
  readonly unknownHosts?: KnobChange;
  readonly zones?: KnobChange;
  /** By name, added ones among the others; only those in which something changed. */
  readonly services: readonly ServiceChange[];
}

export function diffPolicies(before: Policy, after: Policy): PolicyDiff {
  const names = [...new Set([...before.services.keys(), ...after.services.keys()])].sort();
  const services = [
    changeOf(undefined, { policy: before.defaults }, { policy: after.defaults }),
    ...names.map((name) => changeOf(name, before.services.get(name), after.services.get(name))),
  ].filter((change) => change.kind !== 'changed' || change.knobs.length > 0);
  return { ...changed('unknownHosts', before.unknownHosts, after.unknownHosts), ...changed('zones', plain(before.zones), plain(after.zones)), services };
}

function changed(knob: 'unknownHosts' | 'zones', before: string, after: string): Omit<PolicyDiff, 'services'> {
  return before === after ? {} : { [knob]: { knob, before, after } };
}

type Side = Pick<ServiceEntry, 'policy'> & Partial<ServiceEntry>;

function changeOf(service: string | undefined, before: Side | undefined, after: Side | undefined): ServiceChange {
  if (before === undefined || after === undefined) return { service, kind: before === undefined ? 'added' : 'removed', knobs: [] };
  const [was, is] = [knobsOf(before), knobsOf(after)];
  const knobs = [...new Set([...was.keys(), ...is.keys()])].filter((knob) => was.get(knob) !== is.get(knob));
  const changes = knobs.map((knob) => ({ knob, before: was.get(knob) ?? 'not set', after: is.get(knob) ?? 'not set' }));
  const effect = { before: worstCase(before.policy), after: worstCase(after.policy) };
  const same = (Object.keys(effect.before) as (keyof WorstCase)[]).every((key) => effect.before[key] === effect.after[key]);
  return { service, kind: 'changed', knobs: changes, ...(same ? {} : { effect }) };
}

/** Every knob, written out, by its path. */
function knobsOf({ policy, routes = [], name: _name, ...others }: Side): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  /** `above`: of the service, for what a route says of its knobs. */
  const visit = (value: unknown, path: readonly string[], above = ''): void => {
    if (value === undefined) return;
    if (value instanceof Map) {
      for (const [key, each] of value as Map<string, unknown>) visit(each, [...path, key], above);
    } else if (isKnobs(value)) {
      for (const [key, each] of Object.entries(value)) visit(each, [...path, key], above);
    } else {
      found.set(above + path.join('.'), writeValue(path, value));
    }
  };
  visit(policy satisfies ServicePolicy, []);
  if (routes.length > 0) found.set('routes', routes.map(({ name }) => name).join(', '));
  for (const { name, policy: ofRoute, overrides, ...says } of routes) {
    for (const key of overrides) visit((ofRoute as unknown as Record<string, unknown>)[key], [key], `routes.${name}.`);
    for (const [key, value] of Object.entries(says)) if (value !== undefined && !(Array.isArray(value) && value.length === 0)) found.set(`routes.${name}.${key}`, plain(value));
  }
  // What is no knob has no kind of value to be written as.
  for (const [key, value] of Object.entries(others)) if (value !== undefined) found.set(key === 'source' ? 'discovery' : key, plain(value));
  return found;
}

function isKnobs(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function plain(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (each instanceof Map ? Object.fromEntries(each as Map<string, unknown>) : each));
}
