/**
 * Ejection: an endpoint that is an outlier (outlier.ts) gets no traffic for a while, then one trial attempt at a time.
 *
 *     available ──outlier──▶ ejected ──time passes, an attempt begins──▶ trial ──success──▶ available, with a clean record
 *                               ▲                                         │
 *                               ├──failure or overload, for longer────────┤
 *                               └──local or cancelled, due at once────────┘
 *
 * No connection is no matter of statistics: nothing can be done there now, and it says so of itself alone. One such failure is
 * enough, as a gRPC subchannel in TRANSIENT_FAILURE gets no calls until its backoff is over. The limits hold all the same, and
 * where the others fail as well the fault is likely on this side.
 *
 * The next ejection of an endpoint takes twice as long, unless it stayed healthy for as long as the last one took, or for the
 * window of what is counted where that is longer. That an overload fails the trial is linkerd2-proxy's choice (breaker/unified.rs).
 *
 * There are no timers: whether an ejection is over is read from the clock when somebody picks, so a stalled process does not
 * believe that time passed for the endpoint as well. A trial has a lease, so one that is lost blocks nothing
 * (resilience4j#935: stuck half-open).
 *
 * `move` is the only place that changes a node's state, and events are emitted there. Where the policy says `observe`,
 * everything is decided and reported just the same; it is the choice of candidates that does not look (candidates.ts).
 */
import type { Millis } from '../core/clock.ts';
import { mostEjected } from '../core/ejection-limit.ts';
import type { EjectionReason, Emit } from '../core/events.ts';
import type { OutcomeKind } from '../core/outcome.ts';
import type { OutlierKnobs, RelativeKnobs, Switchable } from '../core/policy.ts';
import { below, type Random } from '../core/random.ts';
import { trialDueAt, type Available, type Ejected, type EjectionState, type Judge, type Node, type Ticket, type Trial } from './node.ts';
import { ejectionDuration, isBelow, isOutlier, successRate, windowOf, type Tally } from './outlier.ts';

/** The default deadline of a call: what has not ended by then has been given up by whoever sent it. */
const TRIAL_LEASE: Millis = 30_000;

/**
 * The others' success rate is taken from at most this many of them, from a random place on. The test accounts for the size of
 * its samples; looking at ten thousand nodes for each failure of an outage would not make the answer better.
 */
const MOST_PEERS = 100;

export interface EjectionDeps {
  readonly service: string;
  readonly random: Random;
  readonly knobs: () => Switchable<OutlierKnobs>;
  readonly emit: Emit;
  /** States moved: the candidates are to be chosen anew. */
  readonly moved: (now: Millis) => void;
  /** An endpoint was taken out. */
  readonly ejected: () => void;
  /** How many get no traffic for another reason: health checks. */
  readonly unhealthy: () => number;
}

export class Ejection implements Judge {
  readonly #deps: EjectionDeps;
  #nodes: readonly Node[] = [];
  #ejected = 0;
  /** Whose ejection was reported as forbidden since the number of ejected ones last changed. */
  readonly #reported = new Set<Node>();

  constructor(deps: EjectionDeps) {
    this.#deps = deps;
  }

  /** Nodes that get no ordinary traffic, or would not if it were not only observed. */
  get count(): number {
    return this.#ejected;
  }

  /** From now on these are all there are. */
  reconcile(nodes: readonly Node[]): void {
    this.#nodes = nodes;
    this.#ejected = nodes.reduce((sum, node) => (node.ejection.kind === 'available' ? sum : sum + 1), 0);
    this.#reported.clear();
  }

  /** The endpoint leaves; of a trial under way nothing will be heard, so it is due for another should it come back. */
  left(node: Node, now: Millis): void {
    if (node.ejection.kind === 'trial') this.#move(node, node.ejection.of, now);
  }

  /** The mechanism was switched off: whatever it took out is back, and nothing is counted from here on. */
  clear(now: Millis): void {
    for (const node of this.#nodes) {
      node.record.clear();
      if (node.ejection.kind !== 'available') this.#return(node, ejectionOf(node.ejection), now);
    }
  }

  begun(node: Node, ticket: Ticket, now: Millis): void {
    const state = node.ejection;
    if (state.kind === 'available' || now < trialDueAt(state)) return;
    this.#move(node, { kind: 'trial', of: ejectionOf(state), ticket, leaseUntil: now + TRIAL_LEASE }, now);
  }

  tried(node: Node, outcome: OutcomeKind, now: Millis): void {
    if (node.ejection.kind !== 'trial') return;
    const last = node.ejection.of;
    const knobs = this.#deps.knobs();
    if (outcome === 'success') this.#return(node, last, now);
    else if (outcome === 'local' || outcome === 'cancelled' || knobs === 'off') this.#move(node, last, now);
    else this.#eject(node, 'trial-failed', last.since, last.ejections + 1, now, knobs);
  }

