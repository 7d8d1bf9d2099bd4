/**
 * TLS to one service: the credentials that the policy names, as they are now, and the one or the many that the server may be.
 */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Switchable, TlsKnobs } from '../core/policy.ts';
import type { TlsSettings } from '../core/secure-connection.ts';
import { parseSpiffePattern, type SpiffePattern } from '../core/spiffe-id.ts';
import type { CredentialStore } from './credential-store.ts';
import type { Credentials } from './credentials.ts';
import { serverNameProblem, spiffeProblem } from './peer-identity.ts';

export interface ServiceTlsDeps {
  readonly store: CredentialStore;
  readonly knobs: () => Switchable<TlsKnobs>;
  /** The service's own name in URLs, as a host. */
  readonly host: () => string;
}

export class ServiceTls {
  readonly #deps: ServiceTlsDeps;
  #held: { readonly knobs: TlsKnobs; readonly store: { readonly credentials: Credentials } } | undefined;
  #made: { readonly knobs: TlsKnobs; readonly host: string; readonly credentials: Credentials; readonly settings: TlsSettings } | undefined;

  constructor(deps: ServiceTlsDeps) {
    this.#deps = deps;
  }

  /** Undefined where it is off. Asked for every request, and the same until something changes. */
  get settings(): TlsSettings | undefined {
    const { store, knobs: knobsNow, host: hostNow } = this.#deps;
    const knobs = knobsNow();
    if (knobs === 'off') return undefined;
    const host = hostNow();
    if (this.#held?.knobs !== knobs) this.#held = { knobs, store: store.of(knobs) };
    const { credentials } = this.#held.store;
    if (this.#made?.credentials !== credentials || this.#made.knobs !== knobs || this.#made.host !== host) {
      this.#made = { knobs, host, credentials, settings: settingsOf(knobs, host, credentials) };
    }
    return this.#made.settings;
  }
}

function settingsOf({ serverName, spiffeIds }: TlsKnobs, host: string, { secureContext }: Credentials): TlsSettings {
  const name = serverName === 'auto' ? host.replace(/\.$/, '') : serverName;
  // Checked when the policy was loaded.
  const patterns = spiffeIds === 'off' ? undefined : spiffeIds.map((each) => parseSpiffePattern(each) as SpiffePattern);
  return {
    secureContext,
    serverName: isIP(name) === 0 ? name : '',
    problemWith: (certificate: X509Certificate) => (patterns === undefined ? serverNameProblem(certificate, name) : spiffeProblem(certificate, patterns)),
  };
}
