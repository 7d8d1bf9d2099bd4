/**
 * Predictive: how long an answer of this endpoint would take, were it asked now.
 *
 *     score = L × ((R + 1) / (m + 1))^1.25 / max(0.001, p)²
 *
 * L, the predicted latency. Two means of it are kept: F, which follows within 300 ms, and S, which follows within 10 s. Without
 * samples F drifts to S, and S to the mean of the fleet, never to zero: an endpoint of which nothing was heard for long is
 * presumed ordinary, not infinitely fast. One that was never measured is presumed ordinary at once.
 *
 *     S' = fleet + (S − fleet)·e^(−dt/10 s)        L = S' + (F − S')·e^(−dt/300 ms)
 *
 * L is no less than the age of the oldest unanswered attempt, so a hung endpoint looks slow before its first timeout; and no
 * less than what is left of a Retry-After.
 *
 * R attempts are in flight, where m was usual when the samples were taken: the latency is that of a queue of m, and what is in
 * flight now says what the next queue will be. The exponent overstates that a little, as what others sent is not seen. An attempt that
 * failed after a long time tells nothing that its age has not told while it was waited for: F = max(F, elapsed) was tried, and changes
 * nothing (99.953 and 99.951 % beside an endpoint that hangs).
 *
 * Where endpoints report their requests in flight (load-report.ts), R and m are those of all clients:
 *
 *     R = Q' + (Q − Q')·e^(−age/500 ms) + sent since + (W − 1) · own
 *
 * Q is what was reported last, Q' what is usual of that, and an endpoint that never reported has the mean of the fleet. W, reported over own in
 * flight in the mean of the fleet, is about how many clients there are: when this one sends more, so do the others, who have the same report. Without W
 * all run to whoever said last that it is idle, and nothing is gained (mean 12.6 instead of 11.3 ms, where without reports it is 12.5). With it means are
 * 6 to 19 % lower; the 99th percentile hardly is, and where each client sends little and reports are old it is 6 % higher
 * (test/simulation/reported-in-flight.test.ts).
 *
 * p, the share of attempts that succeed; without samples it drifts to 1 within 10 s. A failure never enters F or S, else an
 * endpoint that refuses in 1 ms looks like the fastest one (test/simulation/one-bad-endpoint.test.ts).
 *
 * The trade: it sends unequal numbers of requests to endpoints of unequal speed, which is what it is for, and is wrong where
 * requests are counted or cached by endpoint. What is measured is divided by the usual latency of its route, so that an endpoint
 * that happened to get the slow requests does not look slow.
 *
 * Least predicted response time with a memory of good endpoints (predictive-picker.ts): the normalised queue is Prequal's and C3's
 * idea (NSDI '24, '15), the memory Mitzenmacher, Prabhakar and Shah's (2002), the local view that need not be fresh LSQ's (2020).
 */
import type { Millis } from '../core/clock.ts';
import type { Outcome } from '../core/outcome.ts';
import type { PredictiveKnobs } from '../core/balancer-policy.ts';
import { decay, decayAll } from './decay.ts';
import { IN_FLIGHT, LATENCY, REPORTED, REPORTED_AT, SENT_SINCE, USUAL_REPORTED, QUEUE, RESTS_UNTIL, SAMPLED_AT, SAMPLES, SLOW_LATENCY, SUCCESS, TRIED_AT, WAITING_SINCE, type Figures, type Row } from './figures.ts';
import type { Fleet } from './fleet.ts';
import { LONGEST_RETRY_AFTER, type Knowledge, type Load } from './load.ts';
import type { Shares } from './shares.ts';

/** What is known of an instant's queue is old after this; a pause of a collector takes about as long. */
const FAST: Millis = 300;
/** … and what an endpoint said of it after this. With 200 ms it is about the same. */
const FRESH: Millis = 500;
/** How long an endpoint keeps its character. */
const SLOW: Millis = 10_000;
/**
 * How long a failure is held against it. With 5 s, 50 clients of ten black holes among fifty endpoints lose 1.1 % of their calls, with 10 s
 * 0.7 %; counting a failure twice does the same, but makes more of a shared outage (test/simulation/many-bad-endpoints.test.ts).
 */
const FORGIVING: Millis = 10_000;
/** The least share of a sample in F, in S, and in p: twenty samples make S forget, ten p. */
const FAST_SHARE = 0.3;
const SLOW_SHARE = 0.05;
const SUCCESS_SHARE = 0.1;
/** A score may not become nothing, or how many are in flight would not matter any more: at 10 µs nothing is measured here. */
const LEAST_LATENCY: Millis = 0.01;
/** Squared, a million: as good as never, and still comparable. */
const LEAST_SUCCESS = 0.001;

export class Predictive implements Load {
  protected readonly shares: Shares;
  readonly #knobs: () => PredictiveKnobs;
  readonly #figures: Figures;
  readonly #fleet: Fleet;
  /** Of one `weigh`; kept, so that a pick allocates nothing. */
  #decayed = new Float64Array(2 * 16);
  #queues = new Float64Array(16);
  /** The row of one that is asked for alone. */
  readonly #alone = new Int32Array(1);

