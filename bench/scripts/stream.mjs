/** One long body there or back, by undici's request or by the mesh's; how fast, and by how much the process grew on its way. */
import { Readable } from 'node:stream';
import { Pool } from 'undici';
import { createMeshClient } from 'inmesh';

const [, , client, direction, size, port] = process.argv;
const bytes = Number(size);
const chunk = Buffer.alloc(64 * 1024, 7);

async function* upload(length) {
  for (let sent = 0; sent < length; sent += chunk.length) yield chunk;
}

/** The same as a stream, as a file is one. */
function uploadStream(length) {
  let sent = 0;
  return new Readable({
    highWaterMark: chunk.length,
    read() {
      this.push(sent < length ? chunk : null);
      sent += chunk.length;
    },
  });
}

const pool = new Pool(`http://127.0.0.1:${port}`);
const mesh = createMeshClient({ policy: { version: 1, services: { streams: { discovery: { endpoints: [`127.0.0.1:${port}`] }, deadline: '5m' } } } });
const send = ({ path, ...options }) => (client === 'undici' ? pool.request({ path, ...options }) : mesh.request(`http://streams${path}`, options));

async function transfer(length) {
  if (direction === 'download') {
    const { body } = await send({ path: `/${length}`, method: 'GET' });
    let read = 0;
    for await (const piece of body) read += piece.length;
    return read;
  }
  const { body } = await send({ path: '/', method: 'POST', body: direction === 'upload' ? upload(length) : uploadStream(length), headers: { 'content-type': 'application/octet-stream' } });
  return Number(await body.text());
}

// Connected and compiled.
await transfer(16 * 2 ** 20);
globalThis.gc();
const before = process.memoryUsage().rss;
let most = before;
const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20);
const begun = performance.now();
const moved = await transfer(bytes);
const seconds = (performance.now() - begun) / 1000;
clearInterval(watch);
if (moved !== bytes) throw new Error(`${direction}: ${moved} of ${bytes} bytes`);
process.send({ rate: bytes / seconds / 1e6, grown: (most - before) / 1e6 });
await Promise.all([pool.close(), mesh.close()]);
process.disconnect();
