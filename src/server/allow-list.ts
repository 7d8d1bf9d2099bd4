/**
 * AllowList: who may ask for what. Where a service has one, whom no rule names is turned away; where it has none, everybody may.
 *
 * Methods and paths are taken as they were sent. A path that a framework might read in another way than we do (dot segments, `//`, encoded
 * slashes, dots or backslashes) is covered by no rule that names paths: what is refused for nothing is written otherwise by the one who meant
 * it well, and what is let in by mistake is let in.
 */
import type { AllowRule } from '../core/inbound-policy.ts';
import { parseSpiffePattern, type SpiffePattern } from '../core/spiffe-id.ts';
import type { Caller } from './caller.ts';

interface Rule {
  /** Undefined: anybody. */
  readonly id: SpiffePattern | undefined;
  readonly methods: readonly string[] | undefined;
  readonly paths: readonly string[] | undefined;
}

export class AllowList {
  readonly #rules: readonly Rule[];

  /** As the policy has checked them. */
  constructor(rules: readonly AllowRule[]) {
    this.#rules = rules.map(({ id, methods, paths }) => ({ id: id === '*' ? undefined : patternOf(id), methods, paths }));
  }

  allows(caller: Caller, method: string, path: string): boolean {
    return this.#rules.some((rule) => names(rule, caller) && (rule.methods === undefined || rule.methods.includes(method)) && (rule.paths === undefined || covers(rule.paths, path)));
  }
}

function patternOf(id: string): SpiffePattern {
  const pattern = parseSpiffePattern(id);
  // Whoever makes rules without the policy's check makes none that are open.
  if ('problem' in pattern) throw new TypeError(`allow: ${id}: ${pattern.problem}`);
  return pattern;
}

function names({ id }: Rule, caller: Caller): boolean {
  return id === undefined || (!('problem' in caller) && id.matches(caller));
}

function covers(paths: readonly string[], path: string): boolean {
  if (isAmbiguous(path)) return false;
  return paths.some((each) => (each.endsWith('/*') ? path.startsWith(each.slice(0, -1)) && path.length >= each.length : path === each));
}

function isAmbiguous(path: string): boolean {
  return !path.startsWith('/') || /\/\/|\\|\/\.\.?(?:\/|;|$)|%(?:2e|2f|5c|25|00)|[^\x21-\x7e]/i.test(path);
}
