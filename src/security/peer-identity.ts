/**
 * Peer identity: whom a certificate names. That it is genuine, by whom it is signed and whether its time is now, TLS has found out before.
 *
 *  - As a SPIFFE ID: X509-SVID §2 and §5.2. One URI name, no more and no fewer, since of two nobody could say which is meant; and the
 *    certificate may not sign others.
 *  - As a DNS name: among its subject alternative names. The common name counts for nothing (RFC 9525 §2).
 */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { parseSpiffeId, type NoSpiffeId, type SpiffeId, type SpiffePattern } from '../core/spiffe-id.ts';

/** The SPIFFE ID of whoever has this certificate, or why it is none. */
export function spiffeIdOf(certificate: X509Certificate): SpiffeId | NoSpiffeId {
  const uris = uriNames(certificate.subjectAltName ?? '');
  const [uri] = uris;
  if (uri === undefined) return { problem: 'its certificate has no URI name, and so no SPIFFE ID' };
  if (uris.length > 1) return { problem: `its certificate has ${uris.length} URI names, where a SPIFFE ID is the only one` };
  if (certificate.ca) return { problem: 'its certificate is one that signs others' };
  const id = parseSpiffeId(uri);
  return 'problem' in id ? { problem: `its certificate has the URI ${printable(uri)}, which is no SPIFFE ID: ${id.problem}` } : id;
}

/** Why this is not the certificate of any of these; undefined: it is. */
export function spiffeProblem(certificate: X509Certificate, expected: readonly SpiffePattern[]): string | undefined {
  const id = spiffeIdOf(certificate);
  if ('problem' in id) return id.problem;
  if (expected.some((pattern) => pattern.matches(id))) return undefined;
  return `it is ${id.id} (expected: ${expected.map((pattern) => pattern.id).join(' or ')})`;
}

/** Why this is not the certificate of the host with this name, or this IP address; undefined: it is. */
export function serverNameProblem(certificate: X509Certificate, name: string): string | undefined {
  const address = isIP(name) !== 0;
  const known = address ? certificate.checkIP(name) : certificate.checkHost(name, { subject: 'never', partialWildcards: false });
  if (known !== undefined) return undefined;
  const names = certificate.subjectAltName;
  return `its certificate is for ${names === undefined ? 'no name at all' : printable(names)} (expected: ${address ? 'IP Address' : 'DNS'}:${name})`;
}

/**
 * The URIs among `DNS:reviews, URI:spiffe://td/a`. What could be taken for more than one name, Node writes in quotes, as JSON (CVE-2021-44532).
 */
function uriNames(subjectAltName: string): string[] {
  const names = subjectAltName.match(/[^,"]*(?:"(?:[^"\\]|\\.)*"[^,"]*)*/g) ?? [];
  return names.map((name) => name.trim()).filter((name) => name.startsWith('URI:')).map((name) => name.slice('URI:'.length));
}

/** It is somebody else's text, on its way into messages. */
function printable(text: string): string {
  const short = text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return short.replace(/[^\x20-\x7e\u2026]/g, '?');
}
