/**
 * The parent's end: starts children, waits until they are ready, and sees to it that none is left. Each child ends by
 * itself when the line to its parent breaks, so this holds even where the parent is killed.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const STDERR_KEPT = 4000;

export class Child {
  #process;
  #expected = false;
  #stderr = '';
  #loaded;

  /** @param {(message: any) => void} onMessage what the child says, other than 'loaded', 'ready' and 'failed' */
  constructor(name, file, onMessage, onLost) {
    this.name = name;
    this.#process = fork(fileURLToPath(new URL(file, import.meta.url)), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
    this.#process.stderr.on('data', (chunk) => {
      this.#stderr = (this.#stderr + chunk).slice(-STDERR_KEPT);
    });
    this.ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.loaded = new Promise((resolve) => {
      this.#loaded = resolve;
    });
    this.ready = new Promise((resolve, reject) => {
      const lost = (why) => {
        if (this.#expected) return;
        this.#expected = true;
        reject(new Error(`${name}: ${why}`));
        onLost(new Error(`${name}: ${why}`));
      };
      this.#process.on('message', (message) => {
        if (message.type === 'failed') return lost(message.message);
        if (message.type === 'loaded') return this.#loaded();
        if (message.type !== 'ready') return onMessage(message);
        resolve(message);
      });
      this.#process.once('exit', (code, signal) => lost(`ended by itself (${signal ?? `exit code ${code}`}) ${this.#stderr}`));
      this.#process.once('error', (error) => lost(error.message));
    });
    this.ready.catch(() => {});
  }

  get stderr() {
    return this.#stderr;
  }

  tell(order) {
    if (this.#process.connected) this.#process.send(order, () => {});
  }

  /** From now on its end is no surprise. */
  mayEnd() {
    this.#expected = true;
  }

  /** kill -9: no goodbye, no closed connections. */
  kill() {
    this.mayEnd();
    this.#process.kill('SIGKILL');
  }
}

export class Processes {
  #children = new Set();
  #onLost;

  /** @param {(error: Error) => void} onLost a child ended that should not have */
  constructor(onLost) {
    this.#onLost = onLost;
  }

  /**
   * A child that has read its code and waits for its first order. To start Node takes a second of processor time, which
   * belongs to another machine in a cluster and must not slow down those that are measured here.
   */
  async prepare(name, file, order, onMessage = () => {}) {
    const child = new Child(name, file, onMessage, this.#onLost);
    this.#children.add(child);
    child.tell({ ...order, type: 'load' });
    await Promise.race([child.loaded, child.ready]);
    return child;
  }

  /** Starts a child, gives it its first order and resolves when it is ready. */
  async start(name, file, order, onMessage) {
    const child = await this.prepare(name, file, order, onMessage);
    child.tell({ ...order, type: 'start' });
    await child.ready;
    return child;
  }

  /** What children wrote to their stderr: warnings that nobody else would see. */
  complaints() {
    return [...this.#children].filter((child) => child.stderr !== '').map((child) => `${child.name}: ${child.stderr.trim()}`);
  }

  async endAll() {
    for (const child of this.#children) child.kill();
    await Promise.all([...this.#children].map((child) => child.ended));
  }
}
