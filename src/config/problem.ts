/**
 * What is wrong with a policy, in one sentence each:
 *
 *     policy.yaml:14:7 services.orders.retry.maxRetries: "two" (expected: integer 0–10)
 *
 * place, value, expectation; armeria's sentence with a line number. All problems are told at once, because a file that is
 * mended one error per deployment is mended slowly.
 */
import { MeshError } from '../core/errors.ts';

export type PathKey = string | number;
export type Path = readonly PathKey[];

/** From 1, both. */
export interface Position {
  readonly line: number;
  readonly column: number;
  /** The file, where a policy is put together from several. */
  readonly file?: string | undefined;
}

export interface PolicyProblem {
  /** The file as it was named, or `options.policy`. */
  readonly source: string;
  /** Undefined where there are no lines, or no file. */
  readonly position: Position | undefined;
  /** Keys from the top; empty where it is the file as a whole. */
  readonly path: Path;
  /** The value as it stands there, or what is wrong with it. */
  readonly found: string;
  readonly expected: string;
  /** The known word that was probably meant. */
  readonly suggestion?: string | undefined;
}

/** Nobody reads more; and a hostile file must not buy memory with mistakes. */
const mostTold = 100;

export class ProblemList {
  readonly #problems: PolicyProblem[] = [];

  add(problem: PolicyProblem): void {
    const file = problem.position?.file;
    if (this.open) this.#problems.push(file === undefined ? problem : { ...problem, source: file });
  }

  get size(): number {
    return this.#problems.length;
  }

  /** Whether one more would be news; if not, looking for it is a waste. One beyond those that are told says that there are more. */
  get open(): boolean {
    return this.#problems.length <= mostTold;
  }

  /** Whether anything at or below this path is wrong, so that what follows from it says nothing. */
  touches(path: Path): boolean {
    return this.#problems.some((problem) => path.length <= problem.path.length && path.every((key, index) => key === problem.path[index]));
  }

  /** In the order of the file; file by file, in the order in which they are first spoken of. */
  finish(): PolicyInvalid {
    const files = [...new Set(this.#problems.map(({ source }) => source))];
    const sorted = [...this.#problems].sort((a, b) => {
      if (a.source !== b.source) return files.indexOf(a.source) - files.indexOf(b.source);
      if (a.position === undefined || b.position === undefined) return 0;
      return a.position.line - b.position.line || a.position.column - b.position.column;
    });
    return new PolicyInvalid(sorted);
  }
}

/** The `cause` of a MeshError with code POLICY_INVALID: the problems as data. */
export class PolicyInvalid extends Error {
  /** At most 100, in the order of the file. */
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    const told = problems.slice(0, mostTold);
    const lines = told.map(problemText);
    const count = problems.length > mostTold ? `more than ${mostTold}` : problems.length;
    const sources = [...new Set(problems.map(({ source }) => source))].join(', ');
    super(lines.length === 1 ? (lines[0]) : `${sources} has ${count} problems:\n  ${lines.join('\n  ')}`);
    this.name = 'PolicyInvalid';
    this.problems = told;
  }
}

export function policyError(invalid: PolicyInvalid): MeshError {
  return new MeshError('POLICY_INVALID', invalid.message, { cause: invalid });
}

/** `policy.yaml:14:7 services.orders.retry.maxRetries: "two" (expected: integer 0–10)` */
export function problemText(problem: PolicyProblem): string {
  const { position, path, suggestion } = problem;
  const file = position?.file ?? problem.source;
  const place = position === undefined ? file : `${file}:${position.line}:${position.column}`;
  const hint = suggestion === undefined ? '' : `did you mean ${suggestion}? `;
  return `${place}${path.length === 0 ? '' : ` ${pathText(path)}`}: ${problem.found} (${hint}expected: ${problem.expected})`;
}

/** `services.orders.hosts[0]`; a key that would be mistaken for several is quoted: `services["a.b"]`. */
export function pathText(path: Path): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (/^[\w-]{1,80}$/.test(key)) text += text === '' ? key : `.${key}`;
    else text += `[${quote(key)}]`;
  }
  return text;
}

/** The value as its writer would recognise it, in at most one short line. */
export function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'nothing';
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value !== 'object') return `a ${typeof value}`;
  return Object.keys(value).length === 0 ? 'an empty mapping' : 'a mapping';
}

export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
