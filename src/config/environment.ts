/**
 * `${NAME}` and `${NAME:-default}` in values, as in a shell: a default is used where the variable is unset or empty. Only
 * text is replaced, never structure: whatever a variable holds, it is one value in the place where it was named.
 */
import { quote } from './problem.ts';

export type Expansion = { readonly text: string } | { readonly found: string; readonly expected: string };

/** A default holds no `}` and no `${`: nothing nests. */
const reference = /\$\{([^{}]*)(\}?)/g;
const wellFormed = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

export function hasReference(text: string): boolean {
  return text.includes('${');
}

/** The text with all references replaced, or what is wrong with the first that cannot be. */
export function expandEnvironment(text: string, env: NodeJS.ProcessEnv): Expansion {
  let problem: { found: string; expected: string } | undefined;
  const expanded = text.replace(reference, (whole: string, inside: string, end: string) => {
    const match = end === '' ? null : wellFormed.exec(inside);
    if (match === null) {
      problem ??= { found: quote(whole), expected: '${NAME} or ${NAME:-default}' };
      return whole;
    }
    const name = match[1] as string;
    const value = env[name];
    const fallback = match[2];
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) problem ??= { found: `\${${name}} is not set`, expected: `environment variable ${name}, or a default: \${${name}:-…}` };
    return value ?? whole;
  });
  return problem ?? { text: expanded };
}

/** What an unquoted scalar says in YAML, of those types that knobs have: `${RETRIES}` of `2` is the number 2. */
export function scalarOf(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^[-+]?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : text;
}
