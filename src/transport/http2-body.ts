/** A request body, of any of the kinds that undici takes, onto an HTTP/2 stream, no faster than that takes it. */
import { Blob } from 'node:buffer';
import type { ClientHttp2Stream } from 'node:http2';

/** `failed`: with what the body's own source threw. `sent`: its last byte is written. */
export function writeBody(stream: ClientHttp2Stream, body: unknown, failed: (error: Error) => void, sent: () => void): void {
  if (body === null) return;
  stream.once('finish', sent);
  if (typeof body === 'string' || body instanceof Uint8Array) return void stream.end(body);
  if (ArrayBuffer.isView(body)) return void stream.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  if (body instanceof ArrayBuffer) return void stream.end(Buffer.from(body));
  const chunks = body instanceof Blob ? (body.stream() as unknown as AsyncIterable<unknown>) : (body as AsyncIterable<unknown>);
  if (typeof chunks[Symbol.asyncIterator] !== 'function') return failed(Object.assign(new TypeError('a body that cannot be sent over HTTP/2 (expected: a string, bytes, a Blob or a stream)'), { code: 'ERR_INVALID_ARG_TYPE' }));
  void pump(stream, chunks).catch(failed);
}

async function pump(stream: ClientHttp2Stream, chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const chunk of chunks) {
    if (stream.destroyed || stream.closed) return;
    if (!stream.write(chunk)) await roomIn(stream);
  }
  if (!stream.destroyed) stream.end();
}

function roomIn(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      stream.off('drain', go);
      stream.off('close', go);
      resolve();
    };
    stream.on('drain', go);
    stream.on('close', go);
  });
}
