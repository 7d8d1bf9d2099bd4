/**
 * Weighted round robin: each in its turn, as often as what it reports of its load (load-report.ts) says that it can be asked.
 *
 *     weight = rate / (utilisation + failures / rate × penalty)
 *
 * What a server does per second, for each part of it that is busy with that, is what it could do were it busy altogether. With turns in that
 * proportion all are equally busy, whatever they are and however many clients they have; a server that fails looks busier than it is. Who fails
 * everything at no cost still gets a share, which is what ejection is for.
 *
 * A report counts once its endpoint has been reporting for `blackoutPeriod`, as the first figures of a process that warms up say little, and until
 * `weightExpirationPeriod` after the last one. Without one that counts an endpoint has the mean weight of those that have one; with less than two of
 * those, all have the weights that discovery gave them. A weight is a tenth of the mean at least, or there would never be another report; and ten
 * times the mean at most, or one mistake of one server would draw everything.
 *
 * The trade: the weights are of the last second or so and know nothing of the queue of this moment, so where servers are busy the 99th percentile is
 * several times that of whoever compares two of them at each pick (docs/balancing.md). It is for servers that are costly to
 * keep unequally busy, and for shares that can be foreseen.
 *
 * gRPC's (gRFC A58), which has it from Google's own; the schedule is in stride.ts.
 */
import type { Millis } from '../core/clock.ts';
import type { WeightedKnobs } from '../core/balancer-policy.ts';
import type { Random } from '../core/random.ts';
import { WEIGHT, type Figures } from './figures.ts';
import { InTurn } from './in-turn.ts';
import type { LoadReport } from './load-report.ts';
import type { Candidate, Picker, PickRequest } from './picker.ts';
import { Stride } from './stride.ts';

/** Of the mean, as gRPC has them. */
const LEAST = 0.1;
const MOST = 10;
/** Requests per second, and a part of the whole, below which nothing follows from the one divided by the other. */
const MEASURABLE = 1e-6;

export class Weighted<Some extends Candidate> implements Picker<Some> {
  readonly #knobs: () => WeightedKnobs;
  readonly #stride: Stride;
  readonly #inTurn: InTurn<Some>;
  readonly #figures: Figures;
  #candidates: readonly Some[] = [];
  /** By place. */
  #weights = new Float64Array(0);
  /** Since when a candidate has been reporting, without a gap in which all it said expired. */
  #since = new Map<Some, Millis>();
  /** When the reports are looked at next. */
  #dueAt: Millis = -Infinity;

  /** Knobs are asked for when they are used, so a policy reload is felt at once and forgets nothing. */
  constructor(knobs: () => WeightedKnobs, figures: Figures, random: Random) {
    this.#knobs = knobs;
    this.#figures = figures;
    this.#stride = new Stride(random);
    this.#inTurn = new InTurn(this.#stride, figures);
  }

  use(candidates: readonly Some[], now: Millis): void {
    const before = this.#since;
    this.#candidates = candidates;
    this.#since = new Map();
    for (const candidate of candidates) {
      const since = before.get(candidate);
      if (since !== undefined) this.#since.set(candidate, since);
    }
    this.#inTurn.use(candidates);
    if (candidates.length !== this.#weights.length) this.#weights = new Float64Array(candidates.length);
    this.#weigh(now);
  }

  /** How often its turn comes: 1 as often as that of all in the mean, 2 half as often. */
  load(candidate: Some): number {
    const place = this.#candidates.indexOf(candidate);
    return place === -1 ? 1 : this.#weights.reduce((sum, weight) => sum + weight, 0) / this.#weights.length / this.#weights[place]!;
  }

  pick({ tried }: PickRequest, room: number, now: Millis): Some | undefined {
    const candidates = this.#candidates;
    if (candidates.length < 2) return candidates[0];
    if (now >= this.#dueAt) this.#weigh(now);
    return this.#inTurn.pick(tried, room);
  }

  #weigh(now: Millis): void {
    const [candidates, weights, knobs] = [this.#candidates, this.#weights, this.#knobs()];
    let [known, sum, given] = [0, 0, 0];
    for (let place = 0; place < candidates.length; place += 1) {
      const weight = this.#reported(candidates[place]!, knobs, now);
      weights[place] = weight;
      given += this.#figures.weights[candidates[place]!.row + WEIGHT]!;
      if (weight === 0) continue;
      known += 1;
      sum += weight;
    }
    const mean = sum / known;
    for (let place = 0; place < candidates.length; place += 1) {
      const own = this.#figures.weights[candidates[place]!.row + WEIGHT]!;
      if (known < 2) weights[place] = own;
      else weights[place] = weights[place] === 0 ? (mean * own * candidates.length) / given : Math.min(Math.max(weights[place]!, LEAST * mean), MOST * mean);
    }
    this.#stride.use(weights);
    this.#dueAt = now + knobs.weightUpdatePeriod;
  }

  /** 0 while what it reports does not count. */
  #reported(candidate: Some, knobs: WeightedKnobs, now: Millis): number {
    const { report } = candidate;
    if (report === undefined) return 0;
    const weight = weightOf(report, knobs.errorUtilizationPenalty);
    if (weight === 0 || now - report.at >= knobs.weightExpirationPeriod) {
      this.#since.delete(candidate);
      return 0;
    }
    const since = this.#since.get(candidate);
    if (since === undefined) this.#since.set(candidate, report.at);
    return now - (since ?? report.at) < knobs.blackoutPeriod ? 0 : weight;
  }
}

/** 0 where the report does not say it. */
function weightOf({ requestRate = 0, utilisation = 0, failureRate = 0 }: LoadReport, penalty: number): number {
  if (requestRate < MEASURABLE || utilisation < MEASURABLE) return 0;
  return requestRate / (utilisation + Math.min(failureRate / requestRate, 1) * penalty);
}
