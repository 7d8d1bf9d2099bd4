/** The processes of a run: servers on the last core, contenders on the first, where there are two and `taskset` can tell them so. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

export const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

const cores = availableParallelism();
export const pinned = cores > 1 && spawnSync('taskset', ['--version']).status === 0;
/** Milliseconds that anything of these may take: what hangs must not take the rest of a run with it. */
const TAKES_AT_MOST = 120_000;
/** Room for all that is allocated, from the start: nothing is collected meanwhile. */
export const allocating = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];

export class Processes {
  #children = new Set();
  #serving = new Set();
  /** Of contenders, by the process that started them. */
  #sidecars = new Map();
  /** Contenders that could not be started, and why. */
  missing = new Map();
  /** What was to be measured and could not be, and why. */
  failed = new Map();
  servers = {};

  get pids() {
    return [process.pid, ...[...this.#children].map(({ pid }) => pid), ...this.#sidecars.values()];
  }

  /** Those whose package is missing are missing themselves, and so are contenders that need them. */
  async startServers(...names) {
    for (const name of names) {
      const child = this.#spawn(`servers/${name}.mjs`, [], cores - 1);
      this.#serving.add(child);
      Object.assign(this.servers, await firstMessage(child).catch(() => ({})));
    }
  }

  /** Resolves with `(round) => result`; undefined where it cannot be started. `servers`: others than its usual ones. */
  async contender(name, { flags = [], servers = {} } = {}) {
    const child = this.#spawn('contender.mjs', [path(`contenders/${name}.mjs`), JSON.stringify({ ...this.servers, ...servers })], 0, flags);
    let said = '';
    child.stderr.on('data', (chunk) => (said = (said + chunk).slice(-2000)));
    try {
      const { sidecar } = await firstMessage(child);
      if (sidecar !== undefined) this.#sidecars.set(child, sidecar);
    } catch (error) {
      this.missing.set(name, reasonOf(said) ?? error.message);
      return undefined;
    }
    return {
      name,
      async run(round) {
        child.send(round);
        const result = await firstMessage(child);
        if (result.failed > 0) throw new Error(`${name}: ${result.failed} requests failed\n${said}`);
        return result;
      },
      stop: () => this.#stop(child),
    };
  }

  fail(what, error) {
    this.failed.set(what, String(error.message).split('\n')[0]);
  }

  /** A script that prints one line of JSON and ends. */
  async script(name, parameters = [], flags = []) {
    const child = this.#spawn(name, parameters, 0, flags);
    const result = await firstMessage(child);
    await this.#stop(child);
    return result;
  }

  /** A script that says when it has done its work, and much later prints one line of JSON and ends. Resolves then; `result` is what comes of it. */
  async waiting(name, parameters = []) {
    const child = this.#spawn(name, parameters, 0);
    this.#serving.add(child);
    await firstMessage(child);
    const result = firstMessage(child, 2 * TAKES_AT_MOST).finally(() => this.#stop(child));
    result.catch(() => {});
    return { result };
  }

  /** After a failure. */
  async stopContenders() {
    await Promise.all([...this.#children].filter((child) => !this.#serving.has(child)).map((child) => this.#stop(child)));
  }

  async stop() {
    await Promise.all([...this.#children].map((child) => this.#stop(child)));
  }

  #spawn(file, parameters, core, flags = []) {
    const command = [process.execPath, ...flags, path(file), ...parameters];
    const [program, ...rest] = pinned ? ['taskset', '-c', String(core), ...command] : command;
    const child = spawn(program, rest, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
    child.stderr.resume();
    this.#children.add(child);
    child.once('exit', () => {
      this.#children.delete(child);
      this.#sidecars.delete(child);
    });
    return child;
  }

  async #stop(child) {
    if (!this.#children.has(child)) return;
    const gone = once(child, 'exit');
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
    await gone;
    clearTimeout(timer);
  }
}

function firstMessage(child, within = TAKES_AT_MOST) {
  return new Promise((resolve, reject) => {
    const settle = (how) => (value) => {
      clearTimeout(timer);
      for (const [event, listener] of Object.entries(listeners)) child.off(event, listener);
      how(value);
    };
    const failed = settle(reject);
    const listeners = { exit: (code) => failed(new Error(`ended with ${code}`)), error: failed, message: settle(resolve) };
    for (const [event, listener] of Object.entries(listeners)) child.on(event, listener);
    const timer = setTimeout(() => failed(new Error(`not done in ${within / 1000} s`)), within);
  });
}

/** The line of a stack trace that says what is wrong, without where on this machine it was. */
function reasonOf(said) {
  const line = said.split('\n').find((each) => /Error\b.*: /.test(each));
  return line?.replace(/file:\/\/\S+|\/\S+\/(\S+)/g, '$1').trim();
}
