/**
 * Processor sharing: everybody in the house is served at once and more slowly, as by an operating system's scheduler, or an event loop
 * whose requests wait for each other's turns.
 *
 * All jobs progress at the same pace, so they end in the order of `progress so far + own work`: a heap of those, and one arranged
 * event for the next to end.
 */
import type { Millis } from '../../src/core/clock.ts';
import { Server, type Job } from './server.ts';
import type { Happening, Timeline } from './timeline.ts';

export class ProcessorSharingServer extends Server implements Happening {
  readonly workers: number;
  readonly waiting = 0;
  /** What each job that was here all along has been served. */
  #progress = 0;
  #since: Millis = 0;
  #due: Millis = Infinity;
  /** Sorted by when they end, the next one last: few are here at a time. */
  readonly #jobs: { readonly job: Job; readonly endsAt: number }[] = [];

  constructor(timeline: Timeline, chance: () => number, workers: number) {
    super(timeline, chance);
    this.workers = workers;
  }

  happen(now: Millis): void {
    if (now !== this.#due) return;
    this.#advance(now);
    const { job } = this.#jobs.pop()!;
    this.#expect(now);
    this.finish(job, now);
  }

  protected accept(job: Job, now: Millis): void {
    job.startedAt = now;
    this.#advance(now);
    const entry = { job, endsAt: this.#progress + job.work };
    let place = this.#jobs.length;
    while (place > 0 && this.#jobs[place - 1]!.endsAt < entry.endsAt) place -= 1;
    this.#jobs.splice(place, 0, entry);
    this.#expect(now);
  }

  protected speedChanged(now: Millis): void {
    this.#advance(now);
    this.#expect(now);
  }

  #pace(): number {
    return this.speed * Math.min(1, this.workers / Math.max(1, this.#jobs.length));
  }

  #advance(now: Millis): void {
    this.#progress += (now - this.#since) * this.#pace();
    this.#since = now;
  }

  #expect(now: Millis): void {
    const next = this.#jobs.at(-1);
    const pace = this.#pace();
    this.#due = next === undefined || pace === 0 ? Infinity : now + Math.max(0, next.endsAt - this.#progress) / pace;
    if (this.#due !== Infinity) this.timeline.at(this.#due, this);
  }
}
