/**
 * Names and addresses in a policy: `reviews`, `reviews:9080`, `10.0.0.1:9080`, `[::1]:9080`. Host names are those of DNS
 * (letters, digits, hyphens, and the underscore that some platforms use), lower-cased, without the trailing dot.
 */
import { isIPv4, isIPv6 } from 'node:net';

export interface Address {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

const label = /^[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?$/i;

/** Whether it is a name that DNS could know: at most 253 characters, labels of at most 63, and no IP address in disguise. */
export function isDnsName(text: string): boolean {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length === 0 || name.length > 253) return false;
  const labels = name.split('.');
  // 300.1.1.1 and 10.1 are read as IPv4 addresses by URL parsers, never as names.
  return labels.every((each) => label.test(each)) && !/^\d+$/.test(labels.at(-1) as string);
}

/** Undefined where it is none of the forms above. */
export function parseAddress(text: string): Address | undefined {
  // 253 of the name, and a port: nothing longer is looked at.
  if (text.length > 260) return undefined;
  const match = /^(\[[^\]]*\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const port = match[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && (port < 1 || port > 65535)) return undefined;
  const host = normalHost(match[1] as string);
  return host === undefined ? undefined : { host, port };
}

function normalHost(host: string): string | undefined {
  if (host.startsWith('[')) {
    const address = host.slice(1, -1);
    // The form that URL gives a request's host, so that the two compare: [0:0::1] is [::1]. Zones (fe80::1%eth0) have no such form.
    return isIPv6(address) && !address.includes('%') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : undefined;
  }
  if (isIPv4(host)) return host;
  return isDnsName(host) ? host.toLowerCase().replace(/\.$/, '') : undefined;
}
