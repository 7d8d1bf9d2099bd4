/**
 * Who imports whom, read with TypeScript's own parser, and what the architecture says about it:
 *
 *     index.ts → client.ts, services.ts, running-service.ts → discovery/ balancer/ policies/ transport/ telemetry/ config/ … → core/
 *     cli/ → discovery/ config/ core/
 *     server/ → config/ policies/ security/ telemetry/ core/
 *
 * Type imports count: a type is knowledge too. The rules are a pure function of the graph, so that a test can show each one
 * being broken.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import ts from 'typescript';

/** Path within src (`balancer/picker.ts`) → what it imports, as written. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** May know more than one folder: the client, its services, each of these with its routes and clusters, the stack of calls, and the list of public names. */
const COMPOSERS = new Set(['client.ts', 'mesh-options.ts', 'services.ts', 'running-service.ts', 'running-route.ts', 'running-cluster.ts', 'call-stack.ts', 'index.ts']);
/** Programs of their own, that nobody imports, and the folders that each may know besides core. What is not here, they start without. Routing is pure: `inmesh explain` asks the client's own. */
const ENTRIES: ReadonlyMap<string, readonly string[]> = new Map([
  ['cli', ['config', 'discovery', 'routing']],
  ['otel', ['telemetry']],
  ['server', ['config', 'policies', 'security', 'telemetry']],
]);
/** Names that say nothing, and so attract everything. */
const HUBS = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'shared', 'misc', 'types']);

/** All ways of naming another module: import, export from, import(), import('x').T, require() and createRequire(…)(). */
export function importsOf(file: string, source: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) add(node.moduleSpecifier);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
    else if (ts.isCallExpression(node) && loads(node.expression)) add(node.arguments[0]);
    ts.forEachChild(node, visit);
  };
  const add = (specifier: ts.Node | undefined): void => {
    if (specifier !== undefined && ts.isStringLiteral(specifier)) found.push(specifier.text);
  };
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.Latest));
  return [...new Set(found)];
}

function loads(callee: ts.Expression): boolean {
  if (callee.kind === ts.SyntaxKind.ImportKeyword) return true;
  if (ts.isIdentifier(callee)) return callee.text === 'require';
  return ts.isCallExpression(callee) && ts.isIdentifier(callee.expression) && callee.expression.text === 'createRequire';
}

/** TypeScript files below a folder, with forward slashes. */
export function sourceFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => name.split('\\').join('/'))
    .filter((name) => name.endsWith('.ts'))
    .sort();
}

export function readGraph(root: string): ImportGraph {
  return new Map(sourceFiles(root).map((file) => [file, importsOf(file, readFileSync(join(root, file), 'utf8'))]));
}

/** What breaks the rules, one sentence each. */
export function violations(graph: ImportGraph): string[] {
  return [...directions(graph), ...packageOwners(graph), ...circles(graph), ...hubs(graph)];
}

function directions(graph: ImportGraph): string[] {
  const found: string[] = [];
  for (const [file, specifiers] of graph) {
    const from = folder(file);
    const known = [...(ENTRIES.get(from) ?? []), 'core'];
    for (const target of ours(file, specifiers)) {
      const to = folder(target);
      if (ENTRIES.has(to) && from !== to) found.push(`${file} imports ${target}, which nobody imports`);
      else if (COMPOSERS.has(file)) continue;
      else if (COMPOSERS.has(target)) found.push(`${file} imports ${target}, which is above it`);
      else if (from !== to && !known.includes(to)) found.push(`${file} imports ${target} (expected: own folder${known.slice(0, -1).map((each) => `, ${each}`).join('')} or core)`);
    }
  }
  return found;
}

function packageOwners(graph: ImportGraph): string[] {
  const owners = new Map<string, Set<string>>();
  for (const [file, specifiers] of graph) {
    for (const specifier of specifiers) {
      if (specifier.startsWith('.') || isBuiltin(specifier)) continue;
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
      owners.set(name, (owners.get(name) ?? new Set()).add(folder(file)));
    }
  }
  return [...owners]
    .filter(([, folders]) => folders.size > 1)
    .map(([name, folders]) => `${name} is imported by ${[...folders].sort().join(' and ')} (expected: one folder)`);
}

/** Depth first; a file met again while it is still being visited closes a circle. */
function circles(graph: ImportGraph): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at !== -1) return void found.push(`import circle: ${[...path.slice(at), file].join(' → ')}`);
    if (done.has(file)) return;
    path.push(file);
    for (const target of ours(file, graph.get(file) ?? [])) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}

function hubs(graph: ImportGraph): string[] {
  return [...graph.keys()]
    .filter((file) => HUBS.has(posix.basename(file, '.ts')) || file.split('/').slice(0, -1).some((part) => HUBS.has(part)))
    .map((file) => `${file} is named for nothing (expected: the idea that it holds)`);
}

function ours(file: string, specifiers: readonly string[]): string[] {
  return specifiers.filter((specifier) => specifier.startsWith('.')).map((specifier) => posix.join(posix.dirname(file), specifier));
}

/** First folder below src; '' for the files beside it. */
function folder(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
}
