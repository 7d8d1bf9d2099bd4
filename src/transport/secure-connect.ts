/**
 * Connects over TLS, and hands over a connection only once it is known who is at its other end.
 *
 * undici has a connector of its own. This one takes settings that may be replaced between two connections, asks for the SPIFFE ID as well as
 * for the name, and keeps sessions apart: one of an endpoint is resumed with that endpoint and with the settings it was made with, for
 * neither OpenSSL nor Node looks at the certificate again when a session is resumed. A ticket of one pod is mostly of no use to another,
 * whose keys for tickets are its own.
 */
import { X509Certificate } from 'node:crypto';
import { connect, type ConnectionOptions, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { TlsSettings } from '../core/secure-connection.ts';
import type { Connector } from './race.ts';

/** As undici has it, for a proxy between us and the server would forget a connection on which nothing is said for minutes. */
const KEEP_ALIVE_AFTER = 60_000;

/** The other side is not who it should be, or cannot prove it. */
export class PeerNotVerified extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.name = 'PeerNotVerified';
  }
}

/**
 * What the other side says where it does not accept our certificate (RFC 8446 §6.2). With TLS 1.3 it says so after we believe the
 * connection made, and may have sent a request: it has finished no handshake, and so has read none.
 */
const REFUSED = /ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED|CERTIFICATE_REQUIRED)$/;
const refusals = new WeakSet<Error>();

/** Whether this is what a connection broke of because the other side did not accept our certificate, or missed it; it read no request. */
export function refusedOurCertificate(error: unknown): boolean {
  return error instanceof Error && refusals.has(error);
}

/** Settings of `https:` URLs for which the policy has none: what Node does for everybody. */
export function asAnywhere(serverName: string): TlsSettings {
  return { secureContext: undefined, serverName, problemWith: undefined };
}

/** `protocols`: what is offered to speak (ALPN), the best first. */
export function secureConnector(settings: () => TlsSettings, protocols: readonly ('h2' | 'http/1.1')[]): Connector {
  let session: Buffer | undefined;
  let madeWith: TlsSettings | undefined;
  return (options, callback) => {
    const { hostname, port } = options as { hostname: string; port: string };
    const tls = settings();
    if (tls !== madeWith) [madeWith, session] = [tls, undefined];
    const socket = connect({
      host: hostname,
      port: Number(port || 443),
      ALPNProtocols: [...protocols],
      servername: tls.serverName,
      ...(session === undefined ? {} : { session }),
      ...verification(tls),
    });
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_AFTER);
    socket.on('session', (ticket) => {
      if (madeWith === tls) session = ticket;
    });
    // Of the connection, once it is made; a broken one has none.
    let protocol: string | null | undefined;
    let failed = false;
    socket.once('secureConnect', () => {
      protocol = socket.getProtocol();
      callback(null, socket);
    });
    socket.on('error', (error: Error & { code?: string }) => {
      if (REFUSED.test(error.code ?? '') && (protocol === undefined || protocol === 'TLSv1.3')) refusals.add(error);
      // An alert is followed by the end of the connection, which undici would take for the reason.
      if (protocol !== undefined) return void socket.destroy();
      if (failed) return;
      failed = true;
      callback(isUnverified(socket) ? new PeerNotVerified(error) : error, null);
    });
    return socket;
  };
}

/** What the policy says cannot be undone from outside, as NODE_TLS_REJECT_UNAUTHORIZED would. */
function verification({ secureContext, problemWith }: TlsSettings): ConnectionOptions {
  if (secureContext === undefined || problemWith === undefined) return {};
  return {
    secureContext,
    rejectUnauthorized: true,
    checkServerIdentity: (_name: string, certificate: PeerCertificate) => {
      const problem = problemWith(new X509Certificate(certificate.raw));
      return problem === undefined ? undefined : new Error(problem);
    },
  };
}

function isUnverified(socket: TLSSocket): boolean {
  return (socket.authorizationError as Error | null) !== null;
}
