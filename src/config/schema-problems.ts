/**
 * zod's issues → problems with places. The schema writes its own messages, so that an issue's message is what was expected
 * (for an unknown key: the keys that are known); what was found is read from the source.
 */
import type * as z from 'zod';
import type { Path, ProblemList } from './problem.ts';
import { describe, quote } from './problem.ts';
import type { PolicySource } from './source.ts';
import { nearest } from './suggest.ts';

type Issue = z.core.$ZodIssue;

export function addSchemaProblems(issues: readonly Issue[], source: PolicySource, problems: ProblemList): void {
  for (const issue of issues) {
    if (!problems.open) return;
    addIssue(issue, [], source, problems);
  }
}

function addIssue(issue: Issue, around: Path, source: PolicySource, problems: ProblemList): void {
  const path = [...around, ...(issue.path as Path)];
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) addUnknownKey([...path, key], issue.message, source, problems);
    return;
  }
  if (issue.code === 'invalid_union') {
    const inside = issuesOfMeantOption(issue);
    if (inside !== undefined) {
      for (const each of inside) addIssue(each, path, source, problems);
      return;
    }
  }
  const ofKey = issue.code === 'invalid_key';
  const expected = ofKey ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  addProblem(path, ofKey ? quote(String(path.at(-1))) : undefined, expected, source, problems);
}

/** Where one option of a union got as far as looking inside the value, that is the one that was meant: `off | { … }` given a mapping. */
function issuesOfMeantOption(issue: z.core.$ZodIssueInvalidUnion): readonly Issue[] | undefined {
  return issue.errors.find((issues) => issues.length > 0 && issues.every((each) => each.path.length > 0 || each.code === 'unrecognized_keys'));
}

function addUnknownKey(path: Path, known: string, source: PolicySource, problems: ProblemList): void {
  if (!problems.open || problems.touches(path)) return;
  const suggestion = nearest(String(path.at(-1)), known.split(', '));
  problems.add({ source: source.name, position: source.position(path, 'key'), path, found: 'unknown key', expected: `one of ${known}`, suggestion });
}

/** One value, one problem: what the reader or an earlier check said of it is enough. */
function addProblem(path: Path, found: string | undefined, expected: string, source: PolicySource, problems: ProblemList): void {
  if (problems.touches(path)) return;
  const position = source.position(path, found === undefined ? 'value' : 'key');
  problems.add({ source: source.name, position, path, found: found ?? describeAt(source, path), expected });
}

/** The value at a path; with the `${…}` it came from, where it did. */
export function describeAt(source: PolicySource, path: Path): string {
  const template = source.template(path);
  return template === undefined ? describe(source.at(path)) : `${describe(source.at(path))} from ${template.slice(0, 80)}`;
}