  /** Knobs are asked for when they are used, so a policy reload is felt at once and forgets nothing. */
  constructor(knobs: () => PredictiveKnobs, { figures, fleet, shares }: Knowledge) {
    this.#knobs = knobs;
    this.#figures = figures;
    this.#fleet = fleet;
    this.shares = shares;
  }

  weigh(rows: Int32Array, count: number, now: Millis, loads: Float64Array): void {
    const { numbers, predicted } = this.#figures;
    const { latency: fleet, queue, reported } = this.#fleet;
    // `+`: what may be anything would be put on the heap where it is a fraction.
    const usual = fleet.known ? fleet.value : +this.#knobs().initialLatency;
    const presumed = queue.value;
    if (this.#decayed.length < 2 * count) this.#decayed = new Float64Array(4 * count);
    const decayed = this.#decayed;
    for (let place = 0; place < count; place += 1) {
      const row = rows[place]!;
      const sampledAt = numbers[row + SAMPLED_AT]!;
      decayed[2 * place] = (now - sampledAt) / SLOW;
      decayed[2 * place + 1] = (now - sampledAt) / FAST;
      loads[place] = sampledAt === -Infinity ? presumed : predicted[row + QUEUE]!;
    }
    decayAll(decayed, 2 * count);
    // Where weights differ, what counts is the part of what this process sends.
    if (reported.known && this.shares.even) this.#pressure(rows, count, now, loads);
    else this.shares.pressure(rows, count, loads);
    let failing = false;
    for (let place = 0; place < count; place += 1) {
      const row = rows[place]!;
      // As in `latency`, once more, with what decays worked out for all at once (decay.ts).
      const slow = usual + (predicted[row + SLOW_LATENCY]! - usual) * decayed[2 * place]!;
      let latency = Math.max(slow + (numbers[row + LATENCY]! - slow) * decayed[2 * place + 1]!, LEAST_LATENCY);
      // Hardly ever more: quicker to ask than to have the greatest of four made of them.
      const age = now - numbers[row + WAITING_SINCE]!;
      if (age > latency) latency = age;
      const rest = predicted[row + RESTS_UNTIL]! - now;
      if (rest > latency) latency = rest;
      const queue = loads[place]!;
      // x^1.25, without the price of a power.
      loads[place] = latency * queue * Math.sqrt(Math.sqrt(queue));
      if (predicted[row + SUCCESS] !== 1) failing = true;
    }
    if (failing) this.#discount(rows, count, now, loads);
  }

  /** As that of shares.ts, by what is reported. */
  #pressure(rows: Int32Array, count: number, now: Millis, pressures: Float64Array): void {
    this.#lookAtQueues(rows, count, now);
    for (let place = 0; place < count; place += 1) pressures[place] = (this.#queues[place]! + 1) / (pressures[place]! + 1);
  }

  /** Divides loads by what is known of success. */
  #discount(rows: Int32Array, count: number, now: Millis, loads: Float64Array): void {
    const { predicted, history } = this.#figures;
    const decayed = this.#decayed;
    for (let place = 0; place < count; place += 1) decayed[place] = (now - history[rows[place]! + TRIED_AT]!) / FORGIVING;
    decayAll(decayed, count);
    for (let place = 0; place < count; place += 1) {
      const success = Math.max(1 - (1 - predicted[rows[place]! + SUCCESS]!) * decayed[place]!, LEAST_SUCCESS);
      loads[place]! /= success * success;
    }
  }

  /** As it is written above, without asking whether it was ever measured: then all is long ago, and nothing is left but what is usual. */
  latency(row: Row, now: Millis): Millis {
    const { numbers, predicted } = this.#figures;
    const usual = this.#usual();
    const elapsed = now - numbers[row + SAMPLED_AT]!;
    const slow = usual + (predicted[row + SLOW_LATENCY]! - usual) * decay(elapsed / SLOW);
    return slow + (numbers[row + LATENCY]! - slow) * decay(elapsed / FAST);
  }

