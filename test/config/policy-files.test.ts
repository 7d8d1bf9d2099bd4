import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { hashOf, isMountedAlone, readPolicyFiles } from '../../src/config/policy-files.ts';
import { lookAtFiles } from '../../src/config/policy-files.ts';

const root = mkdtempSync(join(tmpdir(), 'inmesh-files-'));
let folder = root;
let number = 0;
beforeEach(() => mkdirSync((folder = join(root, String(number++)))));
afterAll(() => rmSync(root, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function contents(...paths: string[]): string[] {
  return readPolicyFiles(paths, 'a test').map(({ bytes }) => bytes.toString());
}

test('of a folder, YAML files count in the order of their names, and hidden ones and others do not', () => {
  for (const name of ['20-team.yaml', '10-base.yml', '.hidden.yaml', 'README.md', 'policy.yaml.bak']) file(name, name);
  mkdirSync(join(folder, '..2026_01_01'));
  expect(contents(folder)).toEqual(['10-base.yml', '20-team.yaml']);
  expect(contents(file('first.yaml', 'first'), folder)).toEqual(['first', '10-base.yml', '20-team.yaml', 'first']);
});

test('several files of a ConfigMap are of one generation', () => {
  for (const generation of ['old', 'new']) {
    mkdirSync(join(folder, `..${generation}`));
    for (const name of ['a.yaml', 'b.yaml']) writeFileSync(join(folder, `..${generation}`, name), `${name} ${generation}`);
  }
  symlinkSync('..new', join(folder, '..data'));
  // As if kubelet turned `..data` between the first file and the second: the link of the second still leads to the old one.
  symlinkSync('..data/a.yaml', join(folder, 'a.yaml'));
  symlinkSync('..old/b.yaml', join(folder, 'b.yaml'));
  expect(contents(folder)).toEqual(['a.yaml new', 'b.yaml new']);
});

test('what lies in a folder with many files was not meant as a policy', () => {
  for (let index = 0; index < 65; index += 1) file(`${index}.yaml`, '');
  expect(() => contents(folder)).toThrow(`${folder}: 65 files (expected: at most 64)`);
});

test('the hash is of contents alone, and of where one file ends and the next begins', () => {
  const hash = (...texts: string[]) => hashOf(texts.map((text) => ({ bytes: Buffer.from(text) })));
  expect(hash('ab')).not.toBe(hash('a', 'b'));
  expect(hash('a', 'bc')).not.toBe(hash('ab', 'c'));
  expect(hash('a', 'b')).not.toBe(hash('b', 'a'));
  expect(hash('a')).toBe(hash('a'));
});

test('looking sees what reading reads', async () => {
  file('a.yaml', 'one');
  expect(await lookAtFiles([folder])).toBe(hashOf(readPolicyFiles([folder], 'a test')));
  file('b.yaml', 'two');
  const both = await lookAtFiles([folder]);
  expect(both).toBe(hashOf(readPolicyFiles([folder], 'a test')));
  renameSync(join(folder, 'b.yaml'), join(folder, 'c.yaml'));
  expect(await lookAtFiles([folder])).toBe(both);
});

test('looking never rejects and never waits: nothing there, a pipe, a device', async () => {
  expect(await lookAtFiles([join(folder, 'nothing')])).toBe('unreadable: ENOENT');
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  expect(await lookAtFiles([join(folder, 'pipe')])).toBe('unreadable: Error: no regular file');
  expect(await lookAtFiles(['/dev/zero'])).toBe('unreadable: Error: no regular file');
});

test('a file that is a mount of its own is known from the list of mounts', () => {
  const mounts = file('mountinfo', ['36 35 98:0 /mnt1 /etc rw,noatime - ext3 /dev/root rw', `37 35 98:0 /x ${folder}/with\\040space.yaml rw - ext4 /dev/sda rw`, ''].join('\n'));
  expect(isMountedAlone(join(folder, 'with space.yaml'), mounts)).toBe(true);
  expect(isMountedAlone(join(folder, 'other.yaml'), mounts)).toBe(false);
  expect(isMountedAlone(join(folder, 'other.yaml'), join(folder, 'none'))).toBe(false);
});
