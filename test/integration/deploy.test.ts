/** deploy/, rendered by kubectl, and every YAML that ships: what is in it has to be what the code expects. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import { needs, program } from '../support/needs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}/${path}`, 'utf8');
const run = promisify(execFile);

interface Container { name: string; env: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[]; volumeMounts: { name: string; mountPath: string; subPath?: string }[] }
interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
  data: Record<string, string>;
  rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
  spec: { clusterIP: string; ports: { name: string; port: number }[]; template: { spec: { serviceAccountName: string; containers: Container[]; volumes: { name: string; configMap?: { name: string }; secret?: { secretName: string } }[] } } };
}

needs('kubernetes').describe('kubectl kustomize deploy/', () => {
  let manifests: Manifest[];
  const of = (kind: string): Manifest[] => manifests.filter((manifest) => manifest.kind === kind);

  beforeAll(async () => {
    const { stdout } = await run(program('kubectl'), ['kustomize', `${root}/deploy`]);
    manifests = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
  });

  it('has the policy under a name that does not change with it', () => {
    const [configMap, ...others] = of('ConfigMap');
    expect(others).toEqual([]);
    expect(configMap).toMatchObject({ metadata: { name: 'inmesh-policy' }, data: { 'policy.yaml': read('deploy/policy.yaml') } });
    const parsed = parsePolicy(configMap!.data['policy.yaml']!, 'policy.yaml', {});
    expect(parsed).toMatchObject({ warnings: [] });
  });

  it('mounts it as a folder where the client looks for it', () => {
    const deployments = of('Deployment');
    expect(deployments).not.toEqual([]);
    const [, usual] = /const usualPath = '(.*)'/.exec(read('src/config/load-policy.ts'))!;
    for (const { spec } of deployments) {
      const volume = spec.template.spec.volumes.find(({ configMap }) => configMap?.name === 'inmesh-policy')!;
      for (const { volumeMounts } of spec.template.spec.containers) {
        expect(volumeMounts.filter(({ name }) => name === volume.name)).toEqual([{ name: volume.name, mountPath: dirname(usual!), readOnly: true }]);
      }
    }
  });

  it('gives the process the variables that it reads, from where docs/kubernetes.md says', () => {
    const sources = readdirSync(`${root}/src`, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => read(`src/${name}`)).join('\n');
    const inPolicy = read('deploy/policy.yaml');
    const table = read('docs/kubernetes.md');
    for (const { env } of of('Deployment').flatMap(({ spec }) => spec.template.spec.containers)) {
      for (const { name, valueFrom } of env) {
        expect(new RegExp(`env(ironment)?(\\['${name}'\\]|\\.${name}\\b)`).test(sources) || inPolicy.includes(`\${${name}`), `${name} is read`).toBe(true);
        if (!inPolicy.includes(`\${${name}`)) expect(table).toContain(valueFrom === undefined ? `| \`${name}\` |` : `| \`${name}\` | \`${valueFrom.fieldRef.fieldPath}\` |`);
      }
    }
  });

  it('has a headless Service with a named port for each name that the policy looks up', () => {
    const services = of('Service');
    const { policy } = parsePolicy(read('deploy/policy.yaml'), 'policy.yaml', {}) as Extract<ReturnType<typeof parsePolicy>, { policy: unknown }>;
    const sources = [...policy.services.values()].flatMap(({ source }) => (source === undefined ? [] : 'sources' in source ? source.sources : [source]));
    expect(sources).not.toEqual([]);
    for (const source of sources) {
      const srv = source.kind === 'srv' ? /^_([^.]+)\._tcp\.([^.]+)/.exec(source.name) : null;
      const [port, service] = source.kind === 'kubernetes' ? [source.port, source.service] : [srv?.[1], srv?.[2]];
      const found = services.find(({ metadata }) => metadata.name === service);
      expect(found?.spec.clusterIP).toBe('None');
      expect(found?.spec.ports.map(({ name }) => name)).toContain(port);
    }
  });

  it('grants what watching EndpointSlices takes, to who watches, and nothing more', () => {
    expect(of('Role').flatMap(({ rules }) => rules)).toEqual([{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] }]);
    const accounts = new Set(of('ServiceAccount').map(({ metadata }) => metadata.name));
    for (const { spec } of of('Deployment')) expect(accounts).toContain(spec.template.spec.serviceAccountName);
  });
});

needs('kubernetes').describe('kubectl kustomize with the component deploy/mutual-tls', () => {
  let plain: Manifest[];
  let mutual: Manifest[];
  const render = async (folder: string): Promise<Manifest[]> => parseAllDocuments((await run(program('kubectl'), ['kustomize', folder])).stdout).map((document) => document.toJS() as Manifest);
  const only = (manifests: Manifest[], kind: string): Manifest => manifests.find((manifest) => manifest.kind === kind)!;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inmesh-deploy-'));
    cpSync(`${root}/deploy`, join(folder, 'deploy'), { recursive: true });
    mkdirSync(join(folder, 'shop'));
    // As the component's own comment has it.
    const lines = read('deploy/mutual-tls/kustomization.yaml').split('\n').filter((line) => /^# {3}(?:resources|components):/.test(line));
    expect(lines).toHaveLength(2);
    writeFileSync(join(folder, 'shop', 'kustomization.yaml'), lines.map((line) => line.slice(4)).join('\n'));
    [plain, mutual] = [await render(join(folder, 'deploy')), await render(join(folder, 'shop'))];
    rmSync(folder, { recursive: true });
  });

  it('has the same services, under a policy in which both sides prove who they are', () => {
    expect(mutual.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual(plain.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
    const text = only(mutual, 'ConfigMap').data['policy.yaml']!;
    const parsed = parsePolicy(text, 'policy.yaml', {});
    expect(parsed).toMatchObject({ warnings: [] });
    const { policy } = parsed as Extract<typeof parsed, { policy: unknown }>;
    for (const [name, service] of policy.services) {
      expect(service.policy.tls).toMatchObject({ mode: 'mutual', spiffeIds: [`spiffe://cluster.local/ns/default/sa/${name}`] });
    }
    // Nothing else differs from the plain one.
    const { tls: _, ...defaults } = (parse(text) as { defaults: Record<string, unknown> }).defaults;
    const services = Object.fromEntries(Object.entries((parse(text) as { services: Record<string, object> }).services).map(([name, { tls: __, ...rest }]: [string, { tls?: unknown }]) => [name, rest]));
    expect({ version: 1, defaults, services }).toEqual(parse(only(plain, 'ConfigMap').data['policy.yaml']!));
  });

  it('mounts the secret as a folder, read-only, where the policy has its files, beside what was there', () => {
    const { tls } = (parse(only(mutual, 'ConfigMap').data['policy.yaml']!) as { defaults: { tls: Record<'ca' | 'cert' | 'key', string> } }).defaults;
    const [before, after] = [plain, mutual].map((manifests) => only(manifests, 'Deployment').spec.template.spec);
    const [mount, ...mounts] = after!.containers[0]!.volumeMounts;
    expect(mount).toEqual({ name: 'mesh-tls', mountPath: dirname(tls.ca), readOnly: true });
    expect([tls.ca, tls.cert, tls.key]).toEqual(['ca.crt', 'tls.crt', 'tls.key'].map((name) => `${mount!.mountPath}/${name}`));
    expect(mounts).toEqual(before!.containers[0]!.volumeMounts);
    expect(after!.volumes).toEqual([{ name: 'mesh-tls', secret: { secretName: 'productpage-mesh-tls' } }, ...before!.volumes]);
  });
});

// Rules for Prometheus are its own promtool's to check (prometheus.test.ts).
it('inmesh validate finds nothing wrong with any policy and any manifest that ships', async () => {
  await run(process.execPath, [`${root}/scripts/build-if-stale.mjs`]);
  const files = ['examples', 'deploy'].flatMap((folder) => readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' }).filter((name) => /^(?!prometheus).*\.ya?ml$/.test(name)).map((name) => `${folder}/${name}`));
  expect(files.length).toBeGreaterThan(5);
  const { stdout } = await run(process.execPath, [`${root}/dist/cli/main.js`, 'validate', '--strict', ...files], { cwd: root });
  expect(stdout.trim().split('\n')).toHaveLength(files.length);
  for (const name of ['deploy/policy.yaml', 'deploy/mutual-tls/policy.yaml']) expect(stdout).toContain(`${name}: valid`);
}, 120_000);

it('the pipeline in docs/kubernetes.md runs a command that exists', () => {
  const [, workflow] = /^```yaml\n(# \.github[^]*?)^```$/m.exec(read('docs/kubernetes.md'))!;
  const { jobs } = parse(workflow!) as { jobs: { validate: { steps: { run?: string }[] } } };
  expect(jobs.validate.steps.map(({ run: command }) => command).filter(Boolean)).toEqual(['npx --yes inmesh validate deploy/policy.yaml --strict']);
});
