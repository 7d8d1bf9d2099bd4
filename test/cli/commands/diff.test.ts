import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { diff } from '../../../src/cli/commands/diff.ts';
import { ran } from '../../support/terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'inmesh-diff-'));
afterAll(() => rmSync(root, { recursive: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(root, name), text);
  return join(root, name);
};
const old = file('old.yaml', 'version: 1\nservices:\n  a: { attemptTimeout: 1s }\n  gone: {}\n');
const young = file('new.yaml', 'version: 1\nservices:\n  a: { attemptTimeout: 2s, retry: { maxRetries: 1 } }\n  come: {}\n');

it('shows what changes and what that does', async () => {
  expect((await ran(diff, [old, young])).out).toBe(`~ a
    attemptTimeout    1s  →  2s
    retry.maxRetries  2   →  1
    attempts of one call, at most  3        →  2
    longest wait of a caller       3.075 s  →  4.025 s
+ come
- gone
`);
});

it('says so where nothing does, and tells pipelines by its exit code where they ask', async () => {
  expect(await ran(diff, [old, old])).toEqual({ code: 0, out: 'no difference\n', complaints: '' });
  expect((await ran(diff, [old, old, '--exit-code'])).code).toBe(0);
  expect((await ran(diff, [old, young])).code).toBe(0);
  expect((await ran(diff, [old, young, '--exit-code'])).code).toBe(1);
});

it('speaks JSON', async () => {
  const { out } = await ran(diff, [old, young, '--json']);
  expect(JSON.parse(out)).toMatchObject({ services: [{ service: 'a', kind: 'changed', knobs: [{ knob: 'attemptTimeout', before: '1s', after: '2s' }, {}] }, { service: 'come', kind: 'added' }, { service: 'gone', kind: 'removed' }] });
});

it('refuses what is no policy, with all that is wrong', async () => {
  const bad = file('bad.yaml', 'version: 1\nx: 1\ny: 2\n');
  const { code, out, complaints } = await ran(diff, [old, bad]);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(complaints).toContain('bad.yaml:2:1');
  expect(complaints).toContain('bad.yaml:3:1');
  expect((await ran(diff, [old, join(root, 'nothing')])).complaints).toContain('no such file');
  await expect(ran(diff, [old])).rejects.toThrow('OLD and NEW are needed');
});
