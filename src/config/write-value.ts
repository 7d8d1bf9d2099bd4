/**
 * Values as their writer would write them: 5000 under `deadline` is `5s`, 0.2 under `outlier.ejection.jitter` is `20%`. Which kind of value a
 * key has is read off the JSON Schema, so that nothing has to be listed twice.
 */
import { durationPattern, formatDuration } from './duration.ts';
import { policyJsonSchema } from './json-schema.ts';
import { formatRate, ratePattern } from './rate.ts';
import { formatShare, sharePattern } from './share.ts';
import { formatSize, sizePattern } from './size.ts';

export interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly pattern?: string;
  readonly default?: unknown;
}

const writers: readonly (readonly [pattern: string, write: (value: number) => string])[] = [
  [durationPattern, formatDuration],
  [sharePattern, formatShare],
  [sizePattern, formatSize],
  [ratePattern, formatRate],
];

/** `path` is that of a knob, from the service down. */
export function writeValue(path: readonly string[], value: unknown): string {
  if (value === undefined) return 'not set';
  if (Array.isArray(value)) return `[${value.map((item) => writeValue(path, item)).join(', ')}]`;
  if (typeof value !== 'number') return typeof value === 'string' ? value : JSON.stringify(value);
  const patterns = at(['services', '*', ...path]).flatMap(patternsOf);
  const writer = writers.find(([pattern]) => patterns.some((each) => each.startsWith(pattern)));
  return writer === undefined ? String(value) : writer[1](value);
}

/** What the schema says of a place, `*` being any key; several where it has alternatives. */
export function at(path: readonly string[]): readonly SchemaNode[] {
  return path.reduce<readonly SchemaNode[]>((nodes, key) => nodes.flatMap(alternatives).flatMap((node) => below(node, key)), [schema()]);
}

let made: SchemaNode | undefined;
function schema(): SchemaNode {
  return (made ??= policyJsonSchema() as SchemaNode);
}

function alternatives(node: SchemaNode): readonly SchemaNode[] {
  return [node, ...(node.anyOf ?? []).flatMap(alternatives)];
}

function below(node: SchemaNode, key: string): readonly SchemaNode[] {
  const named = node.properties?.[key];
  if (named !== undefined) return [named];
  return typeof node.additionalProperties === 'object' ? [node.additionalProperties] : [];
}

function patternsOf(node: SchemaNode): readonly string[] {
  return alternatives(node).flatMap(({ pattern, items }) => [...(pattern === undefined ? [] : [pattern]), ...(items === undefined ? [] : patternsOf(items))]);
}
