import { describe, expect, it } from 'vitest';
import { Cancellation } from '../../src/core/cancellation.ts';
import { MeshError } from '../../src/core/errors.ts';
import { LocalReply, type LocalContent } from '../../src/core/local-reply.ts';
import { settle } from '../support/virtual-clock.ts';

class Sink {
  readonly seen: string[] = [];
  full = false;
  resume = (): void => {};
  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    this.seen.push(`${status} ${statusText} ${raw.map(String).join(' ')}`);
    this.resume = resume;
    return !this.full;
  }
  onData(chunk: Buffer): boolean {
    this.seen.push(String(chunk));
    return !this.full;
  }
  onComplete(): void {
    this.seen.push('end');
  }
  onError(error: Error): void {
    this.seen.push(`error ${error.message}`);
  }
  onUpgrade(): void {}
}

function replyOf(content: Partial<LocalContent> = {}, cancellation = new Cancellation()) {
  const reply = new LocalReply({ status: 203, statusText: 'Made Here', headers: [['a', '1'], ['set-cookie', 'x'], ['set-cookie', 'y']], body: [Buffer.from('one'), Buffer.from('two')], ...content }, cancellation);
  const watched: unknown[] = [];
  reply.watch({ firstByte: () => watched.push('first byte'), end: (error) => watched.push(error ?? 'end') });
  return { reply, watched, cancellation };
}

const HEAD = '203 Made Here a 1 set-cookie x set-cookie y';

describe('a reply made here', () => {
  it('is streamed, with repeated headers kept apart, and heard of', async () => {
    const { reply, watched } = replyOf();
    const sink = new Sink();
    expect([reply.status, reply.header('a'), reply.header('b')]).toEqual([203, '1', undefined]);
    reply.accept(sink);
    await settle();
    expect(sink.seen).toEqual([HEAD, 'one', 'two', 'end']);
    expect(watched).toEqual(['first byte', 'end']);
    reply.watch({ firstByte: () => watched.push('late'), end: (error) => watched.push(error) });
    expect(watched.slice(2)).toEqual(['late', undefined]);
  });

  it('waits for whoever reads, and loses nothing, also where that is quick', async () => {
    const { reply } = replyOf();
    const sink = new Sink();
    sink.full = true;
    reply.accept(sink);
    await settle();
    expect(sink.seen).toEqual([HEAD]);
    sink.resume();
    await settle();
    expect(sink.seen).toEqual([HEAD, 'one']);
    sink.full = false;
    sink.resume();
    await settle();
    expect(sink.seen).toEqual([HEAD, 'one', 'two', 'end']);

    const other = replyOf().reply;
    const eager = new Sink();
    eager.onData = (chunk) => {
      eager.seen.push(String(chunk));
      // Before anybody waits for it.
      queueMicrotask(eager.resume);
      return false;
    };
    other.accept(eager);
    await settle();
    expect(eager.seen).toEqual([HEAD, 'one', 'two', 'end']);
  });

  it('is cut off when its call is cancelled, also where it waits, and lets its body go', async () => {
    let letGo = false;
    async function* endless() {
      try {
        for (;;) yield Buffer.from('more');
      } finally {
        letGo = true;
      }
    }
    const { reply, watched, cancellation } = replyOf({ body: endless() });
    const sink = new Sink();
    reply.accept(sink);
    sink.full = true;
    await settle();
    const reason = new MeshError('CLIENT_CLOSED', 'closed');
    cancellation.cancel(reason);
    await settle();
    expect(sink.seen.at(-1)).toBe('error closed');
    expect(watched.at(-1)).toBe(reason);
    expect(letGo).toBe(true);
  });

  it('is not cut off by what had happened before', async () => {
    const cancellation = new Cancellation();
    cancellation.cancel(new MeshError('DEADLINE_EXCEEDED', 'over'));
    const { reply } = replyOf({}, cancellation);
    const sink = new Sink();
    reply.accept(sink);
    await settle();
    expect(sink.seen.at(-1)).toBe('end');
  });

  it('breaks off with its body, and where its reader throws', async () => {
    async function* broken() {
      yield Buffer.from('one');
      throw new RangeError('no more');
    }
    const { reply, watched } = replyOf({ body: broken() });
    const sink = new Sink();
    reply.accept(sink);
    await settle();
    expect(sink.seen).toEqual([HEAD, 'one', 'error a reply that was made here broke off']);
    expect(watched.at(-1)).toMatchObject({ code: 'CANCELLED', cause: { message: 'no more' } });

    const thrower = new Sink();
    thrower.onHeaders = () => {
      throw new TypeError('mine');
    };
    replyOf().reply.accept(thrower);
    await settle();
    expect(thrower.seen).toEqual(['error a reply that was made here broke off']);
  });

  it('that nobody wants ends', () => {
    const { reply, watched } = replyOf();
    reply.discard();
    expect(watched).toEqual(['end']);
  });
});
