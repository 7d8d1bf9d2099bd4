/**
 * Several sources at once: a service has the endpoints of all its versions.
 *
 * Each is watched on its own, with everything that is believed and doubted of one source (poller.ts): that v2 is empty must be
 * confirmed although v1 has endpoints, and a source that fails keeps what it said last, until that is too old.
 *
 * Complete only when every source has answered: until then nothing is removed, for what is not there may be of the one that has not
 * been heard. The price is that while a source has never answered, endpoints of the others are added and not removed either.
 */
import type { DiscoveryState, Endpoint, LookupFacts, RefreshReason, Resolution, ResolutionListener, Resolver, Watch } from '../core/endpoint.ts';
import { distinct } from './source.ts';

/** What one source said last. */
interface Part {
  readonly watch: Watch;
  resolution: Resolution | undefined;
  /** Since its last answer. */
  error: Error | undefined;
}

/** Tells of a failure only where all fail, or where those that do not fail have nothing. */
export function union(resolvers: readonly Resolver[]): Resolver {
  return { watch: (listener) => new UnionWatch(resolvers, listener) };
}

class UnionWatch implements Watch {
  readonly #listener: ResolutionListener;
  readonly #parts: readonly Part[];
  #closed = false;

  constructor(resolvers: readonly Resolver[], listener: ResolutionListener) {
    this.#listener = listener;
    this.#parts = resolvers.map((resolver) => {
      const part: Part = {
        watch: resolver.watch({ resolved: (resolution) => this.#resolved(part, resolution), failed: (error) => this.#failed(part, error) }),
        resolution: undefined,
        error: undefined,
      };
      return part;
    });
  }

  refresh(reason: RefreshReason): void {
    for (const { watch } of this.#parts) watch.refresh(reason);
  }

  state(): DiscoveryState {
    const states = this.#parts.map(({ watch }) => watch.state());
    const ages = states.flatMap(({ age }) => age ?? []);
    const errors = states.flatMap(({ lastError }) => lastError ?? []);
    const held = states.flatMap((state) => state.held ?? []);
    const lookup: LookupFacts | undefined = states.find((state) => state.lookup !== undefined)?.lookup;
    return {
      source: together(states.map(({ source }) => source)),
      state: stateOf(states.map(({ state }) => state)),
      age: ages.length === 0 ? undefined : Math.max(...ages),
      lastError: errors.length === 0 ? undefined : errors.join('; '),
      ...(lookup === undefined ? {} : { lookup }),
      ...(this.#answers().some(isVirtual) ? { virtual: true } : {}),
      ...(held.length === 0 ? {} : { held }),
    };
  }

  close(): void {
    this.#closed = true;
    for (const { watch } of this.#parts) watch.close();
  }

  #resolved(part: Part, resolution: Resolution): void {
    part.resolution = resolution;
    part.error = undefined;
    const answers = this.#answers();
    const { endpoints, cut } = distinct(answers.flatMap((answer) => comparable(answer.endpoints)));
    const complete = !cut && answers.length === this.#parts.length && answers.every((answer) => answer.complete);
    // An empty set is one that all have confirmed.
    if (endpoints.length === 0 && !complete) return this.#tellFailure();
    if (this.#closed) return;
    const waiting = answers.length < this.#parts.length;
    this.#listener.resolved({ endpoints, complete, ...(waiting ? { waiting } : {}), source: together(answers.map(({ source }) => source)), virtual: answers.some(isVirtual) });
  }

  #failed(part: Part, error: Error): void {
    part.error = error;
    const answers = this.#answers();
    const nothingKnown = answers.length < this.#parts.length && answers.every(({ endpoints }) => endpoints.length === 0);
    if (nothingKnown || this.#parts.every((each) => each.error !== undefined)) this.#tellFailure();
  }

  /** Not before all have said something: whoever waits for the first answer may get it from the next source. */
  #tellFailure(): void {
    if (this.#closed || this.#parts.some(({ resolution, error }) => resolution === undefined && error === undefined)) return;
    const errors = this.#parts.flatMap(({ error }) => error ?? []);
    this.#listener.failed(errors.length === 1 ? errors[0]! : new AggregateError(errors, errors.map(({ message }) => message).join('; ')));
  }

  #answers(): Resolution[] {
    return this.#parts.flatMap(({ resolution }) => resolution ?? []);
  }
}

function together(sources: readonly string[]): string {
  return sources.join(' and ');
}

/** That one version's address stands for many instances is reason enough to judge no endpoint: it would be ejected with all of them. */
function isVirtual({ virtual, endpoints }: Resolution): boolean {
  return virtual === true && endpoints.length > 0;
}

/** Weights say something of the endpoints of one source alone, where 60 and 40 may stand beside another's 1: here each source's mean is 1. */
function comparable(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const mean = endpoints.reduce((sum, { weight }) => sum + weight, 0) / endpoints.length;
  return mean === 1 || !(mean > 0) ? endpoints : endpoints.map((endpoint) => ({ ...endpoint, weight: endpoint.weight / mean }));
}

type State = DiscoveryState['state'];

/** Of the whole: as bad as the worst of what is in use. */
function stateOf(states: readonly State[]): State {
  const some = (state: State) => states.includes(state);
  if (states.every((state) => state === 'empty')) return 'empty';
  if (!some('fresh') && !some('stale') && !some('unconfirmed-empty')) return 'never';
  // Whatever a source that never answered has, is not in use.
  if (some('stale') || some('never')) return 'stale';
  return some('unconfirmed-empty') ? 'unconfirmed-empty' : 'fresh';
}
