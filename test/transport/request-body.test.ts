import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { requestBody } from '../../src/transport/request-body.ts';

async function read(body: unknown, atMost = Infinity): Promise<string> {
  let text = '';
  let chunks = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array | string>) {
    text += Buffer.from(chunk as string).toString();
    if ((chunks += 1) >= atMost) break;
  }
  return text;
}

async function next(reader: AsyncGenerator): Promise<string | undefined> {
  const step = await reader.next();
  return step.done === true ? undefined : String(step.value);
}

async function* letters(...chunks: string[]) {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

describe('a request body', () => {
  it('that is whole in memory is given as it is, as often as wanted', () => {
    for (const whole of ['text', Buffer.from('bytes'), new Uint8Array(2), new ArrayBuffer(2), new Blob(['blob']), new FormData()]) {
      const body = requestBody(whole, 0)!;
      expect([body.open(), body.open(), body.replayable]).toEqual([whole, whole, true]);
    }
  });

  it('that is none is none', () => {
    expect([requestBody(undefined, 1), requestBody(null, 1)]).toEqual([undefined, undefined]);
  });

  it('of a stream is sent again from the beginning', async () => {
    const body = requestBody(letters('a', 'b', 'c'), 10)!;
    expect(await read(body.open())).toBe('abc');
    expect(body.replayable).toBe(true);
    expect(await read(body.open())).toBe('abc');
  });

  it('of a stream that was read in part is sent from the beginning, and goes on where the source stands', async () => {
    const body = requestBody(letters('a', 'b', 'c'), 10)!;
    expect(await read(body.open(), 2)).toBe('ab');
    expect(body.replayable).toBe(true);
    expect(await read(body.open())).toBe('abc');
  });

  it('is whole once it was read to its end and kept, and then two attempts read it at the same time', async () => {
    const body = requestBody(letters('a', 'b', 'c'), 64)!;
    expect(body.whole).toBe(false);
    expect(await read(body.open())).toBe('abc');
    expect(body.whole).toBe(true);
    const [second, third] = [body.open() as AsyncGenerator, body.open() as AsyncGenerator];
    expect([await next(second), await next(third), await next(second)]).toEqual(['a', 'a', 'b']);
    body.left(third);
    expect([await next(third), await next(second), await next(second)]).toEqual([undefined, 'c', undefined]);
    expect([requestBody('text', 0)!.whole, requestBody(letters('aaaa', 'bbbb'), 6)!.whole]).toEqual([true, false]);
  });

  it('is kept, when it is released, until the attempt that lost has left', async () => {
    const body = requestBody(letters('a', 'b', 'c'), 64)!;
    const first = body.open();
    await read(first);
    body.left(first);
    const [winner, loser] = [body.open() as AsyncGenerator, body.open() as AsyncGenerator];
    expect(await next(winner)).toBe('a');
    expect([await next(loser), await next(loser), await next(loser)]).toEqual(['a', 'b', 'c']);
    body.release();
    expect(await next(winner)).toBe('b');
    body.left(loser);
    expect([await next(winner), await next(winner), body.whole]).toEqual(['c', undefined, false]);
  });

  it('beyond the limit cannot be sent again, and is not kept', async () => {
    const body = requestBody(letters('aaaa', 'bbbb', 'cccc'), 6)!;
    expect(await read(body.open())).toBe('aaaabbbbcccc');
    expect(body.replayable).toBe(false);
    expect(() => body.open()).toThrow(expect.objectContaining({ code: 'BODY_NOT_REPLAYABLE' }));
  });

  it('loses no chunk between an abandoned attempt and the next one', async () => {
    let give = (_chunk: string): void => {};
    const source = {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          const chunk = await new Promise<string>((resolve) => (give = resolve));
          if (chunk === '') return;
          yield chunk;
        }
      },
    };
    const body = requestBody(source, 10)!;
    const abandoned = (body.open() as AsyncIterable<string>)[Symbol.asyncIterator]();
    const first = abandoned.next();
    await Promise.resolve();
    const second = read(body.open());
    await Promise.resolve();
    for (const chunk of ['a', 'b', '']) {
      give(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await second).toBe('ab');
    expect((await first).done).toBe(true);
  });

  it('whose source throws passes that on and is not replayable', async () => {
    const failing = requestBody((async function* () { yield 'a'; throw new Error('disk gone'); })(), 10)!;
    await expect(read(failing.open())).rejects.toThrow('disk gone');
    expect(failing.replayable).toBe(false);
    expect(failing.failure).toMatchObject({ message: 'disk gone' });
  });

  it('that nobody will read any more closes its source', async () => {
    const stream = Readable.from(['a', 'b', 'c']);
    const body = requestBody(stream, 10)!;
    const opened = body.open();
    await read(opened, 1);
    body.release();
    expect(stream.destroyed).toBe(false);
    body.left(opened);
    expect(stream.destroyed).toBe(true);
  });

  it('that was never read, or waits for its next chunk, closes its source all the same', () => {
    const unread = new Readable({ read() {} });
    requestBody(unread, 10)!.release();
    expect(unread.destroyed).toBe(true);
    const idle = new Readable({ read() {} });
    const body = requestBody(idle, 10)!;
    const opened = body.open();
    void (opened as AsyncIterable<unknown>)[Symbol.asyncIterator]().next().catch(() => {});
    body.release();
    body.left(opened);
    expect(idle.destroyed).toBe(true);
  });

  it('keeps all that comes in once another attempt is decided upon, though it exceeds the limit', async () => {
    const chunks = ['aaaa', 'bbbb', 'cccc'];
    const body = requestBody(letters(...chunks), 6)!;
    const abandoned = (body.open() as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    await abandoned.next();
    const pending = abandoned.next();
    expect(body.replayable).toBe(true);
    body.rewind();
    await pending;
    await abandoned.next();
    expect(body.replayable).toBe(true);
    expect(await read(body.open())).toBe(chunks.join(''));
  });

  it('is let go by the attempt that has it, not by one before it', async () => {
    const stream = Readable.from(['a', 'b', 'c']);
    const body = requestBody(stream, 10)!;
    const first = body.open();
    body.rewind();
    const second = body.open();
    body.release();
    body.left(first);
    expect(stream.destroyed).toBe(false);
    expect(await read(second)).toBe('abc');
  });

  it('keeps no more than the limit and one chunk in memory, however long it is', async () => {
    const chunk = Buffer.alloc(1024 * 1024);
    async function* long() { for (let count = 0; count < 200; count += 1) yield Buffer.from(chunk); }
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const body = requestBody(long(), 64 * 1024)!;
    for await (const _ of body.open() as AsyncIterable<Buffer>) peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    expect(peak).toBeLessThan(150 * 1024 * 1024);
  });
});
