/**
 * Regular expressions of the policy: RE2's, matched against the whole text in time linear in its length. What a request brings is the
 * caller's to choose, often a stranger's, and JavaScript's own backtrack: `(a+)+$` and 40 letters stop a process for minutes.
 *
 * RE2 has no back-references and no look-around; everything else is as people know it. Envoy and Istio match the same way.
 */
import { createRequire } from 'node:module';
import { lazily } from '../core/lazily.ts';

export const regexExpected = 'regular expression (RE2) for the whole of it, such as /v[0-9]+/.*';

/** Loaded for the first of them: few policies have any. */
const re2js = lazily(() => createRequire(import.meta.url)('re2js') as typeof import('re2js'));

/** More instructions than this is no match for a request, but a mistake. */
const LARGEST_PROGRAM = 10_000;
const LONGEST_PATTERN = 1000;

/** The same pattern is the same function, so that what did not change can be seen to be the same. Emptied when full. */
const compiled = new Map<string, (text: string) => boolean>();
const COMPILED_AT_MOST = 1000;

/** Whether the whole text matches; undefined where the pattern is none. */
export function compileRegex(pattern: string): ((text: string) => boolean) | undefined {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const made = compile(pattern);
  if (compiled.size >= COMPILED_AT_MOST) compiled.clear();
  if (made !== undefined) compiled.set(pattern, made);
  return made;
}

function compile(pattern: string): ((text: string) => boolean) | undefined {
  if (pattern.length === 0 || pattern.length > LONGEST_PATTERN) return undefined;
  try {
    const regex = re2js().RE2JS.compile(pattern);
    return regex.programSize() > LARGEST_PROGRAM ? undefined : (text) => regex.testExact(text);
  } catch {
    return undefined;
  }
}