  queue(row: Row, now: Millis): number {
    if (!this.#fleet.reported.known) return this.#figures.numbers[row + IN_FLIGHT]!;
    this.#alone[0] = row;
    this.#lookAtQueues(this.#alone, 1, now);
    return this.#queues[0]!;
  }

  /** Writes R of each, where endpoints report it. */
  #lookAtQueues(rows: Int32Array, count: number, now: Millis): void {
    const { numbers, reported: reports } = this.#figures;
    const { reported, share } = this.#fleet;
    if (count > this.#queues.length) this.#queues = new Float64Array(2 * count);
    const queues = this.#queues;
    for (let place = 0; place < count; place += 1) queues[place] = (now - reports[rows[place]! + REPORTED_AT]!) / FRESH;
    decayAll(queues, count);
    for (let place = 0; place < count; place += 1) {
      const row = rows[place]!;
      const own = numbers[row + IN_FLIGHT]!;
      const others = (share - 1) * own + Math.min(reports[row + SENT_SINCE]!, own);
      const usual = reports[row + USUAL_REPORTED]!;
      const known = reports[row + REPORTED_AT] === -Infinity ? reported.value : usual + (reports[row + REPORTED]! - usual) * queues[place]!;
      queues[place] = known + others;
    }
  }

  reported(row: Row, inFlight: number, now: Millis): void {
    const { numbers, reported: reports } = this.#figures;
    this.#fleet.reports(inFlight, Math.max(numbers[row + IN_FLIGHT]! - 1, 0));
    if (reports[row + REPORTED_AT] === -Infinity) reports[row + USUAL_REPORTED] = inFlight;
    else reports[row + USUAL_REPORTED]! += Math.max(SLOW_SHARE, 1 - decay((now - reports[row + REPORTED_AT]!) / SLOW)) * (inFlight - reports[row + USUAL_REPORTED]!);
    reports[row + REPORTED] = inFlight;
    reports[row + REPORTED_AT] = now;
    reports[row + SENT_SINCE] = 0;
  }

  observe(row: Row, outcome: Outcome, elapsed: Millis, now: Millis, before: number): void {
    switch (outcome.kind) {
      case 'success':
        this.#sample(row, elapsed, before, now);
        return tried(this.#figures, row, 1, now);
      case 'overload':
        this.#figures.predicted[row + RESTS_UNTIL] = now + Math.min(outcome.retryAfter ?? 0, LONGEST_RETRY_AFTER);
        return tried(this.#figures, row, 0, now);
      case 'failure':
        return tried(this.#figures, row, 0, now);
      case 'cancelled':
        return outcome.outrun ? this.#outrun(row, elapsed, before, now) : undefined;
      case 'local':
        return;
    }
  }

  adopt(row: Row, before: Load, now: Millis): void {
    if (!this.#figures.isMeasured(row)) return;
    const latency = before.latency(row, now);
    this.#figures.forget(row);
    this.#sample(row, latency, this.#fleet.queue.value, now);
  }

  #sample(row: Row, latency: Millis, before: number, now: Millis): void {
    const { numbers, predicted, history } = this.#figures;
    if (!this.#figures.isMeasured(row)) {
      numbers[row + LATENCY] = predicted[row + SLOW_LATENCY] = latency;
      predicted[row + QUEUE] = before;
    } else {
      const elapsed = now - numbers[row + SAMPLED_AT]!;
      const usual = this.#usual();
      const [slowRest, fastRest] = [decay(elapsed / SLOW), decay(elapsed / FAST)];
      // As in `latency`, which would have both worked out once more.
      const slow = usual + (predicted[row + SLOW_LATENCY]! - usual) * slowRest;
      const fast = slow + (numbers[row + LATENCY]! - slow) * fastRest;
      const samples = history[row + SAMPLES]!;
      const share = Math.max(samples < 20 ? 1 / (samples + 1) : 0, SLOW_SHARE, 1 - slowRest);
      predicted[row + SLOW_LATENCY] = slow + share * (latency - slow);
      numbers[row + LATENCY] = fast + Math.max(FAST_SHARE, 1 - fastRest) * (latency - fast);
      predicted[row + QUEUE]! += share * (before - predicted[row + QUEUE]!);
    }
    history[row + SAMPLES]! += 1;
    numbers[row + SAMPLED_AT] = now;
  }

  /** An answer would have taken longer than this. How much longer nobody knows, so it never makes the endpoint look better. */
  #outrun(row: Row, waited: Millis, before: number, now: Millis): void {
    const { predicted } = this.#figures;
    if (waited <= this.latency(row, now)) return;
    this.#sample(row, waited, before, now);
    // What takes long with a short queue takes long without one: believed as quickly as the latency. Hedges keep the queue short.
    if (before < predicted[row + QUEUE]!) predicted[row + QUEUE]! += FAST_SHARE * (before - predicted[row + QUEUE]!);
  }

  #usual(): Millis {
    const { latency } = this.#fleet;
    return latency.known ? latency.value : this.#knobs().initialLatency;
  }
}

function tried({ predicted, history }: Figures, row: Row, succeeded: number, now: Millis): void {
  const before = successRate(predicted, history, row, now);
  const after = before + SUCCESS_SHARE * (succeeded - before);
  // Nearly all endpoints nearly always, and quicker to look at.
  predicted[row + SUCCESS] = after > 1 - 1e-4 ? 1 : after;
  history[row + TRIED_AT] = now;
}

function successRate(predicted: Float64Array, history: Float64Array, row: Row, now: Millis): number {
  const success = predicted[row + SUCCESS]!;
  return success === 1 ? 1 : 1 - (1 - success) * decay((now - history[row + TRIED_AT]!) / FORGIVING);
}
