/**
 * A policy judged before it ships: everything that is wrong with a file, and everything that is allowed and still looks like a mistake,
 * as data with places. What `inmesh validate` prints.
 */
import { parsePolicyFiles } from './parse-policy.ts';
import { isManifest, policiesIn, type Embedded } from './manifest.ts';
import { decode, readPolicyFiles } from './policy-files.ts';
import { pastSchedules } from './past-schedules.ts';
import { PolicyInvalid, problemText, type PolicyProblem } from './problem.ts';
import { MeshError } from '../core/errors.ts';

export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly problem: PolicyProblem;
}

export interface Judgement {
  /** What was judged, as it was named. */
  readonly source: string;
  /** `manifest`: Kubernetes objects without a policy in them, which says nothing of them. */
  readonly kind: 'policy' | 'manifest';
  readonly findings: readonly Finding[];
}

/** `wall`: the time of day (`Clock.wall()`), by which schedules are judged. One argument of the command: a file, a folder (its files together are one policy), or a manifest (each policy in it is one). */
export function judgePath(path: string, env: NodeJS.ProcessEnv, wall: number): readonly Judgement[] {
  return judge(path, () => {
    const files = readPolicyFiles([path], 'the path that was given').map((file) => ({ name: file.path, text: decode(file) }));
    const [first] = files;
    if (files.length === 1 && first !== undefined && isManifest(first.text)) return judgeManifest(first.text, first.name, env, wall);
    return [{ source: path, kind: 'policy', findings: findingsOf(files, env, wall) }];
  });
}

/** Several paths as one policy, merged in their order. */
export function judgeTogether(paths: readonly string[], env: NodeJS.ProcessEnv, wall: number): readonly Judgement[] {
  const source = paths.join(', ');
  return judge(source, () => {
    const files = readPolicyFiles(paths, 'the paths that were given').map((file) => ({ name: file.path, text: decode(file) }));
    return [{ source, kind: 'policy', findings: findingsOf(files, env, wall) }];
  });
}

/** `policy.yaml:14:7: error: services.orders.retry.maxRetries: "two" (expected: integer 0–10)`: the form that compilers made known. */
export function findingText({ severity, problem }: Finding): string {
  const { position, source } = problem;
  const place = position === undefined ? source : `${position.file ?? source}:${position.line}:${position.column}`;
  return `${place}: ${severity}: ${problemText(problem).slice(place.length).replace(/^:? /, '')}`;
}

function judgeManifest(text: string, file: string, env: NodeJS.ProcessEnv, wall: number): readonly Judgement[] {
  const { policies, error } = policiesIn(text, file);
  if (error !== undefined) {
    const problem = { source: file, position: undefined, path: [], found: error, expected: 'valid YAML' };
    return [{ source: file, kind: 'manifest', findings: [{ severity: 'error', problem }] }];
  }
  if (policies.length === 0) return [{ source: file, kind: 'manifest', findings: [] }];
  return policies.map((embedded) => ({
    source: embedded.name,
    kind: 'policy',
    findings: findingsOf([embedded], env, wall).map(({ severity, problem }) => ({ severity, problem: inManifest(problem, embedded, file) })),
  }));
}

/** The line of the manifest, where it can be told. */
function inManifest(problem: PolicyProblem, { lines, columns }: Embedded, file: string): PolicyProblem {
  const { position } = problem;
  if (position === undefined || lines === undefined) return problem;
  return { ...problem, source: file, position: { line: position.line + lines, column: position.column + columns } };
}

function findingsOf(files: readonly { readonly name: string; readonly text: string }[], env: NodeJS.ProcessEnv, wall: number): readonly Finding[] {
  const parsed = parsePolicyFiles(files, env);
  if ('invalid' in parsed) return parsed.invalid.problems.map((problem) => ({ severity: 'error', problem }));
  return [...parsed.warnings, ...pastSchedules(parsed.policy, parsed.source, wall)].map((problem) => ({ severity: 'warning', problem }));
}

/** What cannot be read is a finding like any other. */
function judge(source: string, look: () => readonly Judgement[]): readonly Judgement[] {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof MeshError) || !(error.cause instanceof PolicyInvalid)) throw error;
    return [{ source, kind: 'policy', findings: error.cause.problems.map((problem) => ({ severity: 'error', problem })) }];
  }
}
