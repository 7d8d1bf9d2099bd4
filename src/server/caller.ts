/**
 * Who calls: the SPIFFE ID in the certificate that the client has shown, which TLS has verified against the server's `ca`. Nothing that a request
 * says of itself counts.
 *
 * Behind a proxy that ends TLS (Envoy, an ingress) the certificate is the proxy's own, or there is none, and the proxy says whose it was in
 * `x-forwarded-client-cert`. That is believed where the connection comes from an address that the policy names, and only its last element, which is
 * the one that this proxy has added. From anywhere else the header is a forgery, and is taken off before a handler can see it.
 */
import type { X509Certificate } from 'node:crypto';
import { BlockList, isIP, type Socket } from 'node:net';
import { parseSpiffeId, type SpiffeId } from '../core/spiffe-id.ts';
import { spiffeIdOf } from '../security/peer-identity.ts';
import { lastForwardedUri } from './forwarded-certificate.ts';
import type { Inbound } from './inbound.ts';

export const FORWARDED_CERTIFICATE_HEADER = 'x-forwarded-client-cert';

export type Caller = SpiffeId | { readonly problem: string };

/** Those that are sure stay so as long as their connection. */
const known = new WeakMap<Socket, Caller>();

const nobody: Caller = { problem: 'the connection is not over TLS' };

/** `forwarders`: addresses and blocks of proxies that are believed. */
export function callerOf(request: Inbound, forwarders: BlockList | undefined): Caller {
  const { socket } = request;
  if (forwarders !== undefined && isFrom(socket, forwarders)) return forwardedCaller(request);
  if (socket === undefined) return nobody;
  let caller = known.get(socket);
  if (caller === undefined) known.set(socket, (caller = certifiedCaller(socket)));
  return caller;
}

/** Takes off what a stranger says about certificates. */
export function stripForwarded(request: Inbound, forwarders: BlockList | undefined): void {
  if (request.strip !== undefined && !(forwarders !== undefined && isFrom(request.socket, forwarders))) request.strip(FORWARDED_CERTIFICATE_HEADER);
}

/** Undefined where there are none. Of addresses and CIDR blocks, as the policy has checked them. */
export function forwardersOf(blocks: readonly string[]): BlockList | undefined {
  if (blocks.length === 0) return undefined;
  const list = new BlockList();
  for (const block of blocks) {
    const [address, prefix] = block.split('/') as [string, string | undefined];
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function isFrom(socket: Socket | undefined, list: BlockList): boolean {
  const address = socket?.remoteAddress;
  if (address === undefined) return false;
  // Who listens on `::` sees 10.0.0.7 as ::ffff:10.0.0.7.
  if (address.startsWith('::ffff:')) return list.check(address.slice('::ffff:'.length), 'ipv4');
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function certifiedCaller(socket: Socket): Caller {
  const { encrypted, authorized, authorizationError, getPeerX509Certificate } = socket as Partial<{
    encrypted: boolean;
    authorized: boolean;
    authorizationError: Error | string;
    getPeerX509Certificate(): X509Certificate | undefined;
  }>;
  if (encrypted !== true || getPeerX509Certificate === undefined) return nobody;
  const certificate = getPeerX509Certificate.call(socket);
  if (certificate === undefined) return { problem: 'it has shown no certificate' };
  if (authorized !== true) return { problem: `its certificate is not valid here (${String(authorizationError)})` };
  return spiffeIdOf(certificate);
}

function forwardedCaller({ headers }: Inbound): Caller {
  const header = typeof headers.get === 'function' ? (headers as Headers).get(FORWARDED_CERTIFICATE_HEADER) : (headers as NodeJS.Dict<string>)[FORWARDED_CERTIFICATE_HEADER];
  const uri = lastForwardedUri(header ?? '');
  if (uri === undefined) return { problem: 'the proxy in front has named no certificate' };
  const id = parseSpiffeId(uri);
  return 'problem' in id ? { problem: `the proxy in front has named a certificate that is of no SPIFFE ID: ${id.problem}` } : id;
}
