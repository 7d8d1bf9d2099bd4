/**
 * The files of a policy: which there are, and what is in them, read once and whole.
 *
 * A path may be a file or a folder; of a folder all `*.yaml` and `*.yml` count, in the order of their names (`10-base.yaml`,
 * `20-team.yaml`), and hidden ones do not. Several files of one ConfigMap are read from one generation of it: kubelet writes each into
 * a folder of its own and then turns the symbolic link `..data` to it (pkg/volume/util/atomic_writer.go), perhaps while we read.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TextDecoder } from 'node:util';
import { inGeneration, readUpTo } from '../core/contents-watch.ts';
import { PolicyInvalid, policyError } from './problem.ts';

/** What a ConfigMap may hold. */
export const largestFile = 1024 * 1024;
/** More is a folder that was meant for something else. */
const mostFiles = 64;

export interface PolicyFile {
  /** As it was named, or found in the folder that was. */
  readonly path: string;
  readonly bytes: Buffer;
}

/** `origin` says where the paths are from, for errors. Throws MeshError POLICY_INVALID. */
export function readPolicyFiles(paths: readonly string[], origin: string): readonly PolicyFile[] {
  const files = paths.flatMap((path) => (isFolder(path, origin) ? policyFilesIn(path, named(path, origin, () => readdirSync(path))) : [path]));
  if (files.length === 0) throw unusable(paths.join(', ') || 'options.policy', 'no policy file', `at least one file, or *.yaml in a folder, at ${origin}`);
  if (files.length > mostFiles) throw unusable(paths.join(', '), `${files.length} files`, `at most ${mostFiles}`);
  const generations = new Map<string, string>();
  return files.map((path) => ({ path, bytes: readWhole(files.length === 1 ? path : inGeneration(path, generations), path, origin) }));
}

/** A hash of what these files and folders hold, or what stands in the way, found out without making the process wait. */
export async function lookAtFiles(paths: readonly string[]): Promise<string> {
  try {
    const files: { bytes: Buffer }[] = [];
    for (const path of paths) {
      const places = (await stat(path)).isDirectory() ? policyFilesIn(path, await readdir(path)) : [path];
      for (const place of places) files.push({ bytes: await readUpTo(place, largestFile + 1) });
    }
    return hashOf(files);
  } catch (error) {
    return `unreadable: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
  }
}

/** 64 hex digits; the same contents in the same order have the same hash. */
export function hashOf(files: readonly { readonly bytes: Buffer }[]): string {
  const hash = createHash('sha256');
  for (const { bytes } of files) {
    if (files.length > 1) hash.update(`${bytes.length}\n`);
    hash.update(bytes);
  }
  return hash.digest('hex');
}

/** Throws MeshError POLICY_INVALID. */
export function decode({ bytes, path }: PolicyFile): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw unusable(path, 'not UTF-8', 'UTF-8 text', error);
  }
}

/** Whether it is mounted by itself: kubelet never updates such a file (`subPath`; kubernetes#50345), and nobody would notice. */
export function isMountedAlone(path: string, mountInfo = '/proc/self/mountinfo'): boolean {
  let mounts: string;
  try {
    mounts = readFileSync(mountInfo, 'utf8');
  } catch {
    // No Linux, or no such thing to read: then there is no kubelet either.
    return false;
  }
  // Fields 1 to 5 of proc(5): ids, device, root, mount point; spaces in it are octal.
  const points = mounts.split('\n').map((line) => line.split(' ')[4]?.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))));
  return points.includes(resolve(path));
}

export function unusable(source: string, found: string, expected: string, cause?: unknown): Error {
  const invalid = new PolicyInvalid([{ source, position: undefined, path: [], found, expected }]);
  if (cause !== undefined) invalid.cause = cause;
  return policyError(invalid);
}

function isFolder(path: string, origin: string): boolean {
  return named(path, origin, () => statSync(path).isDirectory());
}

/** Of the names in a folder, those that count, in their order. */
export function policyFilesIn(folder: string, names: readonly string[]): string[] {
  return names.filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort().map((name) => join(folder, name));
}

/** At most one byte more than allowed, from a regular file: a pipe would be waited for, and /dev/zero never ends. */
function readWhole(place: string, path: string, origin: string): Buffer {
  return named(path, origin, () => {
    if (!statSync(place).isFile()) throw unusable(path, 'no regular file', `a readable file at ${origin}`);
    const file = openSync(place, 'r');
    try {
      const buffer = Buffer.allocUnsafe(Math.min(fstatSync(file).size, largestFile) + 1);
      let length = 0;
      for (let got = -1; got !== 0 && length < buffer.length; length += got) got = readSync(file, buffer, length, buffer.length - length, null);
      if (length > largestFile) throw unusable(path, 'larger than 1 MiB', 'at most 1 MiB, as a ConfigMap');
      return buffer.subarray(0, length);
    } finally {
      closeSync(file);
    }
  });
}

const failures: { readonly [code: string]: string | undefined } = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file: part of the path is no directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'a symbolic link that leads nowhere',
};

/** What the system refuses, in the words of a policy's problems. */
function named<Value>(path: string, origin: string, ask: () => Value): Value {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && typeof error.code === 'string') || error.code === 'POLICY_INVALID') throw error;
    throw unusable(path, failures[error.code] ?? error.message, `a readable file at ${origin}`, error);
  }
}
