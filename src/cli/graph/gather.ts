/**
 * The snapshots of many processes, asked for at the same time. One that does not answer is named, with the reason, and keeps nobody waiting for
 * longer than the timeout; the others are what there is to see.
 */
import type { Clock, Millis } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { DnsError } from '../../discovery/dns-error.ts';
import { SrvSource } from '../../discovery/srv.ts';
import { StubResolver } from '../../discovery/stub-resolver.ts';
import { UsageError } from '../arguments.ts';
import { readSnapshot, type ProcessSnapshot } from './snapshot.ts';

/** At one time. */
const ASKED_AT_MOST = 32;
/** A snapshot of 10,000 endpoints is about 4 MB. */
const LARGEST = 32 * 1024 * 1024;
/** What `mesh.admin()` listens on where nobody says otherwise. */
export const USUAL = 'http://127.0.0.1:9900/';

export interface Sources {
  /** Of `--from`: of the live page or of the snapshot. */
  readonly urls: readonly string[];
  /** Of `--from-srv`. */
  readonly srv: readonly string[];
  readonly nameservers: readonly string[];
  readonly timeout: Millis;
}

export type Gathered = { readonly from: string; readonly snapshot: ProcessSnapshot } | { readonly from: string; readonly error: string };

export async function gather({ urls, srv, nameservers, timeout }: Sources, clock: Clock): Promise<Gathered[]> {
  const found = await Promise.all(srv.map((name) => addressesOf(name, nameservers, timeout, clock)));
  const waiting: (() => Promise<Gathered>)[] = [];
  for (const url of urls) waiting.push(() => ask(url, timeout));
  for (const each of found.flat()) waiting.push('error' in each ? async () => each : () => ask(each.url, timeout));
  const gathered: Gathered[] = new Array<Gathered>(waiting.length);
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(ASKED_AT_MOST, waiting.length) }, async () => {
    for (let at = next++; at < waiting.length; at = next++) gathered[at] = await waiting[at]!();
  }));
  return gathered;
}

/** Throws UsageError. `10.0.0.7:9900` and `http://10.0.0.7:9900/mesh/` are what they look like. */
export function snapshotUrl(text: string): string {
  const given = /^https?:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(given)) throw new UsageError(`--from: ${text} (expected: a URL, or HOST:PORT)`);
  const url = new URL(given);
  if (!url.pathname.endsWith('/snapshot.json')) url.pathname += url.pathname.endsWith('/') ? 'snapshot.json' : '/snapshot.json';
  return url.href;
}

async function ask(url: string, timeout: Millis): Promise<Gathered> {
  // What is said of it names no password that is in it.
  const { host, pathname } = new URL(url);
  const from = pathname === '/snapshot.json' ? host : host + pathname;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeout), redirect: 'error', headers: { accept: 'application/json' } });
    if (response.status !== 200) throw new Error(`it answers with status ${response.status}`);
    let text = '';
    let size = 0;
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      size += (chunk as Uint8Array).length;
      if (size > LARGEST) throw new Error(`it answers with more than ${LARGEST / 1024 / 1024} MiB`);
      text += decoder.decode(chunk as Uint8Array, { stream: true });
    }
    return { from, snapshot: readSnapshot(text) };
  } catch (error) {
    return { from, error: reasonOf(error, timeout) };
  }
}

function reasonOf(error: unknown, timeout: Millis): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${timeout} ms`;
  // fetch hides what happened.
  return error.cause instanceof Error ? error.cause.message : error.message;
}

type Found = { readonly url: string } | { readonly from: string; readonly error: string };

async function addressesOf(name: string, nameservers: readonly string[], timeout: Millis, clock: Clock): Promise<Found[]> {
  const stub = new StubResolver({ clock, random: systemRandom, nameservers: nameservers.length > 0 ? nameservers : undefined });
  let late: () => void = () => {};
  const over = new Promise<never>((_, reject) => (late = () => reject(new Error(`no answer within ${timeout} ms`))));
  // It also keeps the process alive, which a resolver does not.
  const timer = clock.after(timeout, () => late());
  try {
    const { endpoints } = await Promise.race([new SrvSource(stub, name).resolve(), over]);
    if (endpoints.length === 0) return [{ from: name, error: 'the name has no SRV records' }];
    return endpoints.map(({ host, port }) => ({ url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/snapshot.json` }));
  } catch (error) {
    if (!(error instanceof DnsError) && !(error instanceof Error)) throw error;
    return [{ from: name, error: error.message }];
  } finally {
    timer.cancel();
    stub.close();
  }
}
