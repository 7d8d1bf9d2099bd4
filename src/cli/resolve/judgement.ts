/**
 * What a client would do with this answer: not worked out here, but asked of the client's own poller, which is given the answer and a clock
 * that stands still. Once with the luck of a 0 and once with that of almost 1, which are the ends of when it asks again.
 */
import type { Clock, Millis } from '../../core/clock.ts';
import type { Resolution } from '../../core/endpoint.ts';
import { defaultServicePolicy } from '../../core/policy.ts';
import { Poller } from '../../discovery/poller.ts';
import type { SourceAnswer } from '../../discovery/source.ts';
import type { ClientReport } from './report.ts';

export interface Judgement extends ClientReport {
  /** Why it keeps what it has. */
  readonly error: string | null;
}

const LUCK = [0, 1 - Number.EPSILON] as const;

/** The policy is the default one. `answer` is an error where there was no answer. */
export async function judge(answer: SourceAnswer | Error, description: string): Promise<Judgement> {
  const [one, other] = await Promise.all(LUCK.map((luck) => polled(answer, description, luck)));
  const { told, next: first } = one!;
  const second = other!.next;
  const of = answer instanceof Error ? undefined : answer;
  return {
    does: decision(told, of?.emptyForSure === true),
    complete: of?.complete === true,
    next: first === undefined || second === undefined ? null : { min: Math.min(first, second), max: Math.max(first, second) },
    bytes: of?.bytes ?? of?.lookup?.bytes ?? 0,
    ttl: of?.ttl === undefined || of.ttl === Infinity ? null : of.ttl,
    error: told instanceof Error ? told.message : null,
  };
}

function decision(told: Resolution | Error, emptyForSure: boolean): ClientReport['does'] {
  if (told instanceof Error) return 'keeps';
  if (told.endpoints.length > 0) return told.complete ? 'uses' : 'adds';
  return emptyForSure ? 'believes-empty' : 'doubts-empty';
}

interface Polled {
  readonly told: Resolution | Error;
  /** Undefined: never. */
  readonly next: Millis | undefined;
}

async function polled(answer: SourceAnswer | Error, description: string, luck: number): Promise<Polled> {
  let next: Millis | undefined;
  const clock: Clock = {
    now: () => 0,
    wall: () => 0,
    after(delay) {
      next = delay;
      return { cancel() {} };
    },
  };
  const resolve = (): Promise<SourceAnswer> => (answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer));
  const told = await new Promise<Resolution | Error>((done) => {
    new Poller({ description, resolve }, { resolved: done, failed: done }, { clock, random: { next: () => luck }, knobs: () => defaultServicePolicy.discovery });
  });
  // The poller tells its listener first and arms its timer in the same turn, so by now it has.
  return { told, next };
}
