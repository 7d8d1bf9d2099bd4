/**
 * Way: how one client chooses where its next request goes. The library's own (ways/inmesh.ts) and the alternatives it is compared
 * with have this one shape, and see the same: their own requests, and where they ask for it, what servers say of themselves.
 */
import type { Millis } from '../../src/core/clock.ts';
import type { Random } from '../../src/core/random.ts';
import type { Report, Server } from './server.ts';
import type { Timeline } from './timeline.ts';

/** One request on its way. */
export interface Sent {
  readonly server: number;
  /** `report` is what the server says with its answer; nothing where there was none in time. */
  over(failed: boolean, now: Millis, report: Report | undefined): void;
}

export interface Way {
  send(now: Millis): Sent;
  /** From now on these are the servers it knows. */
  learn?(servers: readonly number[], now: Millis): void;
}

/** What a way is made of; `servers` are for those that may look inside (probes). */
export interface WayContext {
  readonly client: number;
  readonly clients: number;
  readonly known: readonly number[];
  readonly servers: readonly Server[];
  readonly timeline: Timeline;
  readonly random: Random;
}

export interface NamedWay {
  readonly name: string;
  make(context: WayContext): Way;
}
