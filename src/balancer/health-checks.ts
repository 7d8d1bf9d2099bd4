/**
 * HealthChecks: asks every endpoint of the subset now and then whether it is well, apart from all requests.
 *
 *     joined ──after a random part of the interval──▶ asked ──the interval, give or take a tenth──▶ asked …
 *
 * The first wait is drawn from the whole interval: a fleet that was deployed together does not ask together, and the tenth keeps
 * it from falling into step. No more than so many questions of a service are under way at a time; what is due meanwhile waits its
 * turn.
 *
 * An unhealthy endpoint gets no traffic, trials included, but for a panic (candidates.ts). Checks and ejection are independent: an
 * endpoint is used if neither speaks against it. Envoy lets a successful check end an ejection; here it does not, for an endpoint
 * whose health page works and whose requests fail is what ejection is for, and its own trial brings it back within seconds.
 *
 * `#move` is the only place that changes a node's health, and events are emitted there.
 */
import { Cancellation } from '../core/cancellation.ts';
import type { Clock, Millis, Timer } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { CheckResult, Probe } from '../core/health.ts';
import type { HealthCheckKnobs, Switchable } from '../core/policy.ts';
import { jittered, type Random } from '../core/random.ts';
import { afterCheck, neverChecked, type Health } from './health.ts';
import type { Node } from './node.ts';

/** Spread of the interval, as a share of it, either way. */
const INTERVAL_JITTER = 0.1;
/** Questions of one service under way. */
export const MOST_AT_A_TIME = 16;

export interface HealthChecksDeps {
  readonly service: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly knobs: () => Switchable<HealthCheckKnobs>;
  readonly probe: Probe;
  readonly emit: Emit;
  /** A node became unhealthy, or healthy again: the candidates are to be chosen anew. */
  readonly moved: (now: Millis) => void;
}

/** One node that is asked: waiting for its time, for its turn, or for its answer. */
interface Checked {
  timer: Timer | undefined;
  asking: Cancellation | undefined;
}

export class HealthChecks {
  readonly #deps: HealthChecksDeps;
  readonly #checked = new Map<Node, Checked>();
  /** Whose time has come, while too many are asked. */
  readonly #waiting = new Set<Node>();
  #asking = 0;
  #unhealthy = 0;
  #closed = false;

  constructor(deps: HealthChecksDeps) {
    this.#deps = deps;
  }

  /** Nodes that get no traffic, or would not if it were not only observed. */
  get unhealthy(): number {
    return this.#unhealthy;
  }

  /** From now on these are to be asked, if anybody is. */
  follow(nodes: readonly Node[]): void {
    const knobs = this.#deps.knobs();
    if (this.#closed) return;
    if (knobs === 'off') return this.#clear();
    const wanted = new Set(nodes);
    for (const node of this.#checked.keys()) if (!wanted.has(node)) this.#left(node);
    for (const node of wanted) {
      if (this.#checked.has(node)) continue;
      this.#checked.set(node, { timer: undefined, asking: undefined });
      this.#wait(node, knobs.interval * this.#deps.random.next());
    }
  }

  /** Asks nobody any more, and leaves no timer behind. */
  close(): void {
    this.#closed = true;
    for (const node of this.#checked.keys()) this.#stop(node);
  }

  #wait(node: Node, delay: Millis): void {
    this.#checked.get(node)!.timer = this.#deps.clock.after(delay, () => this.#due(node), 'background');
  }

  #due(node: Node): void {
    const knobs = this.#deps.knobs();
    if (knobs === 'off') return this.#clear();
    if (this.#asking >= MOST_AT_A_TIME) this.#waiting.add(node);
    else void this.#ask(node, knobs);
  }

  async #ask(node: Node, knobs: HealthCheckKnobs): Promise<void> {
    const asking = new Cancellation();
    this.#checked.get(node)!.asking = asking;
    this.#asking += 1;
    const result = await this.#deps.probe(node.endpoint, knobs, asking);
    this.#asking -= 1;
    // Otherwise it is followed no longer, or anew.
    if (this.#checked.get(node)?.asking === asking) this.#answered(node, result);
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#due(next);
  }

  #answered(node: Node, result: CheckResult): void {
    this.#checked.get(node)!.asking = undefined;
    const knobs = this.#deps.knobs();
    if (knobs === 'off') return this.#clear();
    this.#wait(node, jittered(this.#deps.random, knobs.interval, INTERVAL_JITTER));
    if (result.kind === 'nothing') return;
    const now = this.#deps.clock.now();
    this.#move(node, afterCheck(node.health, result.kind === 'failed' ? result.why : undefined, now, knobs), now);
  }

  /** The mechanism was switched off, perhaps by a reload that nobody has told us of: whatever it took out is back. */
  #clear(): void {
    for (const node of this.#checked.keys()) {
      this.#stop(node);
      this.#move(node, neverChecked, this.#deps.clock.now());
    }
  }

  /** What was found out of it will not hold when it comes back. */
  #left(node: Node): void {
    this.#stop(node);
    if (node.health.kind === 'unhealthy') this.#unhealthy -= 1;
    node.health = neverChecked;
  }

  #stop(node: Node): void {
    const { timer, asking } = this.#checked.get(node)!;
    this.#checked.delete(node);
    this.#waiting.delete(node);
    timer?.cancel();
    asking?.cancel(new MeshError('CANCELLED', `${this.#deps.service}: the health check is not needed any more`));
  }

  #move(node: Node, next: Health, now: Millis): void {
    const { service, emit, moved, knobs } = this.#deps;
    const last = node.health;
    node.health = next;
    if ((next.kind === 'unhealthy') === (last.kind === 'unhealthy')) return;
    const policy = knobs();
    const enforced = policy !== 'off' && policy.mode === 'enforce';
    if (next.kind === 'unhealthy') {
      this.#unhealthy += 1;
      emit('endpoint.unhealthy', { service, endpoint: node.key, why: next.why, enforced });
    } else {
      this.#unhealthy -= 1;
      const after = last.kind === 'unhealthy' ? now - last.since : 0;
      if (enforced) node.returned(after, now);
      emit('endpoint.healthy', { service, endpoint: node.key, after, enforced });
    }
    moved(now);
  }
}
