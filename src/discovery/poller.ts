/**
 * Poller: asks a source again and again, decides what to believe, and tells the listener. Requests never wait for it, except for its
 * very first answer.
 *
 *     next look-up = min(TTL, knobs.refresh) × uniform(0.85, 1)      after an answer (TTL between 1 and 30 s)
 *                  = 1 s for every 4 KB, where that is longer        so that 800 endpoints do not cost 10 KB/s in each client
 *                  = 1 s × 1.6ⁿ, at most 30 s, × uniform(0, 1)       after the n-th failure in a row
 *
 * A TTL of 0 says that a cache on the way answered with what it had and asks only now (`serve_stale` of CoreDNS): the next look-up is
 * after one second, once. TTLs that stay 0 say nothing, and the refresh interval holds.
 *
 * What is believed (RFC 8767; Finagle's Addr.Failed is not Addr.Neg):
 *   an answer with endpoints      at once;
 *   a failure                     changes nothing, until the last answer is older than `maxStale`;
 *   an empty answer               after `confirmEmpty.answers` in a row over `confirmEmpty.over`, because CoreDNS says NXDOMAIN for "none is
 *                                 ready", "no such service" and "not yet synchronised" alike. At once where nothing would be lost;
 *   an incomplete answer          as far as it goes: its endpoints are added, none is removed;
 *   that more than half are gone  when the next answer says so too, or where somebody had just seen endpoints fail (removal-guard.ts).
 *
 * Somebody who sees an endpoint fail asks for a fresh answer (`refresh`). There is one per second at most; while these answers change
 * nothing, the floor doubles up to 5 s, so that one dead pod does not cost one query per second for ever (gRPC's ResolveNow).
 */
import type { Clock, Millis, Timer } from '../core/clock.ts';
import { endpointKey } from '../core/endpoint.ts';
import type { DiscoveryState, Endpoint, EndpointKey, LookupFacts, RefreshReason, Resolution, ResolutionListener, Watch } from '../core/endpoint.ts';
import type { DiscoveryKnobs } from '../core/policy.ts';
import type { Random } from '../core/random.ts';
import { RemovalGuard } from './removal-guard.ts';
import { distinct } from './source.ts';
import type { Source, SourceAnswer } from './source.ts';

const SECOND: Millis = 1000;
const MIN_TTL: Millis = 1 * SECOND;
const MAX_TTL: Millis = 30 * SECOND;
/** RFC 2308 lets zones say hours; a service that comes back must not wait for that. Also where no SOA says anything. */
const MAX_NEGATIVE_TTL: Millis = 5 * SECOND;
const JITTER = 0.15;
/** 300 endpoints are 51 KB from CoreDNS: thousands of clients every 5 s would be more than it can send. */
const BYTES_PER_SECOND = 4096;
/** Endpoints that are kept in doubt wait no longer than this for the next answer. */
const MAX_DOUBT: Millis = 5 * SECOND;
const FIRST_RETRY: Millis = 1 * SECOND;
const RETRY_GROWTH = 1.6;
const MAX_RETRY: Millis = 30 * SECOND;
/** Full jitter may draw 0; a refused connection fails in no time. */
const MIN_RETRY: Millis = 100;
const MIN_FLOOR: Millis = 1 * SECOND;
const MAX_FLOOR: Millis = 5 * SECOND;
/** A source that brings news itself is heard at once; its bursts are taken together. */
const NEWS_GAP: Millis = 50;
/** When nobody has asked for so long, the next one who does is heard at once again. */
const FLOOR_FORGOTTEN: Millis = 30 * SECOND;

export interface PollerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly knobs: () => DiscoveryKnobs;
}

/** What stands, each with what it needs to know. `since` is when the first of the empty answers came. */
type Belief =
  | { readonly state: 'never' }
  | { readonly state: 'fresh' | 'stale'; readonly resolution: Resolution }
  | { readonly state: 'unconfirmed-empty'; readonly resolution: Resolution; readonly answers: number; readonly since: Millis }
  | { readonly state: 'empty' };

interface Consequence {
  /** When to look up again, from now. */
  readonly next: Millis;
  readonly changed: boolean;
}

export class Poller implements Watch {
  readonly #source: Source;
  readonly #listener: ResolutionListener;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #knobs: () => DiscoveryKnobs;

  #belief: Belief = { state: 'never' };
  #answeredAt: Millis | undefined;
  #lastError: Error | undefined;
  #lookup: LookupFacts | undefined;
  #failures = 0;
  /** The TTL of the last answer was 0. */
  #ttlWasZero = false;
  readonly #guard = new RemovalGuard();

