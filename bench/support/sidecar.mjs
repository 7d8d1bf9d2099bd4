/** A proxy beside the client, as a sidecar would be: a process of its own, whose CPU counts. It stands before the same servers. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How long it may take to listen. */
const START_WITHIN = 5000;

/** `configuration` is the text of a file, given the port to listen on; `command` starts the program in the foreground, given that file. */
export async function startSidecar(configuration, command) {
  const folder = mkdtempSync(join(tmpdir(), 'inmesh-bench-'));
  const file = join(folder, 'proxy.conf');
  const port = await freePort();
  writeFileSync(file, configuration(port, folder));
  const [program, ...parameters] = command(file, folder);
  const child = spawn(program, parameters, { stdio: 'ignore' });
  let ended;
  child.once('error', (error) => (ended = error));
  child.once('exit', (code) => (ended ??= new Error(`${program} ended with ${code}`)));
  const close = () => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  // Where the contender ends without closing, its proxy must not stay.
  process.once('exit', close);
  for (const end = Date.now() + START_WITHIN; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (ended !== undefined || Date.now() > end) throw ended ?? new Error(`${program} does not listen`);
    if (await listens(port)) break;
  }
  return { port, pid: child.pid, close };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
