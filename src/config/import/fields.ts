/**
 * Fields of somebody else's object: whatever is read is ticked off, and what is left when the reading is done was not carried over, and is
 * said to be. So a key that nobody here has heard of cannot be lost without a word.
 */
export interface Note {
  /** The file. */
  readonly source: string;
  /** `VirtualService default/reviews` */
  readonly object: string;
  /** `spec.http[0].corsPolicy` */
  readonly path: string;
  /** `dropped`: not carried over · `differs`: carried over, and not quite the same · `needs`: something has to be made for it to work. */
  readonly kind: 'dropped' | 'differs' | 'needs';
  readonly why: string;
}

/** Told of one object. */
export type Tell = (path: string, kind: Note['kind'], why: string) => void;

const nothing = 'inmesh has nothing like it';

export class Fields {
  readonly path: string;
  readonly #data: Readonly<Record<string, unknown>>;
  readonly #left: Set<string>;
  readonly #tell: Tell;

  constructor(data: unknown, path: string, tell: Tell) {
    const mapping = isMapping(data);
    if (!mapping && data !== undefined && data !== null) tell(path, 'dropped', `it is no mapping`);
    this.#data = mapping ? data : {};
    this.#left = new Set(Object.keys(this.#data).filter((key) => this.#data[key] !== undefined && this.#data[key] !== null));
    this.path = path;
    this.#tell = tell;
  }

  has(key: string): boolean {
    return this.#left.has(key);
  }

  /** As it is, whatever it is. */
  any(key: string): unknown {
    this.#left.delete(key);
    return this.#data[key] ?? undefined;
  }

  text(key: string): string | undefined {
    return this.#typed(key, 'a text', (value) => (typeof value === 'string' ? value : undefined));
  }

  number(key: string): number | undefined {
    return this.#typed(key, 'a number', (value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined));
  }

  flag(key: string): boolean | undefined {
    return this.#typed(key, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined));
  }

  list(key: string): readonly unknown[] {
    return this.#typed(key, 'a list', (value) => (Array.isArray(value) ? (value as readonly unknown[]) : undefined)) ?? [];
  }

  texts(key: string): readonly string[] {
    return this.list(key).filter((each) => typeof each === 'string');
  }

  fields(key: string): Fields {
    return new Fields(this.any(key), `${this.path}.${key}`, this.#tell);
  }

  each(key: string): readonly Fields[] {
    return this.list(key).map((item, index) => new Fields(item, `${this.path}.${key}[${index}]`, this.#tell));
  }

  /** Names and texts of a mapping from one to the other. */
  pairs(key: string): readonly (readonly [string, string])[] {
    const value = this.any(key);
    return isMapping(value) ? Object.entries(value).map(([name, each]) => [name, String(each)]) : [];
  }

  keys(): readonly string[] {
    return [...this.#left];
  }

  /** Carried over, and not quite the same. */
  differs(key: string, why: string): void {
    this.#tell(`${this.path}.${key}`, 'differs', why);
  }

  /** Known, and not carried over. Nothing where it is not there. */
  drop(key: string, why = nothing): void {
    if (!this.#left.delete(key)) return;
    this.#tell(`${this.path}.${key}`, 'dropped', why);
  }

  /** Not a loss: it says nothing that matters here. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#left.delete(key);
  }

  /** All has been read that will be. */
  done(): void {
    for (const key of [...this.#left]) this.drop(key);
  }

  #typed<Value>(key: string, expected: string, read: (value: unknown) => Value | undefined): Value | undefined {
    const value = this.any(key);
    if (value === undefined) return undefined;
    const found = read(value);
    if (found === undefined) this.#tell(`${this.path}.${key}`, 'dropped', `it is not ${expected}`);
    return found;
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
