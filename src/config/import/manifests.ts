/**
 * Policies from what a team already has: Istio's VirtualService and DestinationRule, the Gateway API's HTTPRoute. What comes out is a policy
 * of our own form and a list of everything that is not in it, or not quite; nothing is left out without a word (fields.ts).
 */
import { parseAllDocuments } from 'yaml';
import { Draft, type Knobs } from './draft.ts';
import { Fields, type Note, type Tell } from './fields.ts';
import { importHttpRoute } from './gateway-api.ts';
import { importDestinationRule, importVirtualService } from './istio.ts';

export interface Imported {
  /** A policy as `createMeshClient({ policy })` takes it; to be checked like any other. */
  readonly document: Knobs;
  readonly notes: readonly Note[];
}

interface Found {
  readonly kind: string;
  readonly source: string;
  readonly object: string;
  readonly namespace: string;
  readonly name: string;
  readonly spec: unknown;
}

/** What says nothing to a client, and is not missed. */
const elsewhere: ReadonlySet<string> = new Set(['Gateway', 'GatewayClass', 'Service', 'Deployment', 'Namespace', 'ServiceAccount', 'ConfigMap', 'Secret', 'Pod', 'Sidecar']);

/** More than anybody has in one file; an alias bomb has more. */
const MOST_ALIASES = 100;

/** `namespace` is that of objects which do not say theirs. */
export function importManifests(files: readonly { readonly name: string; readonly text: string }[], namespace: string): Imported {
  const notes: Note[] = [];
  const found = files.flatMap((file) => objectsIn(file, namespace, notes));
  const draft = new Draft(namespace);
  // Subsets first, so that routes find the versions under the names that they have.
  for (const object of [...found].sort((a, b) => order(a.kind) - order(b.kind))) {
    const tell: Tell = (path, kind, why) => void notes.push({ source: object.source, object: object.object, path, kind, why });
    const spec = new Fields(object.spec, 'spec', tell);
    if (object.kind === 'DestinationRule') importDestinationRule(spec, object.namespace, draft, tell);
    else if (object.kind === 'VirtualService') importVirtualService(spec, object.namespace, draft, tell);
    else if (object.kind === 'HTTPRoute') importHttpRoute(spec, object.name, object.namespace, draft, tell);
    else tell('', 'dropped', 'inmesh has nothing like it');
  }
  return { document: draft.document(), notes: once(notes) };
}

function order(kind: string): number {
  return kind === 'DestinationRule' ? 0 : 1;
}

function objectsIn({ name: source, text }: { readonly name: string; readonly text: string }, namespace: string, notes: Note[]): Found[] {
  const found: Found[] = [];
  const add = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { kind, metadata, spec, items } = value as { kind?: unknown; metadata?: { name?: unknown; namespace?: unknown }; spec?: unknown; items?: unknown };
    if (kind === 'List' && Array.isArray(items)) return items.forEach(add);
    if (typeof kind !== 'string') return void notes.push({ source, object: '', path: '', kind: 'dropped', why: 'it has no kind, so it is no Kubernetes object' });
    if (elsewhere.has(kind)) return;
    const name = typeof metadata?.name === 'string' ? metadata.name : 'unnamed';
    const own = typeof metadata?.namespace === 'string' ? metadata.namespace : namespace;
    found.push({ kind, source, object: `${kind} ${own}/${name}`, namespace: own, name, spec });
  };
  try {
    for (const document of parseAllDocuments(text)) {
      const [error] = document.errors;
      if (error !== undefined) notes.push({ source, object: '', path: '', kind: 'dropped', why: error.message.split('\n')[0]! });
      else add(document.toJS({ maxAliasCount: MOST_ALIASES }));
    }
  } catch (error) {
    notes.push({ source, object: '', path: '', kind: 'dropped', why: (error as Error).message });
  }
  return found;
}

function once(notes: readonly Note[]): readonly Note[] {
  const told = new Set<string>();
  return notes.filter((note) => {
    const text = JSON.stringify(note);
    return !told.has(text) && told.add(text);
  });
}
