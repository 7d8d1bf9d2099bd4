import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { validate, validateArguments } from '../../../src/cli/commands/validate.ts';
import { ran } from '../../support/terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'inmesh-validate-'));
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => vi.stubEnv('GITHUB_ACTIONS', ''));
afterEach(() => vi.unstubAllEnvs());

function file(name: string, text: string): string {
  const path = join(root, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const short = (text: string): string => text.replaceAll(`${root}/`, '');
const good = file('good.yaml', 'version: 1\n');
const bad = file('bad.yaml', 'version: 1\nservices:\n  orders:\n    retry: { maxRetries: two }\n    dedline: 2s\n');
const odd = file('odd.yaml', 'version: 1\nservices:\n  a: { discovery: { srv: a.default.svc } }\n');

describe('inmesh validate', () => {
  it('says of a good file that it is valid, and nothing where nothing is wanted', async () => {
    expect(await ran(validate, [good])).toEqual({ code: 0, out: `${good}: valid\n`, complaints: '' });
    expect(await ran(validate, [good, '--quiet'])).toEqual({ code: 0, out: '', complaints: '' });
  });

  it('warns of a schedule that is over, by today', async () => {
    const schedule = (start: string) => `version: 1\nservices:\n  a:\n    versions: { v1: { discovery: { endpoints: ["10.0.0.1:80"] } } }\n    routes: [{ name: r, to: { v1: 1 }, schedule: { start: "${start}", steps: [{ to: { v1: 1 } }] } }]\n`;
    const [over, ahead] = [file('over.yaml', schedule('2020-01-01T00:00:00Z')), file('ahead.yaml', schedule(`${new Date().getFullYear() + 2}-01-01T00:00:00Z`))];
    const { code, out } = await ran(validate, [over, ahead]);
    expect(code).toBe(0);
    expect(short(out)).toMatch(/^over\.yaml:5:59: warning: services\.a\.routes\[0\]\.schedule\.start: "2020-01-01T00:00:00Z" \(expected: a time to come.*\nover\.yaml: valid\nahead\.yaml: valid\n$/);
  });

  it('says all that is wrong, as compilers do, with file, line and column', async () => {
    const { code, out } = await ran(validate, [bad, good]);
    expect(code).toBe(1);
    expect(short(out).split('\n')).toEqual([
      'bad.yaml:4:26: error: services.orders.retry.maxRetries: "two" (expected: integer 0–10)',
      expect.stringContaining('bad.yaml:5:5: error: services.orders.dedline: unknown key (did you mean deadline? expected: one of hosts'),
      'good.yaml: valid',
      '',
    ]);
  });

  it('warns of what is suspicious, and with --strict refuses it', async () => {
    const warned = await ran(validate, [odd]);
    expect(warned.code).toBe(0);
    expect(short(warned.out)).toBe('odd.yaml:3:26: warning: services.a.discovery.srv: "a.default.svc" (expected: an SRV name, which begins with _port._tcp)\nodd.yaml: valid\n');
    const refused = await ran(validate, [odd, '--strict']);
    expect(refused.code).toBe(1);
    expect(short(refused.out)).toContain('odd.yaml:3:26: error: ');
  });

  it('takes a folder as one policy, and several files as one where it is told to', async () => {
    file('folder/10.yaml', 'version: 1\nservices: { a: { deadline: 2s, attemptTimeout: 1s } }');
    file('folder/20.yaml', 'version: 1\nservices: { a: { attemptTimeout: 3s } }');
    for (const args of [[join(root, 'folder')], [join(root, 'folder/10.yaml'), join(root, 'folder/20.yaml'), '--together']]) {
      const { code, out } = await ran(validate, args);
      expect(code).toBe(1);
      expect(short(out)).toBe('folder/20.yaml:2:34: error: services.a.attemptTimeout: "3s" (expected: less than deadline, 2s)\n');
    }
  });

  it('judges the policies in a ConfigMap, with the lines of the manifest', async () => {
    const manifest = file('configmap.yaml', `apiVersion: v1
kind: ConfigMap
metadata: { name: inmesh-policy }
data:
  README.md: nothing
  policy.yaml: |
    version: 1
    services:
      a: { deadline: 3 }
---
apiVersion: apps/v1
kind: Deployment
`);
    const { code, out } = await ran(validate, [manifest]);
    expect(code).toBe(1);
    expect(short(out)).toBe('configmap.yaml:9:22: error: services.a.deadline: 3 (expected: duration 1ms–576h, with its unit ms, s, m or h)\n');
    // Line 9, column 22 is where it stands.
    const deployment = file('deployment.yaml', 'apiVersion: apps/v1\nkind: Deployment\n');
    expect(await ran(validate, [deployment])).toMatchObject({ code: 0, out: `${deployment}: no policy in it\n` });
    expect((await ran(validate, [file('broken.yaml', 'apiVersion: v1\nkind: ConfigMap\ndata: [')])).code).toBe(1);
  });

  it('says what cannot be read, and goes on with the others', async () => {
    const { code, out } = await ran(validate, [join(root, 'missing.yaml'), good]);
    expect(code).toBe(1);
    expect(short(out)).toBe('missing.yaml: error: no such file (expected: a readable file at the path that was given)\ngood.yaml: valid\n');
  });

  it('fills in variables that it is given, and misses those that it is not', async () => {
    const path = file('env.yaml', 'version: 1\ndefaults: { deadline: "${BUDGET_OF_A_CALL}", attemptTimeout: 1s }\n');
    expect((await ran(validate, [path, '--env', 'BUDGET_OF_A_CALL=2s'])).code).toBe(0);
    expect((await ran(validate, [path])).out).toContain('${BUDGET_OF_A_CALL} is not set');
  });

  it('speaks JSON', async () => {
    const { code, out } = await ran(validate, [bad, odd, '--json']);
    expect(code).toBe(1);
    const report = JSON.parse(out) as { valid: boolean; judged: { findings: object[] }[] };
    expect(report.valid).toBe(false);
    expect(report.judged[0]!.findings[0]).toEqual({
      severity: 'error', file: bad, line: 4, column: 26, path: ['services', 'orders', 'retry', 'maxRetries'], found: '"two"', expected: 'integer 0–10',
    });
    expect(report.judged[1]!.findings).toMatchObject([{ severity: 'warning' }]);
  });

  it('annotates in GitHub Actions', async () => {
    vi.stubEnv('GITHUB_ACTIONS', 'true');
    const { out } = await ran(validate, [relative(process.cwd(), bad)]);
    expect(out.split('\n')[0]).toMatch(/^::error file=.*bad\.yaml,line=4,col=26,title=inmesh::.*bad\.yaml:4:26: error: services\.orders/);
    const percent = file('a,b.yaml', 'version: 1\ndefaults: { circuit: { failureRate: 101% } }');
    expect(short((await ran(validate, [percent])).out)).toMatch(/a%2Cb\.yaml,line=2,col=37,title=inmesh::a,b\.yaml:2:37: error: .*"101%25"/);
  });

  it('lets no control character through', async () => {
    const path = file('hostile.yaml', 'version: 1\n"\\e[2Jx": 1\n');
    for (const args of [[path], [path, '--json'], [path, '--format', 'github']]) expect((await ran(validate, args)).out).not.toMatch(/[\x1b]/);
  });

  it.each([
    [[], 'FILE is missing'],
    [['x', '--format', 'jsn'], '--format: jsn (expected: text, json, github) (did you mean json?)'],
    [['x', '--env', 'NAME'], '--env: NAME (expected: NAME=VALUE)'],
    [['x', '--strcit'], 'unknown option --strcit (did you mean --strict?)'],
  ])('%j is wrong usage', (args, message) => {
    expect(() => validateArguments(args, {})).toThrow(message);
  });
});
