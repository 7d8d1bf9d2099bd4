/**
 * A file of the system that may change under us, as resolv.conf does when a VPN comes up. It is looked at when somebody asks, at most
 * every 5 s (Go's and glibc's interval), so no timer and no watcher is needed; a check costs some 20 µs.
 *
 * A file that cannot be read or makes no sense leaves in place what it said before.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Clock, Millis } from '../core/clock.ts';

const CHECK_INTERVAL: Millis = 5000;
/** A hosts file larger than this is some blocker's list, not a map of services. */
const MAX_BYTES = 1024 * 1024;

export class ReloadingFile<T> {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #parse: (text: string) => T | undefined;
  #value: T;
  #checkedAt: Millis = -Infinity;
  #version = '';

  /** `parse` returns undefined for a text that makes no sense; `initial` stands until a text does. */
  constructor(path: string, clock: Clock, parse: (text: string) => T | undefined, initial: T) {
    this.#path = path;
    this.#clock = clock;
    this.#parse = parse;
    this.#value = initial;
  }

  get value(): T {
    const now = this.#clock.now();
    if (now - this.#checkedAt >= CHECK_INTERVAL) {
      this.#checkedAt = now;
      this.#check();
    }
    return this.#value;
  }

  #check(): void {
    try {
      const { ino, size, mtimeMs, ctimeMs } = statSync(this.#path);
      const version = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
      if (version === this.#version || size > MAX_BYTES) return;
      this.#version = version;
      this.#value = this.#parse(readFileSync(this.#path, 'utf8')) ?? this.#value;
    } catch {
      // Missing or unreadable: what it said before stands, and the next check may find it again.
    }
  }
}
