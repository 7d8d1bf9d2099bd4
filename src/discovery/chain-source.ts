/**
 * Several sources, of which the first that answers counts: `kubernetes` with `srv` behind it does not fall with the API server.
 *
 * An answer of the first that says "none" is an answer. While the first fails, what it said last is in use; only after ten seconds of
 * that, or where it never said anything, is the next one asked: two sources are never quite of one mind, and each change between them
 * makes endpoints come and go.
 */
import type { Clock, Millis } from '../core/clock.ts';
import type { Source, SourceAnswer } from './source.ts';

const PATIENCE: Millis = 10_000;
/** While a later source answers, the first is tried again soon. */
const RETRY_TTL = 5;

export class ChainSource implements Source {
  readonly description: string;
  readonly #links: readonly { readonly source: Source; answered: boolean; failingSince: Millis | undefined }[];
  readonly #clock: Clock;

  constructor(sources: readonly Source[], clock: Clock) {
    this.#links = sources.map((source) => ({ source, answered: false, failingSince: undefined }));
    this.#clock = clock;
    this.description = sources.map((source) => source.description).join(', else ');
  }

  async resolve(): Promise<SourceAnswer> {
    const errors: Error[] = [];
    for (const [index, link] of this.#links.entries()) {
      try {
        const answer = await link.source.resolve();
        link.answered = true;
        link.failingSince = undefined;
        return index === 0 ? answer : { ...answer, ttl: Math.min(answer.ttl ?? RETRY_TTL, RETRY_TTL) };
      } catch (error) {
        errors.push(error as Error);
        const now = this.#clock.now();
        link.failingSince ??= now;
        if (link.answered && now - link.failingSince < PATIENCE) break;
      }
    }
    throw errors.length === 1 ? errors[0]! : new AggregateError(errors, errors.map((error) => error.message).join('; '));
  }

  subscribe(changed: () => void): void {
    for (const { source } of this.#links) source.subscribe?.(changed);
  }

  close(): void {
    for (const { source } of this.#links) source.close?.();
  }
}
