/** The network under a whole client, as the test has it: every attempt is kept, and answered as the test says. */
import type { Attempt, Reply, Transport } from '../../src/core/call.ts';
import { FakeReply } from './fake-reply.ts';

/** An empty body, at once. */
export function answered(status = 200): Promise<Reply> {
  const reply = new FakeReply(status);
  queueMicrotask(() => reply.end());
  return Promise.resolve(reply);
}

export class FakeTransport implements Transport {
  readonly attempts: Attempt[] = [];
  readonly #answer: (attempt: Attempt) => Promise<Reply>;

  constructor(answer: (attempt: Attempt) => Promise<Reply>) {
    this.#answer = answer;
  }

  send(attempt: Attempt): Promise<Reply> {
    this.attempts.push(attempt);
    return this.#answer(attempt);
  }

  retire(): void {}

  async warm(): Promise<void> {}

  async destroy(): Promise<void> {}
}

/** A header that was added to an attempt; undefined where none of this name was. */
export function headerOf({ headers }: Attempt, name: string): string | undefined {
  const at = headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name);
  return at === -1 ? undefined : headers[at + 1];
}
