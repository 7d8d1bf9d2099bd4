/**
 * Nameserver: where to ask, and what was learnt from asking there.
 */
import { isIP } from 'node:net';
import type { Millis } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';

const DNS_PORT = 53;
/** How long a server that did not understand EDNS is asked without it. */
const PLAIN_FOR: Millis = 15 * 60_000;
/** Two silences in a row, and a server is asked last … */
const SILENCES = 2;
/** … for this long. libc asks a dead first server first, for ever. */
const DEMOTED_FOR: Millis = 30_000;

export class Nameserver {
  readonly host: string;
  readonly port: number;
  /** `ip:port`, `[ipv6]:port`. */
  readonly key: string;
  #plainUntil: Millis = -Infinity;
  #demotedUntil: Millis = -Infinity;
  #silences = 0;

  constructor(host: string, port: number = DNS_PORT) {
    this.host = host;
    this.port = port;
    this.key = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  answered(): void {
    this.#silences = 0;
    this.#demotedUntil = -Infinity;
  }

  silent(now: Millis): void {
    this.#silences += 1;
    if (this.#silences < SILENCES) return;
    this.#silences = 0;
    this.#demotedUntil = now + DEMOTED_FOR;
  }

  isDemoted(now: Millis): boolean {
    return now < this.#demotedUntil;
  }

  /** It does not understand EDNS. */
  wantsPlain(now: Millis): void {
    this.#plainUntil = now + PLAIN_FOR;
  }

  understandsEdns(now: Millis): boolean {
    return now >= this.#plainUntil;
  }
}

/** Those that answer before those that lately did not; otherwise as listed, from the `turn`-th on. */
export function inOrder(servers: readonly Nameserver[], turn: number, now: Millis): readonly Nameserver[] {
  const from = turn % servers.length;
  const listed = from === 0 ? servers : [...servers.slice(from), ...servers.slice(0, from)];
  if (!listed.some((server) => server.isDemoted(now))) return listed;
  return [...listed.filter((server) => !server.isDemoted(now)), ...listed.filter((server) => server.isDemoted(now))];
}

/** Reads `ip`, `ip:port`, `ipv6` and `[ipv6]:port`. Throws MeshError POLICY_INVALID for anything else. */
export function parseNameservers(texts: readonly string[]): Nameserver[] {
  if (texts.length === 0) throw new MeshError('POLICY_INVALID', 'nameservers: [] (expected: at least one address, or no list at all)');
  return texts.map((text, index) => {
    const parsed = parseNameserver(text);
    if (parsed === undefined) throw new MeshError('POLICY_INVALID', `nameservers[${index}]: ${JSON.stringify(text)} (expected: ip, ip:port or [ipv6]:port)`);
    return parsed;
  });
}

export function parseNameserver(text: string): Nameserver | undefined {
  if (isIP(text) !== 0) return new Nameserver(text);
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = digits === undefined ? DNS_PORT : Number(digits);
  if (isIP(host) !== (bracketed === undefined ? 4 : 6) || port < 1 || port > 65_535) return undefined;
  return new Nameserver(host, port);
}
