import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importsOf, readGraph, sourceFiles, violations, type ImportGraph } from './support/import-graph.ts';

const src = fileURLToPath(new URL('../src', import.meta.url));
const LONGEST_FILE = 400;

describe('the architecture of src', () => {
  const graph = readGraph(src);

  it('is the one that is written down', () => {
    expect(graph.size).toBeGreaterThan(10);
    expect(violations(graph)).toEqual([]);
  });

  it('imports only files that exist, by their full name', () => {
    const dangling = [...graph].flatMap(([file, specifiers]) =>
      specifiers.filter((specifier) => specifier.startsWith('.') && !graph.has(new URL(specifier, `file:///${file}`).pathname.slice(1))).map((specifier) => `${file}: ${specifier}`),
    );
    expect(dangling).toEqual([]);
  });

  it(`has no file longer than ${LONGEST_FILE} lines`, () => {
    const long = sourceFiles(src)
      .map((file) => `${file}: ${readFileSync(`${src}/${file}`, 'utf8').split('\n').length - 1}`)
      .filter((line) => Number(line.split(': ')[1]) > LONGEST_FILE);
    expect(long).toEqual([]);
  });
});

describe('the checker', () => {
  const graph = (files: Record<string, string[]>): ImportGraph => new Map(Object.entries(files));

  it('accepts siblings over core under one client', () => {
    const good = graph({
      'core/call.ts': ['./clock.ts', 'node:events'],
      'core/clock.ts': [],
      'balancer/picker.ts': ['../core/call.ts', './node.ts'],
      'balancer/node.ts': ['../core/clock.ts'],
      'transport/pool.ts': ['../core/call.ts', 'undici', 'undici/types'],
      'client.ts': ['./balancer/picker.ts', './transport/pool.ts', './core/call.ts'],
      'index.ts': ['./client.ts', './core/call.ts'],
    });
    expect(violations(good)).toEqual([]);
  });

  it('catches core importing one of ours', () => {
    expect(violations(graph({ 'core/call.ts': ['../balancer/node.ts'] }))).toEqual(['core/call.ts imports balancer/node.ts (expected: own folder or core)']);
  });

  it('catches a sibling importing a sibling', () => {
    expect(violations(graph({ 'balancer/a.ts': ['../policies/b.ts'] }))).toEqual(['balancer/a.ts imports policies/b.ts (expected: own folder or core)']);
  });

  it('catches a folder that reaches up to the client', () => {
    expect(violations(graph({ 'transport/a.ts': ['../client.ts'] }))).toEqual(['transport/a.ts imports client.ts, which is above it']);
  });

  it('lets the command line tool know discovery, config and core, from any depth, and nothing else', () => {
    const good = graph({ 'cli/main.ts': ['./commands/resolve.ts'], 'cli/commands/resolve.ts': ['../../discovery/srv.ts', '../../config/suggest.ts', '../../core/clock.ts', '../main.ts'] });
    expect(violations(good).filter((violation) => !violation.startsWith('import circle'))).toEqual([]);
    expect(violations(graph({ 'cli/main.ts': ['../transport/pool.ts'] }))).toEqual(['cli/main.ts imports transport/pool.ts (expected: own folder, config, discovery, routing or core)']);
    expect(violations(graph({ 'cli/commands/top.ts': ['../../client.ts'] }))).toEqual(['cli/commands/top.ts imports client.ts, which is above it']);
  });

  it('catches anybody who imports the command line tool, the client too', () => {
    for (const file of ['client.ts', 'index.ts', 'core/a.ts', 'discovery/a.ts', 'clever.ts']) {
      const from = file.includes('/') ? '..' : '.';
      expect(violations(graph({ [file]: [`${from}/cli/page.ts`] }))).toEqual([`${file} imports cli/page.ts, which nobody imports`]);
    }
  });

  it('catches a file beside the client that knows a folder', () => {
    expect(violations(graph({ 'clever.ts': ['./balancer/a.ts'] }))).toHaveLength(1);
  });

  it('catches a package with two owners, whatever path of it they import', () => {
    expect(violations(graph({ 'config/a.ts': ['@scope/it/sub'], 'policies/b.ts': ['@scope/it'] }))).toEqual(['@scope/it is imported by config and policies (expected: one folder)']);
    expect(violations(graph({ 'config/a.ts': ['node:fs'], 'policies/b.ts': ['fs'] }))).toEqual([]);
  });

  it('catches a circle, of two files or of three', () => {
    expect(violations(graph({ 'core/a.ts': ['./b.ts'], 'core/b.ts': ['./a.ts'] }))).toEqual(['import circle: core/a.ts → core/b.ts → core/a.ts']);
    expect(violations(graph({ 'core/a.ts': ['./b.ts'], 'core/b.ts': ['./c.ts'], 'core/c.ts': ['./a.ts'] }))).toHaveLength(1);
  });

  it('catches names that say nothing', () => {
    expect(violations(graph({ 'core/types.ts': [] }))).toHaveLength(1);
    expect(violations(graph({ 'utils/time.ts': [] }))).toHaveLength(1);
  });

  it('sees every way of naming a module', () => {
    const source = `
      import a from './a.ts';
      import type { B } from './b.ts';
      import { type C } from './c.ts';
      import './d.ts';
      export * from './e.ts';
      export type { F } from './f.ts';
      const g = await import('./g.ts');
      let h: import('./h.ts').H;
      const i = createRequire(import.meta.url)('i') as typeof import('i');
      const j = require('j');
      // import './commented.ts'
      const text = "import './text.ts'";
    `;
    expect(importsOf('x.ts', source)).toEqual(['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts', './g.ts', './h.ts', 'i', 'j']);
  });
});
