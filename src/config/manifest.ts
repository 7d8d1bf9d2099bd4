/**
 * Policies in Kubernetes manifests: what a ConfigMap holds under a `*.yaml` key, with the lines it has there. So what is checked before it
 * ships is the file that ships.
 */
import { isMap, isScalar, LineCounter, parseAllDocuments, Scalar } from 'yaml';
import type { Document } from 'yaml';

export interface Embedded {
  /** `configmap.yaml[policy.yaml]` */
  readonly name: string;
  readonly text: string;
  /** Added to a line, or column, of the text to get that of the manifest; undefined where the text is not written as a block. */
  readonly lines: number | undefined;
  readonly columns: number;
}

/** Whether a text speaks to Kubernetes: every document in it has a kind. Cheap, and wrong about nothing that is a policy. */
export function isManifest(text: string): boolean {
  return /^apiVersion:\s/m.test(text) && /^kind:\s/m.test(text);
}

/** Of each ConfigMap in it, the entries that are policies. Not YAML: none, with what is wrong. */
export function policiesIn(text: string, file: string): { readonly policies: readonly Embedded[]; readonly error?: string } {
  const counter = new LineCounter();
  let documents: readonly Document[];
  try {
    documents = [...parseAllDocuments(text, { lineCounter: counter })];
    const [error] = documents.flatMap((document) => document.errors);
    if (error !== undefined) return { policies: [], error: error.message.split('\n')[0] as string };
  } catch (error) {
    return { policies: [], error: (error as Error).message };
  }
  const source = text.split('\n');
  return { policies: documents.filter((document) => document.get('kind') === 'ConfigMap').flatMap((document) => entries(document, file, counter, source)) };
}

function entries(document: Document, file: string, counter: LineCounter, source: readonly string[]): Embedded[] {
  const data = document.get('data');
  if (!isMap(data)) return [];
  return data.items.flatMap(({ key, value }) => {
    const name = isScalar(key) ? String(key.value) : '';
    if (!/\.ya?ml$/.test(name) || !isScalar(value) || typeof value.value !== 'string' || !/^version:/m.test(value.value)) return [];
    const { lines, columns } = placeOf(value, counter, source);
    return [{ name: `${file}[${name}]`, text: value.value, lines, columns }];
  });
}

/** Of a block scalar (`|`), the text begins in the line after the sign, as far right as its first line is. */
function placeOf(value: Scalar, counter: LineCounter, source: readonly string[]): { lines: number | undefined; columns: number } {
  if (value.type !== Scalar.BLOCK_LITERAL || value.range === undefined || value.range === null) return { lines: undefined, columns: 0 };
  const { line } = counter.linePos(value.range[0]);
  const first = source.slice(line).find((each) => each.trim() !== '') ?? '';
  return { lines: line, columns: first.length - first.trimStart().length };
}
