/**
 * Who is answered. The pages read and change nothing, so there is nothing to forge a request for; what is to be kept is what they tell.
 *
 *  - Other sites' scripts cannot read an answer without our leave (no CORS header is ever sent). So that they cannot make this process work, either,
 *    a request that a browser says comes from another site is refused, unless somebody follows a link.
 *  - DNS rebinding: a site whose name is made to mean 127.0.0.1 is its own origin to the browser, and could read everything. Its name is in the
 *    Host header, so an address, `localhost` and names that were allowed are answered, and nothing else.
 *
 * Mounted in somebody's own server, it is that server which knows its names and its users; then Host is not looked at.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export interface Refusal {
  readonly status: 403 | 405;
  readonly why: string;
}

/** `hosts`: undefined where Host is not looked at. */
export function refusal(request: Pick<IncomingMessage, 'method' | 'headers'>, hosts: ReadonlySet<string> | undefined): Refusal | undefined {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, why: 'read-only: GET and HEAD alone' };
  if (headers['sec-fetch-site'] === 'cross-site' && headers['sec-fetch-mode'] !== 'navigate') return { status: 403, why: 'not for other sites' };
  if (hosts !== undefined && !isKnown(headers.host, hosts)) return { status: 403, why: 'this Host is not known here (mesh.admin({ hosts: […] }) makes it so)' };
  return undefined;
}

/** HTTP/1.0 has none, and browsers do not speak it. */
function isKnown(host: string | undefined, hosts: ReadonlySet<string>): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '').toLowerCase();
  return name === 'localhost' || isIP(name) !== 0 || hosts.has(name);
}
