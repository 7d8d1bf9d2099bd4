/**
 * A JSON file that lists endpoints:
 *
 *     ["10.0.0.1:9080", { "host": "10.0.0.2", "port": 9080, "weight": 2, "priority": 0 }]        or        { "endpoints": [ … ] }
 *
 * It is read whole at every refresh, by its path. So a ConfigMap, whose files are symlinks that kubelet swaps, is followed without a
 * watcher that would lose the inode; and a file that is half written is an error, which changes nothing.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Endpoint } from '../core/endpoint.ts';
import { usableFamily } from './address.ts';
import { distinct } from './source.ts';
import type { Source, SourceAnswer } from './source.ts';

const MAX_BYTES = 1024 * 1024;

export class FileSource implements Source {
  readonly description: string;
  readonly #path: string;
  #read: { readonly version: string; readonly answer: SourceAnswer } | undefined;

  constructor(path: string) {
    this.#path = path;
    this.description = `file ${path}`;
  }

  async resolve(): Promise<SourceAnswer> {
    const { size, mtimeMs, ctimeMs, ino } = await stat(this.#path);
    if (size > MAX_BYTES) throw new Error(`${this.#path}: ${size} bytes (expected: at most ${MAX_BYTES})`);
    const version = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    if (this.#read?.version === version) return this.#read.answer;
    const { endpoints, cut } = distinct(parseEndpoints(await readFile(this.#path, 'utf8'), this.#path));
    // An empty list was written by somebody; it needs no confirmation.
    const answer = { endpoints, complete: !cut, ttl: undefined, emptyForSure: true };
    this.#read = { version, answer };
    return answer;
  }
}

function parseEndpoints(text: string, path: string): Endpoint[] {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: not JSON: ${(error as Error).message}`, { cause: error });
  }
  const list = Array.isArray(data) ? data as unknown[] : (data as { endpoints?: unknown } | null)?.endpoints;
  if (!Array.isArray(list)) throw new Error(`${path}: ${JSON.stringify(data).slice(0, 60)} (expected: a list of endpoints)`);
  return list.map((entry: unknown, index) => {
    const endpoint = typeof entry === 'string' ? fromText(entry) : fromObject(entry);
    if (endpoint === undefined) throw new Error(`${path}: [${index}]: ${JSON.stringify(entry)?.slice(0, 100)} (expected: "ip:port", or host, port, and if need be weight and priority)`);
    return endpoint;
  });
}

function fromText(text: string): Endpoint | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  return fromObject({ host: bracketed ?? plain, port: Number(digits) });
}

function fromObject(entry: unknown): Endpoint | undefined {
  const { host, port, weight = 1, priority = 0 } = (entry ?? {}) as Record<string, unknown>;
  const valid = typeof host === 'string' && usableFamily(host) !== undefined
    && isInteger(port, 1, 65_535) && typeof weight === 'number' && weight > 0 && Number.isFinite(weight) && isInteger(priority, 0, 65_535);
  return valid ? { host, port, weight, priority } : undefined;
}

function isInteger(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
}
