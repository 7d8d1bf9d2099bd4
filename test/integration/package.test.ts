/**
 * The package as somebody else gets it: packed, installed in an empty folder, imported, required and type-checked.
 */
import { execFileSync, type ExecFileSyncOptions } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsc = join(root, 'node_modules/typescript/bin/tsc');

describe('the packed package', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'inmesh-package-'));
    // prepack builds what is out of date.
    npm(root, 'pack', '--silent', '--pack-destination', folder);
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    npm(folder, 'install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`);
  }, 300_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('gives createMeshClient to import', () => {
    expect(node("import { createMeshClient } from 'inmesh'; console.log(typeof createMeshClient);", 'module')).toBe('function');
  });

  it('gives createMeshClient to require', () => {
    expect(node("const { createMeshClient } = require('inmesh'); console.log(typeof createMeshClient);", 'commonjs')).toBe('function');
  });

  it('loads none of the packages that it can do without, until it needs them', () => {
    // What is imported is told by a hook, what is required is in the cache.
    const told = `import { writeSync } from 'node:fs'; export const resolve = async (name, context, next) => { const found = await next(name, context); writeSync(1, found.url + '\\n'); return found; };`;
    const loading = (work: string): string[] => {
      const printed = node(`
        import { createRequire, register } from 'node:module';
        register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(told)}));
        const { createMeshClient } = await import('inmesh');
        ${work}
        console.log(Object.keys(createRequire(import.meta.url).cache).join('\\n'));`, 'module');
      return [...new Set([...printed.matchAll(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/g)].map(([, name]) => name!))].sort();
    };
    const client = (policy: string): string => `await createMeshClient({ policy: ${policy}, logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} } }).close();`;
    expect(loading('')).toEqual(['inmesh', 'undici']);
    expect(loading(client('undefined'))).toEqual(['inmesh', 'undici']);
    expect(loading(client('{ version: 1 }'))).toEqual(['inmesh', 'undici', 'zod']);
    writeFileSync(join(folder, 'policy.yaml'), 'version: 1\n');
    expect(loading(client("'policy.yaml'"))).toEqual(['inmesh', 'undici', 'yaml', 'zod']);
  }, 60_000);

  it('gives createMeshServer to import and to require, without any of the frameworks', () => {
    expect(node("import { createMeshServer } from 'inmesh/server'; console.log(typeof createMeshServer);", 'module')).toBe('function');
    expect(node("const { createMeshServer } = require('inmesh/server'); console.log(typeof createMeshServer);", 'commonjs')).toBe('function');
  });

  it('has the server half of one copy and the client of the other share a request’s context', () => {
    const program = `
      import { createRequire } from 'node:module';
      import { createServer } from 'node:http';
      import { createMeshClient } from 'inmesh';
      const { createMeshServer } = createRequire(import.meta.url)('inmesh/server');
      const policy = { version: 1 };
      const [mesh, meshServer] = [createMeshClient({ policy }), createMeshServer({ policy })];
      const server = createServer(meshServer.node((request, response) => response.end(JSON.stringify(mesh.context())))).listen(0, '127.0.0.1', async () => {
        const response = await fetch('http://127.0.0.1:' + server.address().port, { headers: { 'grpc-timeout': '700m', 'x-inmesh-criticality': 'sheddable' } });
        const { deadline, criticality } = await response.json();
        console.log(deadline > 0 && deadline <= 700, criticality);
        await mesh.close();
        meshServer.close();
        server.close();
        server.closeAllConnections();
      });`;
    expect(node(program, 'module')).toBe('true sheddable');
  });

  it('has both copies know each other’s errors', () => {
    const program = `
      import { createRequire } from 'node:module';
      import { MeshError } from 'inmesh';
      const other = createRequire(import.meta.url)('inmesh').MeshError;
      console.log(MeshError === other, new MeshError('CANCELLED', 'gone') instanceof other);`;
    expect(node(program, 'module')).toBe('false true');
  });

  it('has both copies share the context of a request: what one of them knows, calls through the other inherit', () => {
    const program = `
      import { createRequire } from 'node:module';
      import { createServer } from 'node:http';
      import { createMeshClient } from 'inmesh';
      const require = createRequire(import.meta.url);
      const other = require('inmesh');
      const server = createServer((request, response) => {
        const { 'x-envoy-expected-rq-timeout-ms': left, 'x-inmesh-criticality': criticality, 'x-envoy-attempt-count': attempt } = request.headers;
        response.end(JSON.stringify({ left: Number(left), criticality, attempt }));
      }).listen(0, '127.0.0.1', async () => {
        const policy = { version: 1, services: { reviews: { discovery: { endpoints: ['127.0.0.1:' + server.address().port] } } } };
        const [one, two] = [createMeshClient({ policy }), other.createMeshClient({ policy })];
        const ask = (mesh) => mesh.fetch('http://reviews/').then((response) => response.json());
        const context = other.contextFromHeaders({ 'grpc-timeout': '700m', 'x-inmesh-criticality': 'sheddable', 'x-envoy-attempt-count': '2' });
        const seen = [await one.run(context, () => ask(two)), await two.run(context, () => ask(one))];
        console.log(JSON.stringify(seen.map(({ left, ...said }) => [left > 0 && left <= 700, said.criticality, said.attempt])));
        await Promise.all([one.close(), two.close()]);
        server.close();
      });`;
    expect(JSON.parse(node(program, 'module'))).toEqual([[true, 'sheddable', '2'], [true, 'sheddable', '2']]);
  });

  it('resolves its types for import and for require', () => {
    const use = (from: string): string => `${from}\nconst mesh = createMeshClient({ policy: { version: 1 } });\nexport const closed: Promise<void> = mesh.close();\n`;
    writeFileSync(join(folder, 'esm.mts'), use("import { createMeshClient } from 'inmesh';"));
    writeFileSync(join(folder, 'server.mts'), "import { createMeshServer, type MeshServer } from 'inmesh/server';\nexport const server: MeshServer = createMeshServer();\n");
    writeFileSync(join(folder, 'server.cts'), "import server_ = require('inmesh/server');\nexport const made: server_.MeshServer = server_.createMeshServer();\n");
    writeFileSync(join(folder, 'otel.mts'), "import { startTelemetry, type Telemetry } from 'inmesh/otel';\nexport const telemetry: Telemetry = startTelemetry({ service: 'shop' });\n");
    writeFileSync(join(folder, 'otel.cts'), "import otel_ = require('inmesh/otel');\nexport const telemetry: otel_.Telemetry = otel_.startTelemetry();\n");
    writeFileSync(join(folder, 'cjs.cts'), use("import mesh_ = require('inmesh');\nconst { createMeshClient } = mesh_;"));
    // Node's types as an application has them; its own, not ours.
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
    run(process.execPath, [tsc, '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2023', '--skipLibCheck', ...types, 'esm.mts', 'cjs.cts', 'server.mts', 'server.cts', 'otel.mts', 'otel.cts']);
  }, 60_000);

  it('prints events with NODE_DEBUG=inmesh, and nothing without', () => {
    const program = "const { createMeshClient } = require('inmesh'); process.stderr.write = (text) => process.stdout.write(text); createMeshClient({ policy: { version: 1 } }); setImmediate(() => {});";
    const printed = (debug: string): string => run(process.execPath, ['-e', program], { env: { ...process.env, NODE_DEBUG: debug } });
    expect(printed('inmesh')).toMatch(/^INMESH \d+: policy\.loaded \{/);
    expect(printed('')).toBe('');
  });

  it('brings the command line tool, which can be run', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(run('npx', ['--offline', '--no', '--', 'inmesh', '--version']).trim()).toBe(version);
    expect(run('npx', ['--offline', '--no', '--', 'inmesh', 'resolve', '--help'])).toContain('inmesh resolve NAME');
  }, 60_000);

  it('ships the policy schema, the docs and no sources', () => {
    const program = "import schema from 'inmesh/policy.schema.json' with { type: 'json' }; console.log(schema.type);";
    expect(node(program, 'module')).toBe('object');
    const installed = join(folder, 'node_modules/inmesh');
    expect(readdirSync(installed).sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'package.json']);
  });

  it('holds what is built, and none of what it is built or tested with', () => {
    const installed = join(folder, 'node_modules/inmesh');
    const files = (readdirSync(installed, { recursive: true, encoding: 'utf8' })).filter((name) => /\.[a-z]+$/.test(name));
    const odd = files.filter((name) => !/^(?:dist\/[\w./-]+\.(?:js|cjs|d\.ts|d\.cts|map|json|html|css)|docs\/[\w./-]+\.(?:md|svg|png|json)|(?:README|CHANGELOG)\.md|package\.json)$/.test(name));
    expect(odd).toEqual([]);
    expect(files.length).toBeGreaterThan(20);
  });

  it('runs nothing when it is installed, nor does anything that it brings', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    expect(Object.keys(scripts).filter((name) => /^(?:pre|post)?(?:install|prepare|uninstall)$/.test(name))).toEqual([]);
    const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as { packages: Record<string, { hasInstallScript?: boolean }> };
    expect(Object.keys(packages)).toContain('node_modules/undici');
    expect(Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([name]) => name)).toEqual([]);
  });

  it('needs nothing of OpenTelemetry but its API', () => {
    const manifest = JSON.parse(readFileSync(join(folder, 'node_modules/inmesh/package.json'), 'utf8')) as { dependencies: object };
    expect(Object.keys(manifest.dependencies).filter((name) => name.startsWith('@opentelemetry/'))).toEqual(['@opentelemetry/api']);
    expect(readdirSync(join(folder, 'node_modules/@opentelemetry'))).toEqual(['api']);
  });

  it('says what inmesh/otel lacks, where that is missing, to import and to require', () => {
    const tell = 'try { startTelemetry(); } catch (error) { console.log(error.message); }';
    const missing = 'inmesh/otel needs @opentelemetry/sdk-node, which is not installed (expected: npm install @opentelemetry/sdk-node)';
    expect(node(`import { startTelemetry } from 'inmesh/otel'; ${tell}`, 'module')).toBe(missing);
    expect(node(`const { startTelemetry } = require('inmesh/otel'); ${tell}`, 'commonjs')).toBe(missing);
  });

  function node(program: string, type: 'module' | 'commonjs'): string {
    return run(process.execPath, ['--no-warnings', `--input-type=${type}`, '-e', program]).trim();
  }

  function npm(cwd: string, ...args: string[]): void {
    run('npm', args, { cwd });
  }

  function run(command: string, args: string[], options: ExecFileSyncOptions = {}): string {
    try {
      return execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options }) as string;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
    }
  }
});
