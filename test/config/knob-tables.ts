/** The tables of docs/policy.md, from the JSON Schema. */
import { policyJsonSchema } from '../../src/config/json-schema.ts';

interface Node {
  readonly description?: string;
  readonly default?: unknown;
  readonly $comment?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | false;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

export interface KnobRow {
  /** `defaults.retry.backoff.base` */
  readonly path: string;
  readonly meaning: string;
  /** Undefined for a mapping, whose keys have their own rows. */
  readonly expected: string | undefined;
  readonly standard: unknown;
}

/** Every key of the file; those that services have in common only under `defaults`. */
export function knobRows(): KnobRow[] {
  return rowsBelow(policyJsonSchema(), '');
}

function rowsBelow(node: Node, above: string): KnobRow[] {
  return Object.entries(propertiesOf(node)).flatMap(([key, child]) => {
    const path = `${above}${key}`;
    const suffix = child.$comment === undefined ? '' : ` Expected: ${child.$comment}.`;
    const description = child.description ?? child.anyOf?.find((option) => option.description !== undefined)?.description ?? '';
    const row = { path, meaning: description.slice(0, description.length - suffix.length), expected: child.$comment, standard: child.default };
    return [row, ...rowsBelow(child, `${path}.`), ...rowsBelow(entryOf(child), `${path}.<name>.`), ...rowsBelow(itemOf(child), `${path}[].`)];
  });
}

function options(node: Node): readonly Node[] {
  return [node, ...(node.anyOf ?? [])];
}

function propertiesOf(node: Node): Readonly<Record<string, Node>> {
  return options(node).find((option) => option.properties !== undefined)?.properties ?? {};
}

function entryOf(node: Node): Node {
  for (const option of options(node)) if (typeof option.additionalProperties === 'object') return option.additionalProperties;
  return {};
}

function itemOf(node: Node): Node {
  return options(node).find((option) => option.items !== undefined)?.items ?? {};
}

/** One table for each knob of `defaults` that is a mapping, one for the single ones, one for what only a service has. */
export function knobTables(): Map<string, string> {
  const rows = knobRows();
  const below = (prefix: string) => rows.filter(({ path }) => path.startsWith(prefix));
  const inDefaults = below('defaults.');
  const tables = new Map<string, string>();
  tables.set('file', table(rows.filter(({ path }) => !path.includes('.')), ''));
  tables.set('egress', table(below('egress.'), ''));
  const mechanisms = inDefaults.filter(({ path, expected }) => path.split('.').length === 2 && expected === undefined);
  tables.set('time', table(inDefaults.filter(({ path, expected }) => path.split('.').length === 2 && expected !== undefined), 'defaults.'));
  for (const { path } of mechanisms) tables.set(path.replace('defaults.', ''), table(below(`${path}.`).filter(({ expected }) => expected !== undefined), 'defaults.'));
  const common = new Set(inDefaults.map(({ path }) => path.replace('defaults.', '')));
  // What a version's discovery takes is what a service's takes; once is enough.
  const own = below('services.<name>.').filter(({ path }) => !common.has(path.replace('services.<name>.', '')) && !path.includes('.versions.<name>.discovery.') && !path.includes('[].'));
  tables.set('service', table(own, 'services.<name>.'));
  const route = 'services.<name>.routes[].';
  tables.set('route', table(below(route).filter(({ path }) => !common.has(path.replace(route, ''))), route));
  return tables;
}

function table(rows: readonly KnobRow[], cut: string): string {
  const lines = rows.map(({ path, expected, standard, meaning }) => {
    const value = standard === undefined ? '' : `\`${Array.isArray(standard) ? `[${standard.join(', ')}]` : String(standard)}\``;
    return `| \`${path.slice(cut.length)}\` | ${value} | ${expected ?? ''} | ${meaning} |`;
  });
  return ['| Key | Default | Value | Meaning |', '|---|---|---|---|', ...lines].join('\n');
}

const marked = /(<!-- knobs: ([\w-]+) -->\n)[^]*?(<!-- \/knobs -->)/g;

/** The page with every table between its marks as the code has it. */
export function withKnobTables(page: string): string {
  const tables = knobTables();
  return page.replace(marked, (_, open: string, name: string, close: string) => `${open}\n${tables.get(name) ?? `no table "${name}"`}\n\n${close}`);
}

/** Which tables a page shows. */
export function tablesOf(page: string): string[] {
  return [...page.matchAll(marked)].map((match) => match[2] as string);
}
