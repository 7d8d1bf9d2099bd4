import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { loadPolicy } from '../../src/config/load-policy.ts';
import { PolicyInvalid } from '../../src/config/problem.ts';
import { MeshError } from '../../src/core/errors.ts';
import { defaultPolicy } from '../../src/core/policy.ts';

const folder = mkdtempSync(join(tmpdir(), 'inmesh-policy-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function refusal(...args: Parameters<typeof loadPolicy>): MeshError {
  try {
    loadPolicy(...args);
  } catch (error) {
    expect(error).toBeInstanceOf(MeshError);
    expect((error as MeshError).code).toBe('POLICY_INVALID');
    return error as MeshError;
  }
  throw new Error('accepted');
}

const emptyFolder = join(folder, 'empty');
mkdirSync(emptyFolder);
const nowhere = join(folder, 'nowhere.yaml');
const good = file('good.yaml', 'version: 1\ndefaults: { deadline: 20s }\n');

test('a path, a URL and $INMESH_POLICY mean the same file', () => {
  for (const loaded of [loadPolicy(good, {}, nowhere), loadPolicy(pathToFileURL(good), {}, nowhere), loadPolicy(undefined, { INMESH_POLICY: good }, nowhere), loadPolicy(undefined, {}, good)]) {
    expect(loaded).toMatchObject({ source: good, warnings: [], policy: { defaults: { deadline: 20_000 } }, hash: /^[0-9a-f]{64}$/.exec(loaded.hash)?.[0] });
  }
});

test('what is given goes before the environment, and that before the usual path', () => {
  const other = file('other.yaml', 'version: 1\ndefaults: { deadline: 40s }\n');
  expect(loadPolicy(good, { INMESH_POLICY: other }, other).source).toBe(good);
  expect(loadPolicy(undefined, { INMESH_POLICY: good }, other).source).toBe(good);
  expect(loadPolicy({ version: 1 }, { INMESH_POLICY: nowhere }, nowhere).source).toBe('options');
});

test('without any file there are the built-in defaults, and one warning', () => {
  for (const env of [{}, { INMESH_POLICY: '' }]) {
    const loaded = loadPolicy(undefined, env, nowhere);
    expect(loaded).toMatchObject({ policy: defaultPolicy, source: 'built-in defaults' });
    expect(loaded.warnings).toEqual([`no policy: $INMESH_POLICY is not set and there is no ${nowhere}; calls get the built-in defaults`]);
  }
});

test('a usual path that is there and wrong is not passed over', () => {
  expect(refusal(undefined, {}, file('wrong.yaml', 'version: 3')).message).toContain('wrong.yaml:1:10 version: 3');
  expect(refusal(undefined, {}, emptyFolder).message).toBe(`${emptyFolder}: no policy file (expected: at least one file, or *.yaml in a folder, at the usual path)`);
});

test('the same text has the same hash, another text another', () => {
  expect(loadPolicy(file('copy.yaml', 'version: 1\ndefaults: { deadline: 20s }\n'), {}).hash).toBe(loadPolicy(good, {}).hash);
  expect(loadPolicy(file('copy.yaml', 'version: 1\ndefaults: { deadline: 21s }\n'), {}).hash).not.toBe(loadPolicy(good, {}).hash);
  expect(loadPolicy({ version: 1 }, {}).hash).toBe(loadPolicy({ version: 1, defaults: undefined }, {}).hash);
  expect(loadPolicy({ version: 1 }, {}).hash).not.toBe(loadPolicy({ version: 1, unknownHosts: 'deny' }, {}).hash);
});

test('a ConfigMap is read through its links', () => {
  mkdirSync(join(folder, '..2026'));
  writeFileSync(join(folder, '..2026', 'policy.yaml'), 'version: 1\n');
  symlinkSync('..2026', join(folder, '..data'));
  symlinkSync('..data/policy.yaml', join(folder, 'policy.yaml'));
  expect(loadPolicy(join(folder, 'policy.yaml'), {}).policy).toEqual(defaultPolicy);
});

test.each([
  ['a missing file', nowhere, 'no such file'],
  ['an empty folder', emptyFolder, 'no policy file'],
  ['a path through a file', join(good, 'policy.yaml'), 'no such file: part of the path is no directory'],
  ['a device that never ends', '/dev/zero', 'no regular file'],
  ['a path with a zero in it', 'a\0b', 'without null bytes'],
  ['an endless name', 'a'.repeat(5000), 'ENAMETOOLONG'],
  ['bytes that are no UTF-8', file('latin1.yaml', Buffer.from('version: 1 # caf\xe9', 'latin1')), 'not UTF-8 (expected: UTF-8 text)'],
  ['UTF-16', file('utf16.yaml', Buffer.from('\uFEFFversion: 1', 'utf16le')), 'not UTF-8'],
  ['more than a mebibyte', file('large.yaml', `version: 1\n#${' '.repeat(1024 * 1024)}`), 'larger than 1 MiB (expected: at most 1 MiB'],
  ['ten mebibytes', file('larger.yaml', Buffer.alloc(10 * 1024 * 1024, 97)), 'larger than 1 MiB'],
  ['an empty file', file('empty.yaml', ''), ':1:1: empty (expected: a policy, which begins with "version: 1")'],
])('%s is one clear error', (_, path, text) => {
  const error = refusal(path, {});
  expect(error.message).toContain(text);
  expect(error.message.startsWith(path)).toBe(true);
  expect((error.cause as PolicyInvalid).problems).toHaveLength(1);
});

test('a socket is not waited for', async () => {
  const path = join(folder, 'socket');
  const server = createServer().listen(path);
  await new Promise((resolve) => server.once('listening', resolve));
  expect(refusal(path, {}).message).toContain('no regular file');
  await new Promise((resolve) => server.close(resolve));
});

test('a link that leads in a circle is one clear error', () => {
  symlinkSync('circle.yaml', join(folder, 'circle.yaml'));
  expect(refusal(join(folder, 'circle.yaml'), {}).message).toContain('a symbolic link that leads nowhere');
  expect(refusal(undefined, {}, join(folder, 'circle.yaml')).message).toContain('a symbolic link that leads nowhere');
});

test('the message says who named the file', () => {
  expect(refusal(undefined, { INMESH_POLICY: nowhere }).message).toBe(`${nowhere}: no such file (expected: a readable file at the path in $INMESH_POLICY)`);
  expect(refusal(new URL('https://example.com/policy.yaml'), {}).message).toBe('options.policy: "https://example.com/policy.yaml" (expected: a file: URL with a path)');
  expect(refusal(new URL('file://host/policy.yaml'), {}).message).toContain('expected: a file: URL with a path');
});

test('a file of exactly a mebibyte is read', () => {
  const head = 'version: 1\n#';
  expect(loadPolicy(file('full.yaml', head + ' '.repeat(1024 * 1024 - head.length)), {}).policy).toEqual(defaultPolicy);
});

test('the problems are data on the cause', () => {
  const error = refusal(file('two.yaml', 'version: 1\ndefaults:\n  retry: { maxRetries: two }\n  retri: off\n'), {});
  expect(error.cause).toBeInstanceOf(PolicyInvalid);
  const { problems } = error.cause as PolicyInvalid;
  expect(problems).toMatchObject([
    { position: { line: 3, column: 24 }, path: ['defaults', 'retry', 'maxRetries'], found: '"two"', expected: 'integer 0–10' },
    { position: { line: 4, column: 3 }, path: ['defaults', 'retri'], found: 'unknown key', suggestion: 'retry' },
  ]);
  expect(error.message.split('\n')).toHaveLength(3);
  expect(error).toMatchObject({ outcome: 'local', retryable: false });
});
