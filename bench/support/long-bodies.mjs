/** One long body there or back: `send` is undici's request, by whomever. */
import { Readable } from 'node:stream';

const chunk = Buffer.alloc(64 * 1024, 7);

async function* iterated(length) {
  for (let sent = 0; sent < length; sent += chunk.length) yield chunk;
}

/** The same as a stream, as a file is one. */
function stream(length) {
  let sent = 0;
  return new Readable({
    highWaterMark: chunk.length,
    read() {
      this.push(sent < length ? chunk : null);
      sent += chunk.length;
    },
  });
}

const bodies = { upload: iterated, uploadStream: stream };

/** Resolves with the number of bytes that came, there or here. */
export const transferring = (send) => async (direction, length) => {
  if (direction === 'download') {
    const { body } = await send(`/${length}`, { method: 'GET' });
    let read = 0;
    for await (const piece of body) read += piece.length;
    return read;
  }
  const { body } = await send('/', { method: 'POST', body: bodies[direction](length), headers: { 'content-type': 'application/octet-stream' } });
  return Number(await body.text());
};