  failed(node: Node, now: Millis, unreachable: boolean): void {
    const knobs = this.#deps.knobs();
    const state = node.ejection;
    if (knobs === 'off' || state.kind !== 'available') return;
    const reason = this.#reason(node, now, unreachable, knobs);
    if (reason === undefined) return;
    if (!this.#mayEject(knobs)) return this.#limited(node);
    const rested = now - state.since >= Math.max(state.duration, windowOf(knobs));
    this.#eject(node, reason, now, rested ? 1 : state.ejections + 1, now, knobs);
  }

  /** One that is both ejected and unhealthy counts twice, to be on the safe side. */
  #mayEject({ ejection }: OutlierKnobs): boolean {
    const total = this.#nodes.length;
    const remaining = total - this.#ejected - this.#deps.unhealthy() - 1;
    return this.#ejected < mostEjected(total, ejection) && remaining >= ejection.minRemaining;
  }

  #reason(node: Node, now: Millis, unreachable: boolean, knobs: OutlierKnobs): EjectionReason | undefined {
    const { relative, consecutiveFailures, successRate } = knobs;
    if (relative !== 'off' && this.#isWorse(node, now, unreachable, relative)) return unreachable ? 'unreachable' : 'outlier';
    if (consecutiveFailures !== 'off' && node.record.failuresInARow >= consecutiveFailures) return 'consecutive-failures';
    if (successRate !== 'off' && isBelow(node.record.rated(now, knobs), successRate)) return 'success-rate';
    return undefined;
  }

  #isWorse(node: Node, now: Millis, unreachable: boolean, knobs: RelativeKnobs): boolean {
    if (this.#nodes.length < 2) return false;
    if (unreachable) return successRate(this.#others(node, now, knobs.window)) > knobs.fleetAbove;
    const own = node.record.recent(now, knobs.window);
    // Cheap answers first: in an outage this is asked for every attempt.
    if (own.successes + own.failures < knobs.minRequests || 1 - successRate(own) <= knobs.gap) return false;
    return node.record.standsOut(knobs.sigmas) && isOutlier(own, this.#others(node, now, knobs.window), knobs);
  }

  #others(node: Node, now: Millis, window: Millis): Tally {
    const count = this.#nodes.length;
    const from = count > MOST_PEERS ? below(this.#deps.random, count) : 0;
    let successes = 0;
    let failures = 0;
    for (let step = 0; step < Math.min(count, MOST_PEERS); step += 1) {
      const other = this.#nodes[(from + step) % count]!;
      if (other === node) continue;
      const recent = other.record.recent(now, window);
      successes += recent.successes;
      failures += recent.failures;
    }
    return { successes, failures };
  }

  #limited(node: Node): void {
    if (this.#reported.has(node)) return;
    this.#reported.add(node);
    const { service, emit } = this.#deps;
    emit('endpoint.ejection.limited', { service, endpoint: node.key, ejected: this.#ejected, total: this.#nodes.length });
  }

  #eject(node: Node, reason: EjectionReason, since: Millis, ejections: number, now: Millis, knobs: OutlierKnobs): void {
    const duration = ejectionDuration(ejections, knobs.ejection, this.#deps.random);
    const window = windowOf(knobs);
    const rates = { successRate: successRate(node.record.recent(now, window)), fleetSuccessRate: successRate(this.#others(node, now, window)) };
    this.#move(node, { kind: 'ejected', since, until: now + duration, ejections, duration, reason, ...rates }, now);
  }

  #return(node: Node, last: Ejected, now: Millis): void {
    const available: Available = { kind: 'available', since: now, ejections: last.ejections, duration: last.duration };
    this.#move(node, available, now);
  }

  #move(node: Node, next: EjectionState, now: Millis): void {
    const { service, emit, moved, ejected, knobs } = this.#deps;
    const policy = knobs();
    const enforced = policy !== 'off' && policy.mode === 'enforce';
    const last = node.ejection;
    const change = Number(next.kind !== 'available') - Number(last.kind !== 'available');
    node.ejection = next;
    this.#ejected += change;
    if (change !== 0) this.#reported.clear();
    if (next.kind === 'available' && last.kind !== 'available') {
      const since = last.kind === 'trial' ? last.ticket.startedAt : now;
      const after = now - ejectionOf(last).since;
      if (enforced) {
        node.startOver(since);
        node.returned(after, now);
      } else {
        node.clearRecord(since);
      }
      emit('endpoint.returned', { service, endpoint: node.key, after });
    }
    // A trial that said nothing goes back to the ejection it was of, which is no new one.
    if (next.kind === 'ejected' && !(last.kind === 'trial' && last.of === next)) {
      const { reason, duration, ejections, successRate, fleetSuccessRate } = next;
      emit('endpoint.ejected', { service, endpoint: node.key, reason, duration, ejections, successRate, fleetSuccessRate, enforced });
      ejected();
    }
    moved(now);
  }
}

function ejectionOf(state: Ejected | Trial): Ejected {
  return state.kind === 'ejected' ? state : state.of;
}
