/**
 * Where each knob comes from that holds for a service's calls: the route, the service, `defaults`, or nobody, and then it is built in.
 */
import type { ExplainedKnob } from '../core/explanation.ts';
import type { ServicePolicy } from '../core/policy.ts';
import type { Path } from './problem.ts';
import type { PolicySource } from './source.ts';
import { writeValue } from './write-value.ts';

export const BUILT_IN = 'built-in';

/** `source`: undefined where nobody wrote a policy. */
export function knobOrigins(policy: ServicePolicy, service: string | undefined, route: number | undefined, source: PolicySource | undefined): readonly ExplainedKnob[] {
  const scopes: Path[] = [
    ...(service === undefined || route === undefined ? [] : [['services', service, 'routes', route]]),
    ...(service === undefined ? [] : [['services', service]]),
    ['defaults'],
  ];
  const found: ExplainedKnob[] = [];
  const visit = (value: unknown, path: readonly string[]): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, each] of Object.entries(value)) visit(each, [...path, key]);
    } else if (value !== undefined) {
      const scope = scopes.find((each) => source?.at([...each, ...path]) !== undefined);
      found.push({ knob: path.join('.'), value: writeValue(path, value), from: (scope && placeOf([...scope, ...path], source)) ?? BUILT_IN });
    }
  };
  visit(policy, []);
  return found;
}

/** `policy.yaml:12:7`; undefined where nothing stands there. In an object, which has no lines: `options.policy services.reviews.deadline`. */
export function placeOf(path: Path, source: PolicySource | undefined): string | undefined {
  if (source?.at(path) === undefined) return undefined;
  const position = source.position(path, 'key') ?? source.position(path);
  return position === undefined ? `${source.name} ${path.join('.')}` : `${position.file ?? source.name}:${position.line}:${position.column}`;
}
