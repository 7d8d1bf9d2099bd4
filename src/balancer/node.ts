/**
 * Node: an endpoint, and what this process knows of it: how loaded it looks, how its attempts went lately, whether it is
 * ejected, what is in flight. Every attempt is reported through the ticket that `begin` returns, so nobody can forget which
 * endpoint it was.
 *
 * What the node's record means for its ejection is not decided here but by the one who compares it with the others
 * (ejection.ts); the node tells it what happened.
 */
import type { Clock, Millis } from '../core/clock.ts';
import type { EjectionReason } from '../core/events.ts';
import type { Stalls } from '../core/stalls.ts';
import type { Endpoint, EndpointKey } from '../core/endpoint.ts';
import type { Outcome, OutcomeKind } from '../core/outcome.ts';
import type { OutlierKnobs, Switchable } from '../core/policy.ts';
import { SENT_SINCE, SINCE, type FigureArray, type Figures, type Row } from './figures.ts';
import type { Fleet } from './fleet.ts';
import { neverChecked, type Health } from './health.ts';
import { HealthRecord } from './health-record.ts';
import { Flight, InFlight } from './in-flight.ts';
import type { Load } from './load.ts';
import type { LoadReport } from './load-report.ts';
import type { FleetTally } from './matched.ts';
import type { Candidate, Picker } from './picker.ts';
import type { Shares } from './shares.ts';
import type { SlowStart } from './slow-start.ts';

/** Traffic goes to it. `ejections` in a row came before, the last one of `duration`. */
export interface Available {
  readonly kind: 'available';
  readonly since: Millis;
  readonly ejections: number;
  readonly duration: Millis;
}

/** No traffic until `until`, then one trial attempt at a time. */
export interface Ejected {
  readonly kind: 'ejected';
  /** When it was taken out, before any failed trial. */
  readonly since: Millis;
  readonly until: Millis;
  /** In a row, this one included. */
  readonly ejections: number;
  readonly duration: Millis;
  readonly reason: EjectionReason;
  /** Its success rate then, and that of the others. */
  readonly successRate: number;
  readonly fleetSuccessRate: number;
}

/** The ejection is over if this attempt succeeds; if nothing is heard of it until the lease ends, another may go. */
export interface Trial {
  readonly kind: 'trial';
  readonly of: Ejected;
  readonly ticket: Ticket;
  readonly leaseUntil: Millis;
}

export type EjectionState = Available | Ejected | Trial;

/** From when on a trial attempt may go; never for what is available. */
export function trialDueAt(state: EjectionState): Millis {
  if (state.kind === 'available') return Infinity;
  return state.kind === 'ejected' ? state.until : state.leaseUntil;
}

/** Who decides about ejections. */
export interface Judge {
  /** An attempt begins at an endpoint that is not available. */
  begun(node: Node, ticket: Ticket, now: Millis): void;
  /** Its trial attempt has an outcome. Called before a success is recorded and after anything else is. */
  tried(node: Node, outcome: OutcomeKind, now: Millis): void;
  /** A failure has been recorded. `unreachable`: there was not even a connection. */
  failed(node: Node, now: Millis, unreachable: boolean): void;
}

/** What all nodes of a cluster share. */
export interface NodeContext {
  readonly clock: Clock;
  /** Of this process; undefined where it is believed never to stall. */
  readonly stalls: Stalls | undefined;
  readonly figures: Figures;
  readonly fleet: Fleet;
  readonly shares: Shares;
  readonly tally: FleetTally;
  readonly slowStart: SlowStart;
  /** As `balancer.type` says; others where a reload changed it. */
  load: Load;
  picker: Picker<Node>;
  readonly outlier: () => Switchable<OutlierKnobs>;
  readonly judge: Judge;
}

type Totals = Record<OutcomeKind, number>;

const neverAttempted: Readonly<Totals> = { success: 0, failure: 0, overload: 0, local: 0, cancelled: 0 };
const neverEjected: Available = { kind: 'available', since: -Infinity, ejections: 0, duration: 0 };

