/**
 * The policy file's JSON Schema (2020-12), for editors and CI; from the same zod schema that checks the file.
 */
import { defaultKeyword, expectedKeyword } from './knob.ts';
import { policySchema } from './schema.ts';
import { zod } from './zod.ts';

interface Node {
  [keyword: string]: unknown;
}

/** A plain object; the build writes it to `policy.schema.json`. */
export function policyJsonSchema(): object {
  const schema = zod().toJSONSchema(policySchema('file'), { target: 'draft-2020-12', io: 'input' }) as Node;
  finish(schema);
  return {
    $schema: schema.$schema,
    title: 'inmesh policy',
    description: 'What every client of the mesh does with its calls. Durations 250ms 2s 5m 1h, sizes 64KiB, shares 20%; ${NAME} and ${NAME:-default} in values.',
    ...schema,
  };
}

/** In the file any scalar may be a `${NAME}`, of which an editor cannot know what it will be. */
const reference = { type: 'string', pattern: '\\$\\{' };

function finish(node: Node): void {
  for (const child of children(node)) finish(child);
  const { description, [expectedKeyword]: expected, [defaultKeyword]: inherited, ...value } = node;
  if (typeof node.pattern === 'string') {
    node.pattern = `${node.pattern}|${reference.pattern}`;
  } else if (node.enum !== undefined || node.type === 'integer' || node.type === 'number' || node.type === 'boolean') {
    for (const keyword of Object.keys(value)) delete node[keyword];
    node.anyOf = [value, reference];
  }
  // Editors show descriptions; the range of a duration can be said in no other keyword.
  if (typeof expected === 'string') node.description = `${description as string} Expected: ${expected}.`;
  if (inherited !== undefined) node.default = inherited;
  delete node[defaultKeyword];
}

/** Of those keywords that zod writes here. A name pattern stays as it is: keys are never replaced. */
function children(node: Node): Node[] {
  const of = (value: unknown): Node[] => (typeof value === 'object' && value !== null ? [value as Node] : []);
  return [
    ...of(node.properties).flatMap((properties) => Object.values(properties) as Node[]),
    ...of(node.additionalProperties),
    ...of(node.items),
    ...((node.anyOf ?? []) as Node[]),
  ];
}
