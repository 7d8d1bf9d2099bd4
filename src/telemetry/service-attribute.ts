/**
 * What a metric says of who is called. Services that the policy names are as many as it names. Other hosts are whatever requests say, and a
 * value that comes from outside would make any number of time series: the first hundred are told apart, addresses never (a pod's is of use
 * for as long as the pod lives, and there are thousands of those), and the rest is `_OTHER`, as the HTTP conventions have it for methods.
 */
import { isIP } from 'node:net';

const TOLD_APART = 100;
export const OTHER = '_OTHER';

const told = new Set<string>();

/** A service as the client names it: `host:port` where the policy does not name it. */
export function serviceAttribute(service: string): string {
  const colon = service.lastIndexOf(':');
  if (colon === -1 || told.has(service)) return service;
  if (told.size >= TOLD_APART || isAddress(service.slice(0, colon))) return OTHER;
  told.add(service);
  return service;
}

function isAddress(host: string): boolean {
  return isIP(host.replace(/^\[|\]$/g, '')) !== 0;
}
