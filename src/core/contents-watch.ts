/**
 * Watches files (of a policy, of certificates), and says when what they hold has changed and settled.
 *
 *     poll every 5 s, or when the folder stirs ──▶ hash of all contents ──▶ differs twice in a row ──▶ changed(hash)
 *
 * What counts is the contents. kubelet swaps a symbolic link (`..data`), editors rename a new file over the old one, inode numbers are
 * given out again and clocks are coarse: a watcher that follows the file misses the second of three swaps (configmap-reload#190). So the
 * folder is watched, for speed, and the poll finds what that misses (network file systems, no watches left, a folder that was replaced).
 *
 * A change is believed when two looks, a moment apart, see the same: whoever writes in place is caught half-way otherwise, and half a
 * policy may well be a valid one, and half a certificate and its old key are no pair.
 *
 * Looks are asynchronous, one at a time, and hold neither the loop nor the process.
 */
import { realpathSync, statSync, watch, type FSWatcher } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock, Millis, Timer } from './clock.ts';

/** A ConfigMap or a secret takes kubelet up to a minute; five seconds on top are not felt. */
const POLL: Millis = 5_000;
/** Between the two looks that have to agree. */
const SETTLE: Millis = 200;

export interface ContentsWatchDeps {
  readonly clock: Clock;
  /** A hash of what the files hold, or what stands in the way; never rejects. */
  readonly look: () => Promise<string>;
  /** Calls back when it may be worth a look; returns what ends that. */
  readonly listen: (stirred: () => void) => () => void;
  /** What the files hold has changed, compared with the last time this was called, or with the beginning. Must not throw. */
  readonly changed: (seen: string) => void;
}

export class ContentsWatch {
  readonly #deps: ContentsWatchDeps;
  readonly #deafen: () => void;
  /** As it was when last reported. */
  #known: string;
  /** Seen once and not yet believed. */
  #candidate: string | undefined;
  #timer: Timer | undefined;
  #due: Millis = Infinity;
  #looking = false;
  #stirred = false;
  #closed = false;

  /** `known`: what was loaded already. */
  constructor(known: string, deps: ContentsWatchDeps) {
    this.#deps = deps;
    this.#known = known;
    this.#deafen = deps.listen(() => this.#stir());
    this.#wait(POLL);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#deafen();
  }

  #stir(): void {
    this.#stirred = true;
    // Only ever sooner: in a folder that never rests a look would be put off for ever.
    if (!this.#looking && !this.#closed && this.#due > this.#deps.clock.now() + SETTLE) this.#wait(SETTLE);
  }

  #wait(delay: Millis): void {
    this.#timer?.cancel();
    this.#due = this.#deps.clock.now() + delay;
    this.#timer = this.#deps.clock.after(delay, () => void this.#look(), 'background');
  }

  async #look(): Promise<void> {
    this.#looking = true;
    this.#stirred = false;
    const seen = await this.#deps.look();
    this.#looking = false;
    if (this.#closed) return;
    if (seen === this.#known) {
      this.#candidate = undefined;
    } else if (seen === this.#candidate) {
      this.#candidate = undefined;
      this.#known = seen;
      this.#deps.changed(seen);
    } else {
      this.#candidate = seen;
    }
    // `changed` may have closed it.
    if (!this.#closed) this.#wait(this.#candidate !== undefined || this.#stirred ? SETTLE : POLL);
  }
}

/** Nothing that is no regular file is opened: to open a pipe is to wait for whoever writes to it. */
export async function readUpTo(path: string, most: number): Promise<Buffer> {
  if (!(await stat(path)).isFile()) throw new Error('no regular file');
  const file = await open(path);
  try {
    const buffer = Buffer.allocUnsafe(Math.min((await file.stat()).size + 1, most));
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) got = (await file.read(buffer, length, buffer.length - length)).bytesRead;
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}

/** Calls back when something happens in a folder in which a file would be replaced. */
export function listenToFolders(paths: readonly string[], stirred: () => void): () => void {
  const watchers: FSWatcher[] = [];
  for (const folder of new Set(paths.map((path) => (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? path : dirname(path))))) {
    try {
      const watcher = watch(folder, { persistent: false }, stirred);
      // Gone, or no watches left (ENOSPC): the poll goes on.
      watcher.on('error', () => watcher.close());
      watchers.push(watcher);
    } catch {
      // As above.
    }
  }
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}

/**
 * The same file in the generation that `..data` means now, where there is one: kubelet writes the files of a volume into a folder of their
 * own and then turns that link to it (pkg/volume/util/atomic_writer.go), perhaps while they are read. `generations`: of those read together.
 */
export function inGeneration(path: string, generations: Map<string, string>): string {
  const folder = dirname(path);
  let generation = generations.get(folder);
  if (generation === undefined) {
    try {
      generation = realpathSync(join(folder, '..data'));
    } catch {
      generation = folder;
    }
    generations.set(folder, generation);
  }
  const there = join(generation, basename(path));
  return statSync(there, { throwIfNoEntry: false }) === undefined ? path : there;
}
