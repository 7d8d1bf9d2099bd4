/**
 * Conditions on headers, query parameters and cookies, and a reading of what they ask for.
 *
 * A request is read at most once, however many routes ask: each name that any of them asks for has a slot, and reading fills the slots. So
 * the price is one pass over the headers, and one comparison for each condition; where no route asks, nothing is read.
 *
 * Headers that come more than once are one list, joined by `, ` (RFC 9110 §5.3). Of a query parameter or cookie that comes more than once
 * the first counts. Query parameters are decoded as forms are, `+` being a space; cookies stay as they are.
 */
import type { HeaderList } from '../core/call.ts';
import type { NamedMatch, RouteMatch, TextMatch } from '../core/route.ts';

export type ConditionKind = 'header' | 'query' | 'cookie';

export interface Condition {
  readonly kind: ConditionKind;
  readonly name: string;
  readonly value: TextMatch;
  readonly slot: number;
}

export interface ConditionedRequest {
  readonly path: string;
  readonly headers: HeaderList;
}

const COOKIE = 'cookie';

/** Makes conditions, and reads what they ask for. Not to be shared by two requests at a time. */
export class RequestReading {
  readonly #slots = { header: new Map<string, number>(), query: new Map<string, number>(), cookie: new Map<string, number>() };
  /** Lengths of header names that are asked for, as bits: most other headers are passed over without a look at their letters. */
  #lengths = 0;
  #values: (string | undefined)[] = [];
  #request: ConditionedRequest | undefined;
  #headersAreRead = false;
  #queryIsRead = false;

  /** In the order headers, query, cookies. */
  conditionsOf({ headers, query, cookies }: RouteMatch): readonly Condition[] {
    return [...headers.map((match) => this.#condition('header', match)), ...query.map((match) => this.#condition('query', match)), ...cookies.map((match) => this.#condition('cookie', match))];
  }

  /** What is asked from now on is about this request. */
  begin(request: ConditionedRequest): void {
    this.#request = request;
    this.#headersAreRead = false;
    this.#queryIsRead = false;
  }

  /** Holds on to nothing of the request. */
  end(): void {
    this.#request = undefined;
    if (this.#headersAreRead || this.#queryIsRead) this.#values.fill(undefined);
  }

  holds(condition: Condition): boolean {
    return textMatches(condition.value, this.found(condition));
  }

  /** What the request has there. */
  found({ kind, slot }: Condition): string | undefined {
    if (kind === 'query') {
      if (!this.#queryIsRead) this.#readQuery();
    } else if (!this.#headersAreRead) this.#readHeaders();
    return this.#values[slot];
  }

  #condition(kind: ConditionKind, { name, value }: NamedMatch): Condition {
    const slots = this.#slots[kind];
    let slot = slots.get(name);
    if (slot === undefined) {
      slot = this.#values.length;
      slots.set(name, slot);
      this.#values.push(undefined);
      if (kind !== 'query') this.#lengths |= bit(kind === 'cookie' ? COOKIE.length : name.length);
    }
    return { kind, name, value, slot };
  }

  #readHeaders(): void {
    this.#headersAreRead = true;
    const { header, cookie } = this.#slots;
    const { headers } = this.#request!;
    for (let index = 0; index + 1 < headers.length; index += 2) {
      const written = headers[index];
      if (typeof written !== 'string' || (this.#lengths & bit(written.length)) === 0) continue;
      // Nearly always in lower case already, and to ask for it would make a new text all the same.
      const slot = header.get(written) ?? header.get(written.toLowerCase());
      if (slot !== undefined) {
        const value = textOf(headers[index + 1]);
        const before = this.#values[slot];
        this.#values[slot] = before === undefined ? value : `${before}, ${value}`;
      }
      if (cookie.size > 0 && written.length === COOKIE.length && written.toLowerCase() === COOKIE) this.#readCookies(textOf(headers[index + 1]));
    }
  }

  #readCookies(text: string): void {
    for (let at = 0; at < text.length; ) {
      const end = indexWithin(text, ';', at, text.length);
      const equals = indexWithin(text, '=', at, end);
      if (equals < end) {
        const slot = this.#slots.cookie.get(text.slice(at, equals).trim());
        if (slot !== undefined) this.#values[slot] ??= text.slice(equals + 1, end).trim();
      }
      at = end + 1;
    }
  }

  #readQuery(): void {
    this.#queryIsRead = true;
    const { path } = this.#request!;
    const fragment = indexWithin(path, '#', 0, path.length);
    for (let at = indexWithin(path, '?', 0, fragment) + 1; at < fragment; ) {
      const end = indexWithin(path, '&', at, fragment);
      const equals = indexWithin(path, '=', at, end);
      const slot = this.#slots.query.get(decoded(path.slice(at, equals)));
      if (slot !== undefined) this.#values[slot] ??= equals === end ? '' : decoded(path.slice(equals + 1, end));
      at = end + 1;
    }
  }
}

/** `end` where there is none before it. Looks no further: texts come from outside, and to look to their end for each part is quadratic. */
function indexWithin(text: string, character: string, from: number, end: number): number {
  const code = character.charCodeAt(0);
  for (let at = from; at < end; at += 1) if (text.charCodeAt(at) === code) return at;
  return end;
}

export function textMatches(match: TextMatch, text: string | undefined): boolean {
  switch (match.kind) {
    case 'exact':
      return text === match.value;
    case 'prefix':
      return text !== undefined && text.startsWith(match.value);
    case 'regex':
      return text !== undefined && match.test(text);
    case 'present':
      return (text !== undefined) === match.present;
  }
}

function bit(length: number): number {
  return 1 << (length & 31);
}

/** Callers write what they like; what is no text is for the transport to refuse. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function decoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    // Not UTF-8, or no escape at all: it stands for itself.
    return spaced;
  }
}
