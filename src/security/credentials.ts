/**
 * Credentials: what the files of a `tls` hold, read together and judged before anybody connects with it. OpenSSL would take half of a PEM file
 * for a shorter one, a key that belongs to another certificate until the first handshake, and a certificate that is out of date always.
 */
import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Millis } from '../core/clock.ts';
import type { TlsKnobs } from '../core/policy.ts';
import { spiffeIdOf } from './peer-identity.ts';

export type CredentialKnob = 'ca' | 'cert' | 'key';

/** Which files, and for what; what is the same in several policies is read once. */
export interface CredentialFiles {
  /** `system`: none. */
  readonly ca: string;
  /** Undefined: we prove nothing. */
  readonly pair: { readonly cert: string; readonly key: string } | undefined;
  readonly minVersion: TlsKnobs['minVersion'];
}

export interface Credentials {
  readonly secureContext: SecureContext;
  /** Our own: its SPIFFE ID, or its subject. Undefined without a certificate. */
  readonly identity: string | undefined;
  /** When the first of them is out of date: our own certificate, what is between it and its root, or the last good one of `ca`. Epoch milliseconds. */
  readonly expires: Millis;
}

/** What is wrong with one of the files. */
export class CredentialProblem extends Error {
  readonly knob: CredentialKnob;
  readonly found: string;
  readonly expected: string;

  constructor(knob: CredentialKnob, path: string, found: string, expected: string, cause?: unknown) {
    super(`${path}: ${found} (expected: ${expected})`, cause === undefined ? undefined : { cause });
    this.name = 'CredentialProblem';
    this.knob = knob;
    this.found = `${JSON.stringify(path)}: ${found}`;
    this.expected = expected;
  }
}

export function filesOf({ mode, ca, cert, key, minVersion }: TlsKnobs): CredentialFiles {
  return { ca, pair: mode === 'mutual' && cert !== 'off' && key !== 'off' ? { cert, key } : undefined, minVersion };
}

export function pathsOf({ ca, pair }: CredentialFiles): string[] {
  return [...(ca === 'system' ? [] : [ca]), ...(pair === undefined ? [] : [pair.cert, pair.key])];
}

/** `read` gives what a path holds, and throws where it cannot. @throws CredentialProblem */
export function readCredentials(files: CredentialFiles, read: (path: string) => Buffer, wall: Millis): Credentials {
  const { ca, pair, minVersion } = files;
  const bytes = (knob: CredentialKnob, path: string): Buffer => {
    try {
      return read(path);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new CredentialProblem(knob, path, code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'permission denied' : message, 'a readable PEM file', error);
    }
  };
  const roots = ca === 'system' ? undefined : rootsIn(ca, bytes('ca', ca), wall);
  const own = pair === undefined ? undefined : ownOf(pair, bytes('cert', pair.cert), bytes('key', pair.key), wall);
  const secureContext = createSecureContext({
    minVersion: `TLSv${minVersion}`,
    ...(roots === undefined ? {} : { ca: roots.pem }),
    ...(own === undefined ? {} : { cert: own.pem, key: own.key }),
  });
  return { secureContext, identity: own?.identity, expires: Math.min(roots?.expires ?? Infinity, own?.expires ?? Infinity) };
}

/** The same contents have the same hash. */
export function hashOfContents(contents: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const each of contents) hash.update(`${each.length}\n`).update(each);
  return hash.digest('hex');
}

/** Of several, as while a root is replaced by the next, some may be out of date, and not all. */
function rootsIn(path: string, bytes: Buffer, wall: Millis): { pem: string[]; expires: Millis } {
  const certificates = certificatesIn('ca', path, bytes);
  const good = certificates.filter((each) => untimely(each, wall) === undefined);
  if (good.length === 0) throw new CredentialProblem('ca', path, untimely(certificates[0]!, wall)!, 'a certificate whose time is now');
  return { pem: certificates.map((each) => each.toString()), expires: Math.max(...good.map(validTo)) };
}

interface Own {
  readonly pem: string;
  readonly key: string | Buffer;
  readonly identity: string;
  readonly expires: Millis;
}

function ownOf({ cert, key }: { cert: string; key: string }, certBytes: Buffer, keyBytes: Buffer, wall: Millis): Own {
  const chain = certificatesIn('cert', cert, certBytes);
  const [leaf] = chain as [X509Certificate, ...X509Certificate[]];
  for (const each of chain) {
    const problem = untimely(each, wall);
    if (problem !== undefined) throw new CredentialProblem('cert', cert, problem, 'certificates whose time is now');
  }
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(keyBytes);
  } catch (error) {
    const encrypted = keyBytes.includes('ENCRYPTED');
    throw new CredentialProblem('key', key, encrypted ? 'encrypted with a passphrase' : 'no private key, or not all of one', 'a private key in PEM', error);
  }
  if (!leaf.checkPrivateKey(privateKey)) throw new CredentialProblem('key', key, `the key of another certificate than the one in ${cert}`, 'the key of that certificate');
  const id = spiffeIdOf(leaf);
  const identity = 'problem' in id ? leaf.subject.replaceAll('\n', ', ') : id.id;
  return { pem: chain.map((each) => each.toString()).join(''), key: keyBytes, identity, expires: Math.min(...chain.map(validTo)) };
}

const begin = '-----BEGIN CERTIFICATE-----';
const end = '-----END CERTIFICATE-----';

function certificatesIn(knob: CredentialKnob, path: string, bytes: Buffer): X509Certificate[] {
  const text = bytes.toString('latin1');
  const blocks = text.split(begin).slice(1);
  if (blocks.length === 0) throw new CredentialProblem(knob, path, text.trim() === '' ? 'an empty file' : 'no certificate in it', 'certificates in PEM');
  return blocks.map((block) => {
    const length = block.indexOf(end);
    if (length === -1) throw new CredentialProblem(knob, path, 'a certificate that breaks off', 'certificates in PEM, each to its end');
    try {
      return new X509Certificate(`${begin}${block.slice(0, length)}${end}\n`);
    } catch (error) {
      throw new CredentialProblem(knob, path, 'a certificate that cannot be read', 'certificates in PEM', error);
    }
  });
}

/** Why this is not its time; undefined: it is. */
function untimely(certificate: X509Certificate, wall: Millis): string | undefined {
  const { subject, validFrom } = certificate;
  const name = subject?.replaceAll('\n', ', ') || 'a certificate without a name';
  if (validTo(certificate) <= wall) return `${name}: expired since ${new Date(validTo(certificate)).toISOString()}`;
  if (Date.parse(validFrom) > wall) return `${name}: not valid before ${new Date(Date.parse(validFrom)).toISOString()}`;
  return undefined;
}

function validTo({ validTo: text }: X509Certificate): Millis {
  return Date.parse(text);
}