  #timer: Timer | undefined;
  #due = Infinity;
  #startedAt: Millis = -Infinity;
  #resolving = false;
  #closed = false;

  /** Somebody asked since the last look-up began. */
  #asked = false;
  /** The source has had news since the last look-up began. */
  #news = false;
  #askedAt: Millis = -Infinity;
  #floor: Millis = MIN_FLOOR;

  constructor(source: Source, listener: ResolutionListener, deps: PollerDeps) {
    this.#source = source;
    this.#listener = listener;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#knobs = deps.knobs;
    source.subscribe?.(() => this.#notified());
    this.#poll();
  }

  refresh(_reason: RefreshReason): void {
    const now = this.#clock.now();
    if (now - this.#askedAt > FLOOR_FORGOTTEN) this.#floor = MIN_FLOOR;
    this.#askedAt = now;
    // An answer that holds for ever cannot become fresher.
    if (this.#closed || (this.#due === Infinity && !this.#resolving)) return;
    this.#asked = true;
    const soon = this.#startedAt + this.#floor;
    if (!this.#resolving && soon < this.#due) this.#schedule(soon);
  }

  state(): DiscoveryState {
    return {
      source: this.#source.description,
      state: this.#belief.state,
      age: this.#answeredAt === undefined ? undefined : this.#clock.now() - this.#answeredAt,
      lastError: this.#lastError?.message,
      ...(this.#lookup === undefined ? {} : { lookup: this.#lookup }),
      ...(this.#resolution()?.virtual === true ? { virtual: true } : {}),
      ...(this.#guard.held.length === 0 ? {} : { held: this.#guard.held }),
    };
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#source.close?.();
  }

  #notified(): void {
    if (this.#closed) return;
    this.#news = true;
    const soon = this.#startedAt + NEWS_GAP;
    if (!this.#resolving && soon < this.#due) this.#schedule(soon);
  }

  #schedule(at: Millis): void {
    this.#timer?.cancel();
    this.#due = at;
    if (at === Infinity) return;
    this.#timer = this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#poll(), 'background');
  }

  #poll(): void {
    this.#resolving = true;
    this.#startedAt = this.#clock.now();
    const asked = this.#asked;
    this.#asked = false;
    this.#news = false;
    this.#source.resolve().then(
      (answer) => this.#finished(asked, () => this.#answered(answer, asked)),
      (error: unknown) => this.#finished(asked, () => this.#failed(error instanceof Error ? error : new Error(String(error)))),
    );
  }

  #finished(asked: boolean, believe: () => Consequence): void {
    if (this.#closed) return;
    this.#resolving = false;
    const { next, changed } = believe();
    if (this.#closed) return;
    if (changed) this.#floor = MIN_FLOOR;
    else if (asked) this.#floor = Math.min(this.#floor * 2, MAX_FLOOR);
    const due = this.#clock.now() + next;
    // Wanted again while this one was under way: what it found may be older than the reason.
    const wanted = this.#news ? NEWS_GAP : this.#asked && next !== Infinity ? this.#floor : Infinity;
    this.#schedule(Math.min(due, this.#startedAt + wanted));
  }

  #answered(answer: SourceAnswer, asked: boolean): Consequence {
    const before = this.#resolution();
    const endpoints = this.#believed(answer, before?.endpoints ?? [], asked);
    if (endpoints.length === 0 && !answer.complete) return this.#failed(new Error(`${this.#source.description}: the answer was cut short before its first endpoint`));

    const now = this.#clock.now();
    this.#failures = 0;
    this.#lastError = undefined;
    this.#answeredAt = now;
    this.#lookup = answer.lookup;
    if (endpoints.length === 0) return this.#answeredEmpty(answer, now);

    const resolution: Resolution = { endpoints, complete: answer.complete, source: this.#source.description, virtual: answer.virtual === true };
    const changed = !sameEndpoints(before?.endpoints ?? [], endpoints);
    const told = this.#belief.state === 'fresh' && !changed && before?.complete === resolution.complete;
    this.#belief = { state: 'fresh', resolution };
    if (!told) this.#listener.resolved(resolution);
    return { next: this.#next(answer), changed };
  }

  #believed(answer: SourceAnswer, before: readonly Endpoint[], asked: boolean): readonly Endpoint[] {
    // An empty answer has a rule of its own.
    if (answer.complete && answer.endpoints.length > 0 && !asked) return this.#guard.admit(before, answer.endpoints);
    this.#guard.forget();
    return answer.complete ? answer.endpoints : union(answer.endpoints, before);
  }

  #next(answer: SourceAnswer): Millis {
    if (answer.ttl === Infinity) return Infinity;
    const { refresh } = this.#knobs();
    const doubleTap = answer.ttl === 0 && !this.#ttlWasZero;
    this.#ttlWasZero = answer.ttl === 0;
    if (doubleTap) return MIN_TTL;
    const ttl = this.#ttlWasZero || answer.ttl === undefined ? MAX_TTL : clamp(answer.ttl * SECOND, MIN_TTL, MAX_TTL);
    const affordable = Math.min(((answer.bytes ?? 0) / BYTES_PER_SECOND) * SECOND, ttl);
    const next = this.#jittered(Math.max(Math.min(ttl, refresh), affordable));
    return this.#guard.held.length > 0 ? Math.min(next, MAX_DOUBT) : next;
  }

  #answeredEmpty(answer: SourceAnswer, now: Millis): Consequence {
    const { confirmEmpty, refresh } = this.#knobs();
    const belief = this.#belief;
    const pause = this.#jittered(Math.min(clamp((answer.ttl ?? Infinity) * SECOND, MIN_TTL, MAX_NEGATIVE_TTL), refresh));
    if (belief.state === 'empty') return { next: pause, changed: false };

    const answers = belief.state === 'unconfirmed-empty' ? belief.answers + 1 : 1;
    const since = belief.state === 'unconfirmed-empty' ? belief.since : now;
    const confirmed = answers >= confirmEmpty.answers && now - since >= confirmEmpty.over;
    if (belief.state === 'never' || answer.emptyForSure === true || confirmed) {
      this.#empty();
      return { next: pause, changed: true };
    }
    this.#belief = { state: 'unconfirmed-empty', resolution: belief.resolution, answers, since };
    this.#listener.failed(new Error(`${this.#source.description}: no endpoints, not yet believed (${answers} of ${confirmEmpty.answers} answers)`));
    // The last of the confirming answers is asked for when it counts, not a whole interval later.
    const counts = answers + 1 >= confirmEmpty.answers ? Math.max(MIN_TTL, since + confirmEmpty.over - now) : Infinity;
    return { next: Math.min(pause, counts), changed: false };
  }

  #failed(error: Error): Consequence {
    this.#lastError = error;
    const retry = Math.min(FIRST_RETRY * RETRY_GROWTH ** this.#failures, MAX_RETRY);
    this.#failures += 1;
    const next = Math.max(MIN_RETRY, retry * this.#random.next());
    const age = this.#answeredAt === undefined ? 0 : this.#clock.now() - this.#answeredAt;
    const resolution = this.#resolution();
    if (resolution !== undefined && age > this.#knobs().maxStale) {
      this.#empty();
      return { next, changed: true };
    }
    // Empty answers before and after a failure are not in a row.
    if (resolution !== undefined) this.#belief = { state: 'stale', resolution };
    this.#listener.failed(error);
    return { next, changed: false };
  }

  #empty(): void {
    this.#belief = { state: 'empty' };
    this.#listener.resolved({ endpoints: [], complete: true, source: this.#source.description });
  }

  /** What is in use. */
  #resolution(): Resolution | undefined {
    return 'resolution' in this.#belief ? this.#belief.resolution : undefined;
  }

  #jittered(duration: Millis): Millis {
    return duration * (1 - JITTER * this.#random.next());
  }
}

function clamp(value: Millis, least: Millis, most: Millis): Millis {
  return Math.min(Math.max(value, least), most);
}

/** What is new, and of what was there before that which is not named anew; within the limit, or a service that is always cut would grow for ever. */
function union(answered: readonly Endpoint[], before: readonly Endpoint[]): readonly Endpoint[] {
  const named = new Set<EndpointKey>(answered.map(endpointKey));
  return distinct([...answered, ...before.filter((endpoint) => !named.has(endpointKey(endpoint)))]).endpoints;
}

/** Order means nothing: CoreDNS shuffles addresses. */
function sameEndpoints(some: readonly Endpoint[], others: readonly Endpoint[]): boolean {
  if (some.length !== others.length) return false;
  const byKey = new Map(some.map((endpoint) => [endpointKey(endpoint), endpoint]));
  return others.every((endpoint) => {
    const known = byKey.get(endpointKey(endpoint));
    return known !== undefined && known.weight === endpoint.weight && known.priority === endpoint.priority
      && known.alternate === endpoint.alternate && known.zone === endpoint.zone && known.generation === endpoint.generation && known.ordinal === endpoint.ordinal;
  });
}
