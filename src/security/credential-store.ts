/**
 * The credentials in use: one for each set of files that the policy names, read when it is loaded and followed from then on, since whoever
 * issues certificates replaces them every day, or every hour.
 *
 *     files change ──▶ settle ──▶ read → judge ──good──▶ new connections are made with them; old ones drain as they are used
 *                                             └─bad──▶ keep the last good ones, say why, once
 *
 * (Envoy's SDS, without a server to ask: kubelet, cert-manager's CSI driver and spiffe-helper all leave files.)
 */
import { readFileSync, statSync } from 'node:fs';
import type { Clock, Millis } from '../core/clock.ts';
import { ContentsWatch, inGeneration, listenToFolders, readUpTo } from '../core/contents-watch.ts';
import type { Emit } from '../core/events.ts';
import type { KnobProblem } from '../core/knob-problem.ts';
import type { Policy, Switchable, TlsKnobs } from '../core/policy.ts';
import { CredentialProblem, filesOf, hashOfContents, pathsOf, readCredentials, type CredentialFiles, type Credentials } from './credentials.ts';

/** More is no file of certificates; all public roots together are a fifth of this. */
const LARGEST_FILE = 1024 * 1024;

/** What is known of one set of files, as plain data for `inspect()`. */
export interface CredentialsSnapshot {
  readonly ca: string;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Our own: SPIFFE ID, or subject. */
  readonly identity: string | undefined;
  /** When the first of them is out of date, as an ISO date; undefined: they never are. */
  readonly expires: string | undefined;
  /** 1 for those that were read first. */
  readonly generation: number;
  /** Whether the files still hold them, and their time is now. */
  readonly valid: boolean;
  /** Why the files were rejected. */
  readonly error?: string;
}

export interface CredentialStoreDeps {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly warn: (message: string) => void;
  /** Follow the files. */
  readonly watch: boolean;
}

interface Held {
  readonly files: CredentialFiles;
  credentials: Credentials;
  /** Of the contents that they were read from. */
  hash: string;
  generation: number;
  error: string | undefined;
  watch: ContentsWatch | undefined;
}

export class CredentialStore {
  readonly #deps: CredentialStoreDeps;
  #held = new Map<string, Held>();

  constructor(deps: CredentialStoreDeps) {
    this.#deps = deps;
  }

  /** Reads what this policy names and is not known yet. What is wrong with it keeps the policy from coming into force. */
  prepare({ defaults, services }: Policy): readonly KnobProblem[] {
    const problems: KnobProblem[] = [];
    const failed = new Map<string, unknown>();
    const check = (service: string | undefined, tls: Switchable<TlsKnobs>): void => {
      if (tls === 'off') return;
      const files = filesOf(tls);
      const key = keyOf(files);
      if (this.#held.has(key)) return;
      if (!failed.has(key)) {
        try {
          this.#held.set(key, this.#hold(files));
          return;
        } catch (error) {
          if (!(error instanceof CredentialProblem)) throw error;
          failed.set(key, error);
          problems.push({ service, knob: ['tls', error.knob], found: error.found, expected: error.expected });
        }
      }
    };
    check(undefined, defaults.tls);
    for (const [name, { policy }] of services) check(name, policy.tls);
    return problems;
  }

  /** This policy is in force: what it does not name is let go. */
  keep({ defaults, services }: Policy): void {
    const named = new Set([defaults, ...[...services.values()].map(({ policy }) => policy)].flatMap(({ tls }) => (tls === 'off' ? [] : [keyOf(filesOf(tls))])));
    for (const [key, held] of this.#held) {
      if (named.has(key)) continue;
      held.watch?.close();
      this.#held.delete(key);
    }
  }

  /** Whose `credentials` are those that connections are made with now. */
  of(tls: TlsKnobs): { readonly credentials: Credentials } {
    const files = filesOf(tls);
    const key = keyOf(files);
    let held = this.#held.get(key);
    if (held === undefined) this.#held.set(key, (held = this.#hold(files)));
    return held;
  }

  snapshot(): readonly CredentialsSnapshot[] {
    const wall = this.#deps.clock.wall();
    return [...this.#held.values()].map(({ files, credentials, generation, error }) => ({
      ca: files.ca,
      cert: files.pair?.cert,
      key: files.pair?.key,
      identity: credentials.identity,
      expires: credentials.expires === Infinity ? undefined : new Date(credentials.expires).toISOString(),
      generation,
      valid: error === undefined && credentials.expires > wall,
      ...(error === undefined ? {} : { error }),
    }));
  }

  close(): void {
    for (const { watch } of this.#held.values()) watch?.close();
  }

  /** @throws CredentialProblem */
  #hold(files: CredentialFiles): Held {
    const { clock, watch } = this.#deps;
    const contents = new Map<string, Buffer>();
    const credentials = readCredentials(files, readingTogether(contents), clock.wall());
    const paths = pathsOf(files);
    const held: Held = { files, credentials, hash: hashOfContents(paths.map((path) => contents.get(path)!)), generation: 1, error: undefined, watch: undefined };
    if (watch && paths.length > 0) {
      held.watch = new ContentsWatch(held.hash, { clock, look: () => lookAt(paths), listen: (stirred) => listenToFolders(paths, stirred), changed: (seen) => this.#changed(held, seen) });
    }
    return held;
  }

  #changed(held: Held, seen: string): void {
    const { clock, emit, warn } = this.#deps;
    const { files } = held;
    const told = { ca: files.ca, cert: files.pair?.cert };
    if (seen === held.hash) {
      held.error = undefined;
      return;
    }
    const contents = new Map<string, Buffer>();
    let credentials: Credentials;
    try {
      credentials = readCredentials(files, readingTogether(contents), clock.wall());
    } catch (error) {
      const { message } = error as Error;
      held.error = message;
      emit('tls.rejected', { ...told, error: error as Error, expires: dateOf(held.credentials.expires) });
      warn(`the files of tls were changed to what cannot be used; those read before stay in use: ${message}`);
      return;
    }
    held.error = undefined;
    held.credentials = credentials;
    held.hash = hashOfContents(pathsOf(files).map((path) => contents.get(path)!));
    held.generation += 1;
    emit('tls.loaded', { ...told, identity: credentials.identity, expires: dateOf(credentials.expires), generation: held.generation });
  }
}

function dateOf(wall: Millis): Date | undefined {
  return wall === Infinity ? undefined : new Date(wall);
}

function keyOf(files: CredentialFiles): string {
  return JSON.stringify([files.ca, files.pair?.cert, files.pair?.key, files.minVersion]);
}

/** Each once, all of one generation; nothing that is no regular file is opened, for to open a pipe is to wait for whoever writes to it. */
function readingTogether(contents: Map<string, Buffer>): (path: string) => Buffer {
  const generations = new Map<string, string>();
  return (path) => {
    let bytes = contents.get(path);
    if (bytes === undefined) {
      const place = inGeneration(path, generations);
      const stats = statSync(place);
      if (!stats.isFile()) throw new Error('no regular file');
      if (stats.size > LARGEST_FILE) throw new Error('larger than 1 MiB');
      contents.set(path, (bytes = readFileSync(place)));
    }
    return bytes;
  };
}

/** What the files hold, or what stands in the way. */
async function lookAt(paths: readonly string[]): Promise<string> {
  try {
    const contents: Buffer[] = [];
    for (const path of paths) contents.push(await readUpTo(path, LARGEST_FILE + 1));
    return hashOfContents(contents);
  } catch (error) {
    return `unreadable: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
  }
}