export class Node implements Candidate {
  readonly key: EndpointKey;
  /** Weight and priority change with an answer; host and port are the node's identity. */
  endpoint: Endpoint;
  /** Where it runs, by whoever said it. */
  zone: string | undefined = undefined;
  /** Moved by ejection.ts alone. */
  ejection: EjectionState = neverEjected;
  /** What active checks say of it. Moved by health-checks.ts alone. */
  health: Health = neverChecked;
  /** What it last said of its own load. */
  report: LoadReport | undefined = undefined;
  #totals: Totals | undefined = undefined;
  readonly #context: NodeContext;
  /** Where its figures are; nobody's, once it is forgotten for good. */
  row: Row;
  readonly #inFlight: InFlight;
  /** How its figures are to be read. */
  #load: Load;
  /** How its attempts went, as far as that says something of its health. */
  readonly record: HealthRecord;
  /** Attempts that began before this say nothing any more. */
  #knownSince: Millis = -Infinity;
  /** … and those before this nothing of its health. */
  #recordedSince: Millis = -Infinity;
  #left = false;

  /** `key`: of the endpoint, the same text that the directory has. `since`: when discovery first named it. */
  constructor(key: EndpointKey, endpoint: Endpoint, since: Millis, context: NodeContext) {
    this.key = key;
    this.endpoint = endpoint;
    this.#context = context;
    this.#load = context.load;
    this.record = new HealthRecord(context.tally);
    this.#inFlight = new InFlight(context.figures);
    this.row = context.figures.take();
    context.figures.history[this.row + SINCE] = since;
  }

  /** Attempts with each outcome, since this process knows the endpoint. */
  get totals(): Readonly<Totals> {
    return this.#totals ?? neverAttempted;
  }

  get heldBack(): boolean {
    return this.#context.slowStart.holdsBack(this.row);
  }

  /** Which part of its share it gets. */
  part(now: Millis): number {
    return this.#context.slowStart.part(this.row, now);
  }

  /** As figures.ts names it, and the array it is in. */
  figure(array: FigureArray, which: number): number {
    return this.#context.figures[array][this.row + which]!;
  }

  get pending(): number {
    return this.#inFlight.count(this.row);
  }

  /** Whether its latency is its own, or what the fleet lets presume. */
  get measured(): boolean {
    return this.#context.figures.isMeasured(this.row);
  }

  latency(now: Millis): Millis {
    return this.#load.latency(this.row, now);
  }

  /** An attempt goes to this endpoint now. `route`: what takes long on one route may be quick on another. */
  begin(route?: string, now = this.#context.clock.now()): Ticket {
    const ticket = new Ticket(this, now, route);
    ticket.before = this.#load.queue(this.row, now);
    this.#inFlight.begin(ticket, this.row);
    this.#context.figures.reported[this.row + SENT_SINCE]! += 1;
    this.#context.stalls?.begin(now);
    this.#context.shares.inFlight += 1;
    if (this.ejection.kind !== 'available') this.#context.judge.begun(this, ticket, now);
    return ticket;
  }

  /** It said how loaded it is, with an answer. One that refuses is idle, and says so: that is nothing to be drawn to. */
  reports(report: LoadReport, answer: OutcomeKind): void {
    this.report = report;
    // Its own is over with this answer.
    if (report.inFlight !== undefined && answer === 'success') this.#load.reported(this.row, Math.max(report.inFlight - 1, 0), report.at);
  }

  /** A clean record: what was known of it is of another time, and so is what began before `since` and is still on its way. */
  startOver(since: Millis): void {
    this.clearRecord(since);
    this.#context.figures.forget(this.row);
    this.#knownSince = since;
  }

  /** The same for its health alone: it was ejected only in name, had its traffic all the time, and its load is what it is. */
  clearRecord(since: Millis): void {
    this.record.clear();
    this.#recordedSince = since;
  }

  /** It had no traffic for so long, and has some again. */
  returned(away: Millis, now: Millis): void {
    this.#context.slowStart.returned(this.row, away, now);
  }

  /** It left the set or the subset: what is in flight ends, and changes nothing. */
  leave(): void {
    this.#left = true;
  }

  /** It is back, and what was known of it still holds. */
  comeBack(): void {
    this.#left = false;
    this.rebalance();
  }

  /** It does not come back as what it was; its row is for others. */
  forgotten(): void {
    this.row = this.#context.figures.give(this.row);
  }

