/**
 * Recorder: everything that a resolver does, written down. On the wire (each query, each reply), and above it (what was looked up, and
 * what the nameservers were understood to say).
 */
import type { Clock, Millis } from '../../core/clock.ts';
import type { RecordsOf, StubAnswer } from '../../discovery/alias.ts';
import type { DnsError } from '../../discovery/dns-error.ts';
import { decodeReply, isTruncated, rcodeName } from '../../discovery/message.ts';
import type { DnsMessage, DnsRecord, QueryType } from '../../discovery/message.ts';
import type { ExchangeObserver } from '../../discovery/observer.ts';
import { HEADER_BYTES } from '../../discovery/scan.ts';
import { StubResolver } from '../../discovery/stub-resolver.ts';
import type { StubResolverDeps } from '../../discovery/stub-resolver.ts';
import type { AttemptReport } from './report.ts';

export interface Lookup {
  readonly name: string;
  readonly type: QueryType;
  readonly answer: StubAnswer | undefined;
  readonly error: DnsError | undefined;
}

type Attempt = { -readonly [Key in keyof AttemptReport]: AttemptReport[Key] } & { message?: DnsMessage };

export class Recorder {
  readonly #clock: Clock;
  /** When the first query left. */
  #began: Millis | undefined;
  readonly #attempts: Attempt[] = [];
  readonly lookups: Lookup[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get attempts(): readonly AttemptReport[] {
    return this.#attempts.map(({ message: _message, ...attempt }) => attempt);
  }

  /** Replies that could be read and were whole, or were cut over TCP. */
  get messages(): readonly DnsMessage[] {
    return this.#attempts.flatMap(({ message }) => message ?? []);
  }

  readonly observer: ExchangeObserver = (transport, server, query) => {
    const sent = this.#clock.now();
    this.#began ??= sent;
    const attempt: Attempt = {
      question: questionOf(query), server: server.key, transport, edns: query.readUInt16BE(10) > 0, sentAt: microseconds(sent - this.#began),
      outcome: 'unanswered', duration: null, bytes: null, rcode: null, truncated: false, discarded: 0,
      records: { answer: {}, authority: {}, additional: {} }, unread: 0, ttl: null, error: null,
    };
    this.#attempts.push(attempt);
    return {
      replied: (reply) => {
        attempt.duration = microseconds(this.#clock.now() - sent);
        read(attempt, reply);
      },
      failed: (error) => {
        attempt.duration = microseconds(this.#clock.now() - sent);
        attempt.outcome = 'failed';
        attempt.error = error.message;
      },
      discarded: () => {
        attempt.discarded += 1;
      },
    };
  };
}

/** A stub resolver that writes down what it is asked and what it says. */
export class RecordingResolver extends StubResolver {
  readonly #recorder: Recorder;

  constructor(deps: StubResolverDeps, recorder: Recorder) {
    super({ ...deps, observer: recorder.observer });
    this.#recorder = recorder;
  }

  override async lookup<T extends QueryType>(name: string, type: T): Promise<StubAnswer<RecordsOf<T>>> {
    const asked = name.toLowerCase().replace(/\.$/, '');
    try {
      const answer = await super.lookup(name, type);
      this.#recorder.lookups.push({ name: asked, type, answer, error: undefined });
      return answer;
    } catch (error) {
      this.#recorder.lookups.push({ name: asked, type, answer: undefined, error: error as DnsError });
      throw error;
    }
  }
}

/** Of our own query, so it is as it should be. */
function questionOf(query: Buffer): { name: string; type: string } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let size = query[at]!; size > 0; size = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + size));
    at += 1 + size;
  }
  const types: Readonly<Record<number, QueryType>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };
  return { name: labels.join('.'), type: types[query.readUInt16BE(at + 1)] ?? '?' };
}

function read(attempt: Attempt, reply: Buffer): void {
  attempt.bytes = reply.length;
  attempt.truncated = isTruncated(reply);
  // What is cut over UDP is not looked into by the resolver either.
  if (attempt.truncated && attempt.transport === 'udp') {
    attempt.outcome = 'answered';
    attempt.rcode = rcodeName(reply.readUInt16BE(2) & 0xf);
    return;
  }
  try {
    const message = decodeReply(reply);
    const { answers, authorities, additionals } = message;
    attempt.message = message;
    attempt.outcome = 'answered';
    attempt.rcode = rcodeName(message.rcode);
    attempt.records = { answer: countByType(answers), authority: countByType(authorities), additional: countByType(additionals) };
    attempt.unread = reply.readUInt16BE(6) - answers.length;
    const ttls = [...answers, ...additionals].map((record) => record.ttl);
    if (ttls.length > 0) attempt.ttl = { min: ttls.reduce((a, b) => Math.min(a, b)), max: ttls.reduce((a, b) => Math.max(a, b)) };
  } catch (error) {
    attempt.outcome = 'malformed';
    attempt.error = (error as DnsError).message;
  }
}

/** Milliseconds with three digits: more is noise. */
function microseconds(duration: Millis): Millis {
  return Math.round(duration * 1000) / 1000;
}

function countByType(records: readonly DnsRecord[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of records) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}
