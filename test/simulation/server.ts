/**
 * Servers that serve in virtual time. What they have in common: a speed that may change at any moment (an antagonist on the same
 * machine, a pause for garbage collection is speed 0), faults, and what a server could report about itself.
 *
 * They never learn that a caller gave up, as most HTTP servers do not: the work is done all the same.
 */
import type { Millis } from '../../src/core/clock.ts';
import type { Happening, Timeline } from './timeline.ts';

/** One request at a server. */
export interface Job {
  /** What is left to do: milliseconds at speed 1. */
  work: Millis;
  /** Requests here when it came, for who wants to know latency by load. */
  found: number;
  arrivedAt: Millis;
  startedAt: Millis;
  answered(failed: boolean, now: Millis): void;
}

/** It answers a share of the requests with a failure, after so long and without doing anything; `never`: it takes them and says nothing. */
export type Fault = { readonly after: Millis; readonly share: number } | 'never';

/** What some servers say of themselves with each answer. */
export interface Report {
  /** Requests in flight here, from everybody. */
  readonly inFlight: number;
  /** Of them, waiting for a worker. */
  readonly waiting: number;
  /** What serving took lately, without waiting. */
  readonly serviceTime: Millis;
  /** Share of its capacity in use over the last second or so, all causes together. */
  utilisation(now: Millis): number;
  /** Answers, and failures, per second over the same time. */
  requestRate(now: Millis): number;
  failureRate(now: Millis): number;
}

const REPORTED_OVER: Millis = 1_000;
const REFUSED_AFTER: Millis = 0.5;

/** A rate over the last second, roughly: an exponentially weighted count. */
class Rate {
  #level = 0;
  #at: Millis = 0;

  add(amount: number, now: Millis): void {
    this.#level = this.value(now) + amount / REPORTED_OVER;
    this.#at = now;
  }

  /** Per millisecond. */
  value(now: Millis): number {
    return this.#level * Math.exp((this.#at - now) / REPORTED_OVER);
  }
}

export abstract class Server implements Report {
  readonly timeline: Timeline;
  inFlight = 0;
  serviceTime: Millis = 0;
  /** Nobody listens any more: connections are refused, what is here is finished. */
  closed = false;
  /** Chance, for faults that are not certain. */
  readonly chance: () => number;
  readonly #busy = new Rate();
  readonly #requests = new Rate();
  readonly #failures = new Rate();
  #speed = 1;
  #fault: Fault | undefined = undefined;
  /** Requests taken that will never be answered. */
  #stuck = 0;

  constructor(timeline: Timeline, chance: () => number) {
    this.timeline = timeline;
    this.chance = chance;
  }

  abstract readonly waiting: number;
  abstract readonly workers: number;
  protected abstract accept(job: Job, now: Millis): void;
  protected abstract speedChanged(now: Millis): void;

  get speed(): number {
    return this.#speed;
  }

  setSpeed(speed: number, now: Millis): void {
    if (speed === this.#speed) return;
    this.speedChanged(now);
    this.#speed = speed;
    this.speedChanged(now);
  }

  /** Over it is as after a restart: what it was stuck with is gone. */
  setFault(fault: Fault | undefined): void {
    this.#fault = fault;
    this.inFlight -= this.#stuck;
    this.#stuck = 0;
  }

  arrive(job: Job, now: Millis): void {
    const fault = this.#fault;
    job.arrivedAt = now;
    if (this.closed) return this.timeline.at(now + REFUSED_AFTER, new Refusal(job, this));
    if (fault !== undefined && fault !== 'never' && (fault.share >= 1 || this.chance() < fault.share)) {
      return this.timeline.at(now + fault.after, new Refusal(job, this));
    }
    job.found = this.inFlight++;
    if (fault === 'never') this.#stuck += 1;
    else this.accept(job, now);
  }

  utilisation(now: Millis): number {
    return Math.min(1, this.#busy.value(now) / this.workers);
  }

  requestRate(now: Millis): number {
    return this.#requests.value(now) * 1_000;
  }

  failureRate(now: Millis): number {
    return this.#failures.value(now) * 1_000;
  }

  refused(job: Job, now: Millis): void {
    this.#requests.add(1, now);
    this.#failures.add(1, now);
    job.answered(true, now);
  }

  protected finish(job: Job, now: Millis): void {
    this.inFlight -= 1;
    const took = now - job.startedAt;
    this.serviceTime = this.serviceTime === 0 ? took : this.serviceTime + 0.1 * (took - this.serviceTime);
    this.#busy.add(took, now);
    this.#requests.add(1, now);
    job.answered(false, now);
  }
}

class Refusal implements Happening {
  readonly #job: Job;
  readonly #server: Server;

  constructor(job: Job, server: Server) {
    this.#job = job;
    this.#server = server;
  }

  happen(now: Millis): void {
    this.#server.refused(this.#job, now);
  }
}

/** A few workers, first come first served: a thread pool, or with one worker a busy event loop. */
export class FifoServer extends Server {
  readonly workers: number;
  readonly #running: Completion[] = [];
  readonly #queue: Job[] = [];
  #head = 0;

  constructor(timeline: Timeline, chance: () => number, workers: number) {
    super(timeline, chance);
    this.workers = workers;
  }

  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  protected accept(job: Job, now: Millis): void {
    if (this.#running.length < this.workers) this.#start(job, now);
    else this.#queue.push(job);
  }

  /** Called before the speed changes, to book what was done at the old one, and after, to expect the end at the new one. */
  protected speedChanged(now: Millis): void {
    for (const completion of this.#running) completion.revise(now);
  }

  done(completion: Completion, now: Millis): void {
    const running = this.#running;
    const last = running.pop()!;
    if (last !== completion) running[running.indexOf(completion)] = last;
    this.finish(completion.job, now);
    if (this.#head === this.#queue.length) return;
    const next = this.#queue[this.#head]!;
    this.#head += 1;
    if (this.#head > 1_000 && this.#head * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    this.#start(next, now);
  }

  #start(job: Job, now: Millis): void {
    job.startedAt = now;
    this.#running.push(new Completion(this, job, now));
  }
}

/** The end of a job. Where the speed changed meanwhile, what was arranged for it comes too early or not at all. */
class Completion implements Happening {
  readonly job: Job;
  readonly #server: FifoServer;
  #since: Millis;
  #due: Millis;

  constructor(server: FifoServer, job: Job, now: Millis) {
    this.#server = server;
    this.job = job;
    this.#since = now;
    this.#due = this.#arrange(now);
  }

  revise(now: Millis): void {
    this.job.work = Math.max(0, this.job.work - (now - this.#since) * this.#server.speed);
    this.#since = now;
    this.#due = this.#arrange(now);
  }

  happen(now: Millis): void {
    if (now !== this.#due) return;
    this.#due = NaN;
    this.#server.done(this, now);
  }

  #arrange(now: Millis): Millis {
    const { speed, timeline } = this.#server;
    if (speed === 0) return Infinity;
    const due = now + this.job.work / speed;
    if (due !== this.#due) timeline.at(due, this);
    return due;
  }
}

/** All requests at once, each at its own pace: latency does not depend on load. */
export class InfiniteServer extends Server {
  readonly workers = 1;
  readonly waiting = 0;

  protected accept(job: Job, now: Millis): void {
    job.startedAt = now;
    this.timeline.at(now + job.work / this.speed, { happen: (at) => this.finish(job, at) });
  }

  /** Those on their way have been answered in thought already. */
  protected speedChanged(): void {}
}
