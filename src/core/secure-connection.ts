/**
 * What the transport is given to make TLS connections to a service with. A new object once any of it has changed, so that connections
 * know by `===` whether they were made with what holds now.
 */
import type { X509Certificate } from 'node:crypto';
import type { SecureContext } from 'node:tls';

export interface TlsSettings {
  /** Roots, our own certificate, versions. Undefined: Node's own. */
  readonly secureContext: SecureContext | undefined;
  /** The same for all connections; an IP address is no server name, and is not sent (RFC 6066 §3). */
  readonly serverName: string;
  /**
   * Why this, which is genuine, is not the certificate of whom we meant to reach; undefined: it is. Not asked where a session is resumed, so
   * no session outlives the settings that it was made with. Without it, the certificate must be for the server name.
   */
  readonly problemWith: ((certificate: X509Certificate) => string | undefined) | undefined;
}