  /** Load may be judged in another way from now on. */
  rebalance(): void {
    const { load, clock } = this.#context;
    if (load === this.#load) return;
    load.adopt(this.row, this.#load, clock.now());
    this.#load = load;
  }

  /** For the ticket alone. */
  settled(ticket: Ticket, outcome: Outcome, since: Millis): void {
    this.#inFlight.answered(ticket, this.row);
    this.#context.stalls?.end();
    this.#count(outcome.kind, 1);
    // Attempts that hung until their timeout, while the endpoint was ejected and came back, would eject it again for its past.
    if (ticket.startedAt < this.#knownSince || this.#left) return;
    const now = this.#context.clock.now();
    const trial = this.ejection.kind === 'trial' && this.ejection.ticket === ticket;
    if (trial && outcome.kind === 'success') this.#context.judge.tried(this, 'success', now);
    let elapsed = this.#elapsed(since, now);
    if (outcome.kind === 'success') elapsed = this.#context.fleet.answered(elapsed, ticket.before, ticket.route);
    else if (outcome.outrun) elapsed = this.#context.fleet.ordinary(elapsed, ticket.route);
    this.#load.observe(this.row, outcome, elapsed, now, ticket.before);
    if (ticket.startedAt >= this.#recordedSince && (outcome.kind === 'success' || outcome.kind === 'failure')) this.#record(outcome, now);
    if (trial && outcome.kind !== 'success') this.#context.judge.tried(this, outcome.kind, now);
  }

  /** For the ticket alone: what was settled as a success broke off by the endpoint's fault, and is counted as that instead. */
  broken(ticket: Ticket): void {
    this.#count('success', -1);
    this.#count('failure', 1);
    const knobs = this.#context.outlier();
    if (ticket.startedAt < this.#recordedSince || this.#left || knobs === 'off') return;
    const now = this.#context.clock.now();
    this.record.brokeOff(now, knobs);
    this.#context.judge.failed(this, now, false);
  }

  /** For the ticket alone. */
  released(ticket: Ticket, outcome: OutcomeKind): void {
    this.#inFlight.end(this.row);
    this.#context.shares.inFlight -= 1;
    if (outcome !== 'success' || this.#left) return;
    if (ticket.startedAt >= this.#recordedSince) this.record.completed();
    this.#context.picker.succeeded?.(this, this.#context.clock.now());
  }

  /**
   * How long an answer took. Where this process stalled it came at some time since the stall began, nobody knows when: then it is what was
   * expected, as near as that can be.
   */
  #elapsed(since: Millis, now: Millis): Millis {
    const longest = now - since;
    const read = this.#context.stalls?.since(now) ?? now;
    if (read >= now) return longest;
    return Math.min(Math.max(this.latency(now), read - since, 0), longest);
  }

  #count(kind: OutcomeKind, more: number): void {
    this.#totals ??= { ...neverAttempted };
    this.#totals[kind] += more;
  }

  #record({ kind, unreachable }: Outcome, now: Millis): void {
    const knobs = this.#context.outlier();
    if (knobs === 'off') return;
    const failed = kind === 'failure';
    this.record.count(failed, now, knobs);
    if (failed) this.#context.judge.failed(this, now, unreachable === true);
  }
}

const cancelled: Outcome = { kind: 'cancelled' };

/** One attempt at a node. `settle` says what came of it, `release` that it is over; each counts once. */
export class Ticket extends Flight {
  readonly route: string | undefined;
  readonly #node: Node;
  #outcome: OutcomeKind | undefined = undefined;
  #released = false;

  constructor(node: Node, startedAt: Millis, route: string | undefined) {
    super(startedAt);
    this.route = route;
    this.#node = node;
  }

  /**
   * Counts as a latency sample and for the endpoint's health. Only the first outcome is taken. `since`: from when on the
   * endpoint could answer, where that is not the beginning.
   */
  settle(outcome: Outcome, since: Millis = this.startedAt): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome.kind;
    this.#node.settled(this, outcome, since);
  }

  /** The body ended, or there is none. Whoever releases without having settled says nothing about the endpoint. */
  release(): void {
    if (this.#released) return;
    this.settle(cancelled);
    this.#released = true;
    this.#node.released(this, this.#outcome!);
  }

  /**
   * The body broke off with this outcome. Where a success was settled already, a failure takes its place for health: an
   * endpoint that breaks off every body does nothing well. The latency of the first byte stays true.
   */
  breakOff(outcome: Outcome): void {
    if (this.#outcome === 'success' && outcome.kind === 'failure' && !this.#released) {
      this.#outcome = outcome.kind;
      this.#node.broken(this);
    }
    this.settle(outcome);
    this.release();
  }
}
