/**
 * Rollout: to which version a route's next call goes.
 *
 *     before the start ──▶ step 1 ──▶ step 2 … ──▶ the last      by the time of day, asked with each call (schedule.ts)
 *                            └── holdOn ──▶ held at this step, or rolled back      on this client's own evidence
 *
 * The weights of the step are shared out by turns (split.ts), or by who the user is (sticky.ts). A version without endpoints is reported, and
 * with `fallback` its share goes to the others; the same users come back when it has endpoints again.
 *
 * What is held or rolled back stays so until the policy says another schedule: that it goes well again with few calls, or none, is no reason
 * to give the version more of them. A process that restarts knows nothing of it, and gathers its evidence anew.
 */
import type { HeaderList } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { OutcomeWindow } from '../core/outcome-window.ts';
import type { Random } from '../core/random.ts';
import type { HoldOnKnobs, Schedule, Sticky, Targets, Weights } from '../core/route.ts';
import { RequestReading, type Condition } from './conditions.ts';
import { positionAt, type Position } from './schedule.ts';
import { Split } from './split.ts';
import { circle, pointOf, rearranged, versionAt, type Circle } from './sticky.ts';

export interface RolloutDeps {
  readonly service: string;
  readonly route: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: Emit;
  /** Of the policy that holds; the same object as long as nothing changed. */
  readonly targets: () => Targets;
  /** Discovery has said that this version has no endpoint. */
  readonly isEmpty: (version: string) => boolean;
}

/** What made a schedule stop, and where. */
interface Stop {
  readonly kind: 'held' | 'rolled-back';
  readonly step: number;
  readonly weights: Weights;
}

/** As it stands, for people. */
export interface RolloutState {
  readonly weights: Weights;
  /** 0 before the start; undefined without a schedule. */
  readonly step: number | undefined;
  readonly stopped: Stop['kind'] | undefined;
}

/** How calls are shared out now. */
interface Shares {
  readonly split: Split;
  readonly circle: Circle;
}

export class Rollout {
  readonly #deps: RolloutDeps;
  readonly #window = new OutcomeWindow();
  #targets: Targets;
  #reading: StickyReading | undefined;
  #position: Position | undefined;
  #stop: Stop | undefined;
  /** A mistrust that only observes was told of at this step. */
  #toldAt: number | undefined;
  /** Weights of the step, or of where it stopped. */
  #weights: Weights;
  /** Versions of it that are out of endpoints. */
  #empty: ReadonlySet<string> = new Set();
  #shares: Shares | undefined;

  constructor(deps: RolloutDeps) {
    this.#deps = deps;
    this.#targets = deps.targets();
    this.#weights = this.#targets.weights;
    this.#reading = this.#targets.sticky === undefined ? undefined : new StickyReading(this.#targets.sticky);
  }

