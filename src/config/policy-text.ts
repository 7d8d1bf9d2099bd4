/**
 * The policy in force as text: YAML in which every knob of every service stands with the line that it comes from, or `built-in`; beside them
 * what the policy says that is no knob (hosts, discovery, versions, routes), as it was written.
 *
 * Secrets are not in it. Values of headers that routes set, and of headers, cookies and parameters that routes match where their names sound
 * like one, are `(hidden)`; so is whatever looks like a key or a password, wherever it stands. Certificates are paths.
 */
import type { Millis } from '../core/clock.ts';
import { defaultServicePolicy, type ServicePolicy } from '../core/policy.ts';
import { formatDuration } from './duration.ts';
import { BUILT_IN, knobOrigins, placeOf } from './knob-origins.ts';
import type { LoadedPolicy } from './load-policy.ts';
import type { Path } from './problem.ts';
import { isMap, type Data, type PolicySource } from './source.ts';

const HIDDEN = '(hidden)';
const SOUNDS_SECRET = /auth|cookie|token|secret|passw|credential|session|api-?key/i;
/** What plain scalars may be made of, so that no value begins a comment, a mapping or a line. */
const PLAIN = /^[A-Za-z0-9_(/][A-Za-z0-9_()./%+-]*(?::[A-Za-z0-9_()./%+-]+)*$/;
/** Of a service, and no knobs. */
const WRITTEN = ['hosts', 'versions', 'routes'];

/** Of a PolicySnapshot. */
export interface Standing {
  readonly generation: number;
  readonly age: Millis;
  readonly valid: boolean;
  readonly error?: string;
}

export function policyText({ policy, source, hash, written }: LoadedPolicy, { generation, age, valid, error }: Standing): string {
  const page = new Sheet();
  page.comment(`The policy in force: generation ${generation}, for ${formatDuration(Math.round(age / 1000) * 1000)}, from ${source}, sha256 ${hash}.`);
  if (!valid) page.comment(`What its files hold now was rejected: ${error ?? ''}`);
  page.comment('At the end of each line, where it was written.');
  page.add(0, 'version: 1', '');
  page.add(0, `unknownHosts: ${policy.unknownHosts}`, placeOf(['unknownHosts'], written) ?? BUILT_IN);
  page.add(0, 'defaults:', '');
  knobs(page, 1, policy.defaults, undefined, written);
  page.add(0, policy.services.size === 0 ? 'services: {}' : 'services:', '');
  for (const [name, entry] of policy.services) {
    page.add(1, `${scalar(name)}:`, placeOf(['services', name], written) ?? '');
    for (const key of WRITTEN) {
      const path = ['services', name, key];
      const data = written?.at(path);
      if (data !== undefined) node(page, 2, `${key}:`, data, path, written);
    }
    knobs(page, 2, entry.policy, name, written);
  }
  return page.text();
}

/** Those in force, nested again. */
function knobs(page: Sheet, depth: number, policy: ServicePolicy, service: string | undefined, written: PolicySource | undefined): void {
  let open: readonly string[] = [];
  for (const { knob, value, from } of knobOrigins(policy, service, undefined, written)) {
    const path = knob.split('.');
    const parents = path.slice(0, -1);
    const shared = parents.findIndex((key, index) => open[index] !== key);
    for (let index = shared === -1 ? parents.length : shared; index < parents.length; index += 1) {
      page.add(depth + index, `${parents[index]!}:`, '');
      if (index === 0 && parents[0] === 'discovery' && service !== undefined) whereLooked(page, depth + 1, service, written);
    }
    open = parents;
    page.add(depth + parents.length, `${path.at(-1)!}: ${list(value)}`, from);
  }
}

/** Under `discovery`, beside its knobs: where endpoints are looked for, where somebody said so. */
function whereLooked(page: Sheet, depth: number, service: string, written: PolicySource | undefined): void {
  const path = ['services', service, 'discovery'];
  const data = written?.at(path);
  if (Array.isArray(data)) return node(page, depth, 'sources:', data, path, written);
  if (!isMap(data)) return;
  for (const [key, value] of Object.entries(data)) if (!(key in defaultServicePolicy.discovery)) node(page, depth, `${scalar(key)}:`, value, [...path, key], written);
}

/** What was written, with its places. */
function node(page: Sheet, depth: number, label: string, data: Data, path: Path, written: PolicySource | undefined): void {
  const place = placeOf(path, written) ?? '';
  if (typeof data !== 'object' || data === null) {
    page.add(depth, `${label} ${isSecret(path) ? scalar(HIDDEN) : scalar(String(data), data)}`, place);
  } else if (isMap(data)) {
    page.add(depth, label, place);
    for (const [key, value] of Object.entries(data)) node(page, depth + 1, `${scalar(key)}:`, value, [...path, key], written);
  } else {
    page.add(depth, label, place);
    for (const [index, value] of data.entries()) node(page, depth + 1, '-', value, [...path, index], written);
  }
}

function isSecret(path: Path): boolean {
  const keys = path.map(String);
  if (keys.includes('requestHeaders') || keys.includes('responseHeaders')) return keys.includes('set') || keys.includes('add');
  const among = keys.findIndex((key) => key === 'headers' || key === 'cookies' || key === 'query');
  return keys.includes('match') && among !== -1 && SOUNDS_SECRET.test(keys[among + 1] ?? '');
}

/** Of a knob: `[GET, HEAD]` as it is, for its items are plain. */
function list(value: string): string {
  if (!value.startsWith('[') || !value.endsWith(']')) return scalar(value);
  const items = value.slice(1, -1).split(', ').filter((item) => item !== '');
  return `[${items.map((item) => scalar(item)).join(', ')}]`;
}

/** Text that looks like a number is quoted, unless it is one. */
function scalar(text: string, data: Data = text): string {
  if (typeof data !== 'string' && text !== HIDDEN) return text;
  const shown = text.includes('-----BEGIN') ? HIDDEN : text.replace(/(\/\/)[^/@\s]*@/g, `$1${HIDDEN}@`);
  return PLAIN.test(shown) ? shown : JSON.stringify(shown);
}

/** Lines, with their comments in one column. */
class Sheet {
  readonly #lines: (readonly [text: string, comment: string])[] = [];

  comment(text: string): void {
    this.#lines.push(['', text]);
  }

  add(depth: number, text: string, comment: string): void {
    this.#lines.push(['  '.repeat(depth) + text, comment]);
  }

  text(): string {
    const width = Math.min(64, Math.max(...this.#lines.map(([text]) => text.length)));
    // One line each, whatever a file is called or an error quotes.
    return this.#lines.map(([text, comment]) => (comment === '' ? text : `${text === '' ? '' : `${text.padEnd(width)}  `}# ${comment.replace(/[^\P{C}]+/gu, ' ')}`)).join('\n') + '\n';
  }
}
