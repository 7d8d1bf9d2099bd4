/**
 * The policy this process starts with: an object, a file, or what core/policy.ts says. Reads synchronously and once;
 * whoever wants to know of changes compares hashes.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TextDecoder } from 'node:util';
import { defaultPolicy } from '../core/policy.ts';
import type { Policy } from '../core/policy.ts';
import { parsePolicy, parsePolicyObject } from './parse-policy.ts';
import type { ParsedPolicy } from './parse-policy.ts';
import { PolicyInvalid, policyError, quote } from './problem.ts';
import { objectSourceName } from './read-object.ts';
import type { PolicyDocument } from './schema.ts';

export interface LoadedPolicy {
  /** Checked, every default filled in. */
  readonly policy: Policy;
  /** The file's path, `options`, or `built-in defaults`. */
  readonly source: string;
  /** Of what was read, 64 hex digits: the same text has the same hash. */
  readonly hash: string;
  /** For the log: what is allowed and still looks like a mistake. */
  readonly warnings: readonly string[];
}

/** What a ConfigMap may hold. */
const largestFile = 1024 * 1024;
const usualPath = '/etc/inmesh/policy.yaml';

/**
 * A path, a `file:` URL or an object of the YAML's shape. Without any: `$INMESH_POLICY`; else `/etc/inmesh/policy.yaml`,
 * where there is one; else the built-in defaults, with a warning. Throws MeshError POLICY_INVALID, whose `cause` is a
 * PolicyInvalid with all problems as data.
 */
export function loadPolicy(given: string | URL | PolicyDocument | undefined, env: NodeJS.ProcessEnv, usual: string = usualPath): LoadedPolicy {
  if (typeof given === 'string') return fromFile(given, env, 'the path in options.policy');
  if (given instanceof URL) return fromFile(pathOf(given), env, 'the URL in options.policy');
  if (given !== undefined) return loaded(parsePolicyObject(given, env), 'options', (parsed) => JSON.stringify(parsed.source.data));
  // Set to nothing is how a deployment unsets it.
  if (env.INMESH_POLICY !== undefined && env.INMESH_POLICY !== '') return fromFile(env.INMESH_POLICY, env, 'the path in $INMESH_POLICY');
  if (exists(usual)) return fromFile(usual, env, 'the usual path');
  const warning = `no policy: $INMESH_POLICY is not set and there is no ${usual}; calls get the built-in defaults`;
  return { policy: defaultPolicy, source: 'built-in defaults', hash: sha256(''), warnings: [warning] };
}

function fromFile(path: string, env: NodeJS.ProcessEnv, origin: string): LoadedPolicy {
  const text = decode(read(path, origin), path);
  return loaded(parsePolicy(text, path, env), path, () => text);
}

function loaded(parsed: ParsedPolicy, source: string, content: (parsed: Extract<ParsedPolicy, { policy: Policy }>) => string): LoadedPolicy {
  if ('invalid' in parsed) throw policyError(parsed.invalid);
  return { policy: parsed.policy, source, hash: sha256(content(parsed)), warnings: parsed.warnings };
}

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw unusable(objectSourceName, quote(url.href), 'a file: URL with a path', error);
  }
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // There is something in the way (a directory without permission): reading says what.
    return true;
  }
}

/** At most one byte more than allowed, from a regular file: a pipe would be waited for, and /dev/zero never ends. */
function read(path: string, origin: string): Buffer {
  const expected = `a readable file at ${origin}`;
  let file: number | undefined;
  try {
    if (!statSync(path).isFile()) throw unusable(path, 'no regular file', expected);
    file = openSync(path, 'r');
    const buffer = Buffer.allocUnsafe(Math.min(fstatSync(file).size, largestFile) + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) got = readSync(file, buffer, length, buffer.length - length, null);
    if (length > largestFile) throw unusable(path, 'larger than 1 MiB', 'at most 1 MiB, as a ConfigMap');
    return buffer.subarray(0, length);
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code !== 'POLICY_INVALID') {
      throw unusable(path, failures[error.code] ?? error.message, expected, error);
    }
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

const failures: { readonly [code: string]: string | undefined } = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file: part of the path is no directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'a directory',
  ELOOP: 'a symbolic link that leads nowhere',
};

function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw unusable(path, 'not UTF-8', 'UTF-8 text', error);
  }
}

function unusable(source: string, found: string, expected: string, cause?: unknown): Error {
  const invalid = new PolicyInvalid([{ source, position: undefined, path: [], found, expected }]);
  if (cause !== undefined) invalid.cause = cause;
  return policyError(invalid);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
