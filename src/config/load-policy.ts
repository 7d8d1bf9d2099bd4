/**
 * The policy of this process: an object, files, or what core/policy.ts says. Reads synchronously; whoever wants to know of changes
 * watches (core/contents-watch.ts) and loads again.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defaultPolicy } from '../core/policy.ts';
import type { Policy } from '../core/policy.ts';
import { parsePolicyFiles, parsePolicyObject } from './parse-policy.ts';
import type { ParsedPolicy } from './parse-policy.ts';
import { decode, hashOf, readPolicyFiles, unusable } from './policy-files.ts';
import { policyError, problemText, quote } from './problem.ts';
import { objectSourceName } from './read-object.ts';
import type { PolicyDocument } from './schema.ts';
import type { PolicySource } from './source.ts';

export interface LoadedPolicy {
  /** Checked, every default filled in. */
  readonly policy: Policy;
  /** The path or paths it was read from, `options`, or `built-in defaults`. */
  readonly source: string;
  /** Of what was read, 64 hex digits: the same text has the same hash. */
  readonly hash: string;
  /** For the log: what is allowed and still looks like a mistake. */
  readonly warnings: readonly string[];
  /** What was written, and where; undefined for the built-in defaults. */
  readonly written: PolicySource | undefined;
}

/** A path of a file or folder, a `file:` URL, several of them, or an object of the YAML's shape. */
export type GivenPolicy = string | URL | readonly (string | URL)[] | PolicyDocument;

/** Where the files of a policy are, and who said so. */
export interface PolicyPaths {
  readonly paths: readonly string[];
  readonly origin: string;
}

const usualPath = '/etc/inmesh/policy.yaml';

/**
 * A path, a `file:` URL, a list of them (later ones win; merge-sources.ts) or an object of the YAML's shape. Without any:
 * `$INMESH_POLICY`; else `/etc/inmesh/policy.yaml`, where there is one; else the built-in defaults, with a warning. Throws MeshError
 * POLICY_INVALID, whose `cause` is a PolicyInvalid with all problems as data.
 */
export function loadPolicy(given: GivenPolicy | undefined, env: NodeJS.ProcessEnv, usual: string = usualPath): LoadedPolicy {
  const files = policyPaths(given, env, usual);
  if (files !== undefined) return fromFiles(files, env);
  if (given !== undefined) {
    const { policy, warnings, source } = accepted(parsePolicyObject(given, env));
    const hash = createHash('sha256').update(JSON.stringify(source.data)).digest('hex');
    return { policy, source: 'options', hash, warnings: warnings.map(problemText), written: source };
  }
  const warning = `no policy: $INMESH_POLICY is not set and there is no ${usual}; calls get the built-in defaults`;
  return { policy: defaultPolicy, source: 'built-in defaults', hash: hashOf([]), warnings: [warning], written: undefined };
}

/** Undefined where the policy is an object, or nobody has one. */
export function policyPaths(given: GivenPolicy | undefined, env: NodeJS.ProcessEnv, usual: string = usualPath): PolicyPaths | undefined {
  if (typeof given === 'string') return { paths: [given], origin: 'the path in options.policy' };
  if (given instanceof URL) return { paths: [pathOf(given)], origin: 'the URL in options.policy' };
  if (isList(given)) return { paths: given.map((each) => (each instanceof URL ? pathOf(each) : each)), origin: 'the paths in options.policy' };
  if (given !== undefined) return undefined;
  // Set to nothing is how a deployment unsets it.
  if (env.INMESH_POLICY !== undefined && env.INMESH_POLICY !== '') return { paths: [env.INMESH_POLICY], origin: 'the path in $INMESH_POLICY' };
  return exists(usual) ? { paths: [usual], origin: 'the usual path' } : undefined;
}

export function fromFiles({ paths, origin }: PolicyPaths, env: NodeJS.ProcessEnv): LoadedPolicy {
  const files = readPolicyFiles(paths, origin);
  const parsed = accepted(parsePolicyFiles(files.map((file) => ({ name: file.path, text: decode(file) })), env));
  return { policy: parsed.policy, source: paths.join(', '), hash: hashOf(files), warnings: parsed.warnings.map(problemText), written: parsed.source };
}

function accepted(parsed: ParsedPolicy): Extract<ParsedPolicy, { policy: Policy }> {
  if ('invalid' in parsed) throw policyError(parsed.invalid);
  return parsed;
}

function isList(given: GivenPolicy | undefined): given is readonly (string | URL)[] {
  return Array.isArray(given);
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
