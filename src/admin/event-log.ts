/**
 * The last events, for whoever comes to look later, and each as it happens for whoever looks now.
 *
 * A service in trouble makes thousands of some events in a second, and the rare one among them is what somebody looks for. So each kind has a
 * bucket of its own: twenty at once, ten per second; what is left out is counted, and the next of its kind says how many those were.
 */
import type { Clock, Millis } from '../core/clock.ts';
import type { MeshEventName } from '../core/events.ts';

const KEPT = 200;
const AT_ONCE = 20;
const PER_SECOND = 10;
/** Of lists within an event; an answer of discovery may name thousands. */
const LISTED = 10;
/** Of texts: errors quote what they were given. */
const LONGEST_TEXT = 500;

export interface LoggedEvent {
  readonly id: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly name: MeshEventName;
  /** Of its kind, since the one before. */
  readonly skipped?: number;
  readonly event: Readonly<Record<string, unknown>>;
}

interface Bucket {
  level: number;
  at: Millis;
  skipped: number;
}

export class EventLog {
  readonly #clock: Clock;
  readonly #said: (logged: LoggedEvent) => void;
  readonly #kept: LoggedEvent[] = [];
  readonly #buckets = new Map<MeshEventName, Bucket>();
  #count = 0;

  constructor(clock: Clock, said: (logged: LoggedEvent) => void) {
    this.#clock = clock;
    this.#said = said;
  }

  readonly add = (name: MeshEventName, event: object): void => {
    const now = this.#clock.now();
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) this.#buckets.set(name, (bucket = { level: AT_ONCE, at: now, skipped: 0 }));
    bucket.level = Math.min(AT_ONCE, bucket.level + ((now - bucket.at) * PER_SECOND) / 1000);
    bucket.at = now;
    if (bucket.level < 1) {
      bucket.skipped += 1;
      return;
    }
    bucket.level -= 1;
    this.#count += 1;
    const skipped = bucket.skipped === 0 ? {} : { skipped: bucket.skipped };
    bucket.skipped = 0;
    const logged: LoggedEvent = { id: this.#count, at: Math.round(this.#clock.wall()), name, ...skipped, event: Object.fromEntries(Object.entries(event).map(([key, value]) => [key, plain(value)])) };
    this.#kept.push(logged);
    if (this.#kept.length > KEPT) this.#kept.shift();
    this.#said(logged);
  };

  /** Those that are kept and later than this one. */
  since(id: number): readonly LoggedEvent[] {
    return this.#kept.filter((logged) => logged.id > id);
  }
}

/** Data, of a bounded size. */
function plain(value: unknown): unknown {
  if (value instanceof Error) return short(value.message);
  if (typeof value === 'string') return short(value);
  if (!Array.isArray(value)) return value;
  const listed = value.slice(0, LISTED).map(plain);
  return value.length > LISTED ? [...listed, `… ${value.length - LISTED} more`] : listed;
}

function short(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
