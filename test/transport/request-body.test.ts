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

  for (const [kind, given] of [
    ['an iterator', (source: AsyncGenerator) => source],
    ['a stream', (source: AsyncGenerator) => Readable.from(source)],
    ['a stream of bytes', (source: AsyncGenerator) => Readable.from(source, { objectMode: false })],
  ] as const) {
    describe(`of ${kind}`, () => {
      it('is sent again from the beginning', async () => {
        const body = requestBody(given(letters('a', 'b', 'c')), 10)!;
        expect(await read(body.open())).toBe('abc');
        expect(body.replayable).toBe(true);
        expect(await read(body.open())).toBe('abc');
      });

      it('that was read in part is sent from the beginning, and goes on where the source stands', async () => {
        const body = requestBody(given(letters('a', 'b', 'c')), 10)!;
        expect(await read(body.open(), 2)).toBe('ab');
        expect(body.replayable).toBe(true);
        expect(await read(body.open())).toBe('abc');
      });

      it('is whole once it was read to its end and kept, and then two attempts send it at the same time', async () => {
        const body = requestBody(given(letters('a', 'b', 'c')), 64)!;
        expect(body.whole).toBe(false);
        const first = body.open();
        expect([await read(first), body.whole]).toEqual(['abc', true]);
        body.left(first);
        const [winner, loser] = [body.open(), body.open()];
        const both = Promise.all([read(winner), read(loser)]);
        body.release();
        expect([await both, body.whole]).toEqual([['abc', 'abc'], false]);
        expect([requestBody('text', 0)!.whole, requestBody(given(letters('aaaa', 'bbbb')), 6)!.whole]).toEqual([true, false]);
      });

      it('beyond the limit cannot be sent again, and is not kept', async () => {
        const body = requestBody(given(letters('aaaa', 'bbbb', 'cccc')), 6)!;
        expect(await read(body.open())).toBe('aaaabbbbcccc');
        expect(body.replayable).toBe(false);
        expect(() => body.open()).toThrow(expect.objectContaining({ code: 'BODY_NOT_REPLAYABLE' }));
      });

      it('keeps all that comes in once another attempt is decided upon, though it exceeds the limit', async () => {
        const chunks = ['aaaa', 'bbbb', 'cccc'];
        const body = requestBody(given(letters(...chunks)), 6)!;
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

      it('whose source throws passes that on and is not replayable', async () => {
        const failing = requestBody(given((async function* () { yield 'a'; throw new Error('disk gone'); })()), 10)!;
        await expect(read(failing.open())).rejects.toThrow('disk gone');
        expect(failing.replayable).toBe(false);
        expect(failing.failure).toMatchObject({ message: 'disk gone' });
      });
    });
  }

  it('of an iterator that is whole is read by two attempts at the same time, chunk by chunk', async () => {
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

  it('of an iterator is kept, when it is released, until the attempt that lost has left', async () => {
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

  it('of a stream goes through as it came: no chunk is copied, or joined to another', async () => {
    const chunks = [Buffer.from('aaaa'), Buffer.from('bbbb'), Buffer.from('cccc')];
    const source = new Readable({ read() {} });
    for (const chunk of [...chunks, null]) source.push(chunk);
    const sent: Buffer[] = [];
    const sending = requestBody(source, 6)!.open() as Readable;
    await new Promise((resolve) => sending.on('data', (chunk: Buffer) => sent.push(chunk)).on('end', resolve));
    expect(sent).toHaveLength(3);
    for (const [index, chunk] of sent.entries()) expect(chunk).toBe(chunks[index]);
  });

  it('of a stream is read no faster than it is sent', async () => {
    let read = 0;
    const source = new Readable({ highWaterMark: 1024, read() { read += 1; this.push(Buffer.alloc(512)); } });
    const body = requestBody(source, 64)!;
    const sending = body.open() as Readable;
    sending.once('data', () => sending.pause());
    await new Promise((resolve) => setImmediate(resolve));
    const before = read;
    await new Promise((resolve) => setImmediate(resolve));
    expect([before < 16, read]).toEqual([true, before]);
    for (let more = 0; more < 8; more += 1) {
      sending.once('data', () => sending.pause());
      sending.resume();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect([read > before, read < before + 16]).toEqual([true, true]);
    body.release();
    body.left(sending);
    expect(source.destroyed).toBe(true);
  });

  it('of a stream goes on for the next attempt, whatever becomes of what the one before was given', async () => {
    const source = new Readable({ read() {} });
    const body = requestBody(source, 64)!;
    const first = body.open() as Readable;
    first.resume();
    source.push('a');
    await new Promise((resolve) => setImmediate(resolve));
    const second = read(body.open());
    first.destroy(new Error('connection reset'));
    await new Promise((resolve) => setImmediate(resolve));
    source.push('b');
    source.push(null);
    expect([await second, source.errored, body.failure]).toEqual(['ab', null, undefined]);
  });

  it('of a stream that is destroyed before its end has failed', async () => {
    const source = new Readable({ read() {} });
    const body = requestBody(source, 64)!;
    const reading = read(body.open());
    source.push('a');
    setImmediate(() => source.destroy());
    await expect(reading).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    expect([body.failure, body.replayable]).toEqual([expect.objectContaining({ code: 'ERR_STREAM_PREMATURE_CLOSE' }), false]);
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
