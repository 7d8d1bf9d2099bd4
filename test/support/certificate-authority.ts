/**
 * A certificate authority for tests: X.509 certificates with whatever in them a test needs, mistakes included. A root, intermediates below
 * it, leaves below these; all keys are P-256. Written out in DER here, since a tool would take tens of milliseconds for each and refuse to
 * make the wrong ones; OpenSSL, which verifies them on the other side, knows nothing of this file.
 */
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface LeafOptions {
  readonly name?: string;
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  readonly ips?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Says that it may sign others, which a leaf may not. */
  readonly ca?: boolean;
}

/** PEM, as in files of a secret. */
export interface Issued {
  /** The leaf, then the intermediates. */
  readonly cert: string;
  readonly key: string;
}

const HOUR = 3_600_000;

export class CertificateAuthority {
  readonly name: string;
  /** Its own certificate: what a client is given as `ca`, of a root. */
  readonly cert: string;
  readonly #key: KeyObject;
  /** Sent with a leaf, so that whoever knows the root alone can follow. */
  readonly #chain: string;

  private constructor(name: string, cert: string, key: KeyObject, chain: string) {
    this.name = name;
    this.cert = cert;
    this.#key = key;
    this.#chain = chain;
  }

  static root(name = 'test root'): CertificateAuthority {
    const { privateKey, publicKey } = newKey();
    return new CertificateAuthority(name, certificate({ name, issuer: name, publicKey, signer: privateKey, ca: true }), privateKey, '');
  }

  intermediate(name = `${this.name}, intermediate`): CertificateAuthority {
    const { privateKey, publicKey } = newKey();
    const cert = certificate({ name, issuer: this.name, publicKey, signer: this.#key, ca: true });
    return new CertificateAuthority(name, cert, privateKey, cert + this.#chain);
  }

  issue(options: LeafOptions = {}): Issued {
    const { privateKey, publicKey } = newKey();
    const leaf = certificate({ name: 'leaf', ...options, issuer: this.name, publicKey, signer: this.#key });
    return { cert: leaf + this.#chain, key: pemKey(privateKey) };
  }
}

/** Signed by itself. */
export function selfSigned(options: LeafOptions = {}): Issued {
  const { privateKey, publicKey } = newKey();
  return { cert: certificate({ name: 'alone', ...options, issuer: options.name ?? 'alone', publicKey, signer: privateKey }), key: pemKey(privateKey) };
}

function newKey(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function pemKey(key: KeyObject): string {
  return createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' })).export({ type: 'pkcs8', format: 'pem' }) as string;
}

interface Certificate extends LeafOptions {
  readonly name: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
}

function certificate({ name, issuer, publicKey, signer, ca = false, dns = [], uris = [], ips = [], notBefore, notAfter }: Certificate): string {
  const now = Date.now();
  const algorithm = sequence(oid('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const names = [...dns.map((each) => der(0x82, Buffer.from(each))), ...uris.map((each) => der(0x86, Buffer.from(each))), ...ips.map((each) => der(0x87, addressBytes(each)))];
  const extensions = [
    extension('2.5.29.19', ca ? sequence(der(0x01, Buffer.from([0xff]))) : sequence()), // basicConstraints
    extension('2.5.29.15', der(0x03, ca ? Buffer.from([1, 0b0000_0110]) : Buffer.from([7, 0b1000_0000]))), // keyUsage: keyCertSign, cRLSign, or digitalSignature
    extension('2.5.29.14', der(0x04, createHash('sha1').update(spki).digest())), // subjectKeyIdentifier
    ...(ca ? [] : [extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2')))]), // extendedKeyUsage: server and client
    ...(names.length === 0 ? [] : [extension('2.5.29.17', sequence(...names))]), // subjectAltName
  ];
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    distinguished(issuer),
    sequence(time(notBefore ?? new Date(now - HOUR)), time(notAfter ?? new Date(now + 24 * HOUR))),
    distinguished(name),
    spki,
    der(0xa3, sequence(...extensions)),
  );
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, signer)]));
  const base64 = sequence(body, algorithm, signature).toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x04, value));
}

function distinguished(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(commonName)))));
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  if (address !== '::1') throw new Error(`${address}: not needed so far`);
  return Buffer.from([...Array<number>(15).fill(0), 1]);
}

/** UTCTime to 2049, GeneralizedTime after it (RFC 5280 §4.1.2.5). */
function time(date: Date): Buffer {
  const digits = `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  return date.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits));
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes);
}

function oid(dotted: string): Buffer {
  const [first, second, ...others] = dotted.split('.').map(Number) as [number, number, ...number[]];
  const bytes = [first * 40 + second];
  for (const arc of others) {
    const groups = [arc & 0x7f];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) groups.unshift((rest & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const prefix = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...prefix]), content]);
}
