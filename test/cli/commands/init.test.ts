import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { init } from '../../../src/cli/commands/init.ts';
import { schema } from '../../../src/cli/commands/schema.ts';
import { policyJsonSchema } from '../../../src/config/json-schema.ts';
import { defaultServicePolicy } from '../../../src/core/policy.ts';
import { accepted, suspicionsOf } from '../../config/refusal.ts';
import { ran } from '../../support/terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'inmesh-init-'));
afterAll(() => rmSync(root, { recursive: true }));

it('writes a policy in which nothing is but the defaults', async () => {
  const path = join(root, 'policy.yaml');
  expect(await ran(init, [path, '-s', 'orders', '-s', 'stock', '-n', 'shop'])).toMatchObject({ code: 0, complaints: '' });
  const text = readFileSync(path, 'utf8');
  const { defaults, services } = accepted(text);
  expect(defaults).toEqual(defaultServicePolicy);
  expect([...services.values()].map(({ source }) => source)).toEqual(['orders', 'stock'].map((name) => ({ kind: 'srv', name: `_http._tcp.${name}.shop.svc.cluster.local` })));
  expect(suspicionsOf(text)).toEqual([]);
});

it('stays a policy whatever of it is no longer commented out', async () => {
  const { out } = await ran(init, ['-']);
  const keys = /^(\s*)# (?=[a-zA-Z]+:(\s|$)|  [a-zA-Z]+:)/gm;
  const all = out.replace(keys, (match, indent: string) => (match.includes('yaml-language') ? match : indent));
  expect(all.match(/^\s*(unknownHosts|retry|outlier|circuit|hosts):/gm)).toHaveLength(5);
  expect(accepted(all).defaults).toEqual(defaultServicePolicy);
});

it('replaces nothing that it was not told to replace', async () => {
  const path = join(root, 'there.yaml');
  await ran(init, [path, '-s', 'first']);
  expect(await ran(init, [path, '-s', 'second'])).toMatchObject({ code: 1, complaints: `${path}: exists (--force replaces it)\n` });
  expect(readFileSync(path, 'utf8')).toContain('first');
  expect((await ran(init, [path, '-s', 'second', '--force'])).code).toBe(0);
  expect(readFileSync(path, 'utf8')).toContain('second');
});

it('refuses names that no policy could have', async () => {
  await expect(ran(init, ['-', '-s', 'Ä'])).rejects.toThrow('--service: Ä (expected:');
  await expect(ran(init, ['-', '-n', 'a.b'])).rejects.toThrow('--namespace: a.b (expected:');
  await expect(ran(init, ['a', 'b'])).rejects.toThrow('one FILE at a time');
});

it('prints the schema that is in the package', async () => {
  const { code, out } = await ran(schema, []);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(policyJsonSchema())));
  await expect(ran(schema, ['x'])).rejects.toThrow('takes no arguments');
});