  /** Undefined where every weight is 0. `hashKey` is the call's. */
  choose(request: { readonly headers: HeaderList }, hashKey: string | undefined): string | undefined {
    this.#follow();
    const { split, circle: sides } = (this.#shares ??= this.#sharesNow());
    const key = this.#reading?.keyOf(request, hashKey);
    return key === undefined ? split.next() : versionAt(sides, pointOf(this.#deps.service, key));
  }

  /** Changes nothing. */
  state(): RolloutState {
    const { schedule } = this.#deps.targets();
    const stop = this.#stop;
    if (schedule === undefined) return { weights: this.#deps.targets().weights, step: undefined, stopped: undefined };
    const step = stop?.step ?? positionAt(schedule, this.#deps.clock.wall()).step;
    return { weights: stop?.weights ?? weightsOf(this.#deps.targets(), step), step: step + 1, stopped: stop?.kind };
  }

  /** Which version this request would go to with which probability. Changes nothing. */
  shares(request: { readonly headers: HeaderList }, hashKey: string | undefined): { readonly shares: ReadonlyMap<string, number>; readonly sticky: boolean } {
    const { weights, step = 0 } = this.state();
    const targets = this.#deps.targets();
    const left = targets.fallback ? without(weights, this.#empty) : weights;
    const shared = hasWeight(left) ? left : weights;
    const key = this.#reading?.keyOf(request, hashKey);
    if (key !== undefined) {
      let sides = sidesAt(targets, step - 1);
      for (const next of [weights, shared]) sides = rearranged(sides, next);
      const version = versionAt(sides, pointOf(this.#deps.service, key));
      return { shares: new Map(version === undefined ? [] : [[version, 1]]), sticky: true };
    }
    const total = [...shared.values()].reduce((sum, weight) => sum + weight, 0);
    return { shares: new Map(total === 0 ? [] : [...shared].map(([version, weight]) => [version, weight / total])), sticky: false };
  }

  /** What came of an attempt that went to a version. */
  record(version: string, failed: boolean): void {
    const holdOn = this.#judging(version);
    if (holdOn === undefined) return;
    this.#window.record(failed, this.#deps.clock.now(), holdOn.window);
    this.#judge(holdOn);
  }

  /** What was recorded as a success turned out a failure. */
  revise(version: string): void {
    const holdOn = this.#judging(version);
    if (holdOn === undefined) return;
    this.#window.revise(this.#deps.clock.now(), holdOn.window);
    this.#judge(holdOn);
  }

  #judging(version: string): HoldOnKnobs | undefined {
    const { schedule } = this.#deps.targets();
    return schedule?.holdOn?.version === version && this.#stop === undefined ? schedule.holdOn : undefined;
  }

  #judge(holdOn: HoldOnKnobs): void {
    this.#follow();
    const step = this.#position?.step ?? -1;
    if (this.#stop !== undefined || step < 0 || this.#toldAt === step) return;
    const { clock, emit, service, route } = this.#deps;
    const failures = this.#window.failures(clock.now(), holdOn.window);
    const requests = failures + this.#window.successes(clock.now(), holdOn.window);
    if (requests < holdOn.minRequests) return;
    const successRate = 1 - failures / requests;
    if (successRate >= holdOn.successRateBelow) return;
    const enforced = holdOn.mode === 'enforce';
    if (enforced) {
      const weights = holdOn.action === 'hold' ? this.#weights : weightsWithout(holdOn.version, this.#targets, step);
      this.#stop = { kind: holdOn.action === 'hold' ? 'held' : 'rolled-back', step, weights };
      this.#setWeights(weights);
    } else this.#toldAt = step;
    emit(holdOn.action === 'hold' ? 'schedule.held' : 'schedule.rolled-back', { service, route, version: holdOn.version, step: step + 1, successRate, requests, enforced });
  }

  /** Brings everything to where policy, time and discovery are now. */
  #follow(): void {
    const targets = this.#deps.targets();
    if (targets !== this.#targets) this.#apply(targets);
    if (targets.schedule !== undefined && this.#stop === undefined) this.#advance(targets, targets.schedule);
    this.#lookForEmpty();
  }

  /** The policy changed. What was stopped stays so where the schedule is the same. */
  #apply(targets: Targets): void {
    const isSame = fingerprint(targets.schedule) === fingerprint(this.#targets.schedule);
    if (!isSame) {
      this.#stop = undefined;
      this.#toldAt = undefined;
      this.#window.clear();
    }
    this.#targets = targets;
    this.#reading = targets.sticky === undefined ? undefined : new StickyReading(targets.sticky);
    if (!isSame) this.#position = undefined;
    this.#setWeights(this.#stop?.weights ?? weightsOf(targets, this.#position?.step ?? -1));
  }

  #advance(targets: Targets, schedule: Schedule): void {
    const wall = this.#deps.clock.wall();
    const before = this.#position;
    if (before !== undefined && wall >= before.from && wall < before.until) return;
    const position = positionAt(schedule, wall);
    this.#position = position;
    if (position.step === (before?.step ?? -1)) return;
    this.#setWeights(weightsOf(targets, position.step));
    const { service, route, emit } = this.#deps;
    emit('schedule.stepped', { service, route, step: position.step + 1, steps: schedule.steps.length, weights: Object.fromEntries(this.#weights) });
  }

  #setWeights(weights: Weights): void {
    if (weights === this.#weights) return;
    this.#weights = weights;
    this.#shares = undefined;
  }

  /** A look at each version, with each call: discovery answers when it likes. */
  #lookForEmpty(): void {
    let isSame = true;
    for (const [version, weight] of this.#weights) {
      if ((weight > 0 && this.#deps.isEmpty(version)) !== this.#empty.has(version)) isSame = false;
    }
    if (isSame) return;
    const { service, route, emit, isEmpty } = this.#deps;
    const before = this.#empty;
    const { fallback } = this.#targets;
    this.#empty = new Set([...this.#weights].flatMap(([version, weight]) => (weight > 0 && isEmpty(version) ? [version] : [])));
    this.#shares = undefined;
    for (const version of this.#weights.keys()) {
      if (this.#empty.has(version) !== before.has(version)) emit('version.empty', { service, route, version, active: this.#empty.has(version), fallback });
    }
  }

  #sharesNow(): Shares {
    const left = this.#targets.fallback ? without(this.#weights, this.#empty) : this.#weights;
    // Where nobody has endpoints, whoever is due has none to offer, and says so.
    const weights = hasWeight(left) ? left : this.#weights;
    return { split: new Split(weights, this.#deps.random), circle: this.#circleFor(weights) };
  }

  /** From the first weights of the policy to these, by way of each step: what this process has seen makes no difference. */
  #circleFor(weights: Weights): Circle {
    let sides = sidesAt(this.#targets, this.#stop?.step ?? this.#position?.step ?? -1);
    if (this.#stop !== undefined) sides = rearranged(sides, this.#weights);
    return weights === this.#weights ? sides : rearranged(sides, weights);
  }
}

/** At a step, from 0; by way of each before it. */
function sidesAt({ weights, schedule }: Targets, step: number): Circle {
  return (schedule?.steps.slice(0, step + 1) ?? []).reduce((sides, { to }) => rearranged(sides, to), circle(weights));
}

/** Reads what names the user. */
class StickyReading {
  readonly #reading = new RequestReading();
  /** Undefined for the call's own key. */
  readonly #wanted: Condition | undefined;

  constructor(sticky: Sticky) {
    const asked = sticky.kind === 'hash-key' ? [] : [{ name: sticky.name, value: { kind: 'present', present: true } as const }];
    const of = (kind: Sticky['kind']) => (sticky.kind === kind ? asked : []);
    [this.#wanted] = this.#reading.conditionsOf({ path: undefined, method: undefined, headers: of('header'), query: [], cookies: of('cookie') });
  }

  keyOf({ headers }: { readonly headers: HeaderList }, hashKey: string | undefined): string | undefined {
    if (this.#wanted === undefined) return hashKey;
    this.#reading.begin({ path: '', headers });
    const key = this.#reading.found(this.#wanted);
    this.#reading.end();
    return key;
  }
}

/** Of a step, from 0; −1 is before the start. */
export function weightsOf({ weights, schedule }: Targets, step: number): Weights {
  return schedule?.steps[step]?.to ?? weights;
}

/**
 * Those that a rollback leaves: of the latest step so far in which others than the version had a weight, else of the first weights, else of
 * the first step to come.
 */
export function weightsWithout(version: string, targets: Targets, step: number): Weights {
  const gone = new Set([version]);
  const all = [targets.weights, ...(targets.schedule?.steps.map(({ to }) => to) ?? [])];
  const before = all.slice(0, step + 2).reverse();
  return [...before, ...all].map((weights) => without(weights, gone)).find(hasWeight) ?? without(targets.weights, gone);
}

function without(weights: Weights, versions: ReadonlySet<string>): Weights {
  return new Map([...weights].map(([version, weight]) => [version, versions.has(version) ? 0 : weight]));
}

function hasWeight(weights: Weights): boolean {
  return [...weights.values()].some((weight) => weight > 0);
}

/** The same for schedules that say the same. What is judged by, and how, may change without anything starting anew. */
function fingerprint(schedule: Schedule | undefined): string {
  return JSON.stringify(schedule && [schedule.start, schedule.steps.map((step) => [step.for, [...step.to]]), schedule.holdOn?.version]);
}
