/** The knobs of TLS. Defaults are in policy.ts. */
import type { Switchable } from './switchable.ts';

export type TlsVersion = '1.2' | '1.3';

export interface TlsKnobs {
  /** `tls`: the server proves who it is · `mutual`: so do we, with `cert` and `key`. */
  readonly mode: 'tls' | 'mutual';
  /** Path of the certificates that servers' must lead up to, in PEM; `system`: those that Node brings. */
  readonly ca: string;
  /** Paths of our own certificate, with what is between it and its root, and of its key, in PEM. */
  readonly cert: Switchable<string>;
  readonly key: Switchable<string>;
  /** Asked for by name (SNI), and, without `spiffeIds`, what the certificate must be for. `auto`: the first of the service's hosts. */
  readonly serverName: string;
  /** Whose certificate the server may have; patterns of spiffe-id.ts. */
  readonly spiffeIds: Switchable<readonly string[]>;
  readonly minVersion: TlsVersion;
}
