/**
 * A source whose look-ups are timed, for `dns.lookup.duration`. Answers that needed no nameserver (a literal address, the hosts
 * file) are no look-ups.
 */
import type { Clock, Millis } from '../core/clock.ts';
import { DnsError } from './dns-error.ts';
import type { Source, SourceAnswer } from './source.ts';

/** Told of each look-up: the name asked for, how long it took, and the kind of its failure, where it failed. Must not throw. */
export type LookupListener = (name: string, duration: Millis, failure: string | undefined) => void;

export class MeasuredSource implements Source {
  readonly description: string;
  readonly #source: Source;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #measured: LookupListener;

  constructor(source: Source, name: string, clock: Clock, measured: LookupListener) {
    this.description = source.description;
    this.#source = source;
    this.#name = name;
    this.#clock = clock;
    this.#measured = measured;
  }

  async resolve(): Promise<SourceAnswer> {
    const begun = this.#clock.now();
    try {
      const answer = await this.#source.resolve();
      if (answer.lookup !== undefined) this.#measured(this.#name, this.#clock.now() - begun, undefined);
      return answer;
    } catch (error) {
      if (error instanceof DnsError && error.kind !== 'closed') this.#measured(this.#name, this.#clock.now() - begun, error.kind);
      throw error;
    }
  }

  subscribe(listener: () => void): void {
    this.#source.subscribe?.(listener);
  }

  close(): void {
    this.#source.close?.();
  }
}
