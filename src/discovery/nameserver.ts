/**
 * Nameserver: where to ask, and what we have learned about asking there.
 */
import { isIP } from 'node:net';
import type { Millis } from '../core/clock.ts';
import { MeshError } from '../core/errors.ts';

export interface Nameserver {
  readonly host: string;
  readonly port: number;
  /** `ip:port`, `[ipv6]:port`. */
  readonly key: string;
  /** It did not understand EDNS: until this instant it is asked without. */
  plainUntil: Millis;
}

const DNS_PORT = 53;

export function nameserver(host: string, port: number = DNS_PORT): Nameserver {
  return { host, port, key: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, plainUntil: -Infinity };
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
  if (isIP(text) !== 0) return nameserver(text);
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = digits === undefined ? DNS_PORT : Number(digits);
  if (isIP(host) !== (bracketed === undefined ? 4 : 6) || port < 1 || port > 65_535) return undefined;
  return nameserver(host, port);
}
