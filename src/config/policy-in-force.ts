/**
 * The policy in force: the last good one, its generation, and whether what lies in its files now is still that.
 *
 *     loaded ── contents change ──▶ read → parse → validate ──good──▶ swap one reference, generation + 1
 *                                                            └─bad──▶ keep the last good one, say why, once
 *
 * Contents that turn back to what is in force are no new generation; they only make it valid again.
 */
import type { Clock, Millis } from '../core/clock.ts';
import { ContentsWatch, listenToFolders } from '../core/contents-watch.ts';
import type { Emit } from '../core/events.ts';
import type { KnobProblem } from '../core/knob-problem.ts';
import type { Policy } from '../core/policy.ts';
import { keepUnchanged } from './keep-unchanged.ts';
import { fromFiles, loadPolicy, policyPaths, type GivenPolicy, type LoadedPolicy } from './load-policy.ts';
import { isMountedAlone, lookAtFiles } from './policy-files.ts';
import { policyText } from './policy-text.ts';
import { ProblemList, policyError } from './problem.ts';

export interface PolicyDeps {
  readonly given: GivenPolicy | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly warn: (message: string) => void;
  /** Follow the files. */
  readonly watch: boolean;
  /** Reads what a policy names besides (certificates); what it finds wrong with it is wrong with the policy. */
  readonly prepare?: (policy: Policy) => readonly KnobProblem[];
  /** A new policy is in force. */
  readonly changed: (loaded: LoadedPolicy) => void;
}

/** What is known of the policy, as plain data for `inspect()`. */
export interface PolicySnapshot {
  readonly source: string;
  readonly hash: string;
  /** 1 for the one that the process began with; counts those that came into force. */
  readonly generation: number;
  /** Since it came into force. */
  readonly age: Millis;
  /** Whether its files still hold it; false: they hold something that was rejected. */
  readonly valid: boolean;
  /** Why it was rejected. */
  readonly error?: string;
}

export class PolicyInForce {
  readonly #deps: PolicyDeps;
  #loaded: LoadedPolicy;
  #generation = 1;
  #since: Millis;
  #error: string | undefined;
  readonly #watch: ContentsWatch | undefined;

  /** @throws MeshError POLICY_INVALID: there is no last good one yet. */
  constructor(deps: PolicyDeps) {
    const { given, env, clock, watch } = deps;
    this.#deps = deps;
    this.#loaded = this.#prepared(loadPolicy(given, env));
    this.#since = clock.now();
    for (const warning of this.#loaded.warnings) deps.warn(warning);
    const files = watch ? policyPaths(given, env) : undefined;
    if (files === undefined) return;
    for (const path of files.paths.filter((each) => isMountedAlone(each))) {
      deps.warn(`${path} is mounted by itself (subPath), so Kubernetes never updates it; mount its folder for changes to arrive`);
    }
    this.#watch = new ContentsWatch(this.#loaded.hash, {
      clock,
      look: () => lookAtFiles(files.paths),
      listen: (stirred) => listenToFolders(files.paths, stirred),
      changed: (seen) => this.#changed(seen, () => fromFiles(files, env)),
    });
  }

  get loaded(): LoadedPolicy {
    return this.#loaded;
  }

  get generation(): number {
    return this.#generation;
  }

  snapshot(): PolicySnapshot {
    const { source, hash } = this.#loaded;
    const snapshot = { source, hash, generation: this.#generation, age: this.#deps.clock.now() - this.#since, valid: this.#error === undefined };
    return this.#error === undefined ? snapshot : { ...snapshot, error: this.#error };
  }

  /** With the lines that it comes from, and without secrets. */
  text(): string {
    return policyText(this.#loaded, this.snapshot());
  }

  close(): void {
    this.#watch?.close();
  }

  /** @throws MeshError POLICY_INVALID */
  #prepared(loaded: LoadedPolicy): LoadedPolicy {
    const problems = this.#deps.prepare?.(loaded.policy) ?? [];
    if (problems.length === 0) return loaded;
    const { written, source } = loaded;
    const list = new ProblemList();
    for (const { service, knob, found, expected } of problems) {
      const scopes = [...(service === undefined ? [] : [['services', service]]), ['defaults']];
      const path = scopes.map((scope) => [...scope, ...knob]).find((each) => written?.at(each) !== undefined) ?? [...scopes[0]!, ...knob];
      list.add({ source: written?.name ?? source, position: written?.position(path), path, found, expected });
    }
    throw policyError(list.finish());
  }

  #changed(seen: string, load: () => LoadedPolicy): void {
    const { clock, emit, warn, changed } = this.#deps;
    if (seen === this.#loaded.hash) {
      this.#error = undefined;
      return;
    }
    let next: LoadedPolicy;
    try {
      next = this.#prepared(load());
    } catch (error) {
      const { message } = error as Error;
      const { source, hash } = this.#loaded;
      this.#error = message;
      emit('policy.rejected', { source, error: error as Error, inForce: hash, generation: this.#generation });
      warn(`the policy was changed to one that is not valid; generation ${this.#generation} stays in force: ${message}`);
      return;
    }
    this.#error = undefined;
    // Between the look and the load it was turned back.
    if (next.hash === this.#loaded.hash) return;
    const { warnings: known, policy } = this.#loaded;
    next = { ...next, policy: keepUnchanged(policy, next.policy) };
    this.#loaded = next;
    this.#generation += 1;
    this.#since = clock.now();
    for (const warning of next.warnings) if (!known.includes(warning)) warn(warning);
    changed(next);
    emit('policy.loaded', { source: next.source, hash: next.hash, generation: this.#generation });
  }
}
