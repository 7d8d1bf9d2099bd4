import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CredentialProblem, readCredentials, type CredentialFiles } from '../../src/security/credentials.ts';
import { CertificateAuthority } from '../support/certificate-authority.ts';

const root = CertificateAuthority.root('root');
const issuer = root.intermediate('issuer');
const pair = issuer.issue({ uris: ['spiffe://td/a'] });
const HOUR = 3_600_000;
const at = (hours: number): Date => new Date(Math.floor(Date.now() / 1000) * 1000 + hours * HOUR);

const files: CredentialFiles = { ca: '/ca.crt', pair: { cert: '/tls.crt', key: '/tls.key' }, minVersion: '1.2' };
const good: Record<string, string> = { '/ca.crt': root.cert, '/tls.crt': pair.cert, '/tls.key': pair.key };

function read(contents: Record<string, string>, of: CredentialFiles = files) {
  return readCredentials(of, (path) => {
    const text = contents[path];
    if (text === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    return Buffer.from(text);
  }, Date.now());
}

function problem(contents: Record<string, string>): CredentialProblem {
  try {
    read({ ...good, ...contents });
  } catch (error) {
    expect(error).toBeInstanceOf(CredentialProblem);
    return error as CredentialProblem;
  }
  throw new Error('accepted');
}

const half = (text: string): string => text.slice(0, text.length / 2);

describe('credentials', () => {
  it('are whose certificate it is, until the first of it is out of date', () => {
    expect(read(good).identity).toBe('spiffe://td/a');
    const short = issuer.issue({ name: 'shop', notAfter: at(2) });
    const credentials = read({ ...good, '/tls.crt': short.cert, '/tls.key': short.key });
    expect(credentials).toMatchObject({ identity: 'CN=shop', expires: at(2).getTime() });
  });

  it('have no identity where nothing of ours is proved, and never are out of date where nothing is read', () => {
    expect(read({ '/ca.crt': root.cert }, { ...files, pair: undefined }).identity).toBeUndefined();
    expect(read({}, { ...files, ca: 'system', pair: undefined })).toMatchObject({ identity: undefined, expires: Infinity });
  });

  const gone = CertificateAuthority.root('gone');
  const expired = issuer.issue({ name: 'old', notBefore: at(-48), notAfter: at(-1) });
  const early = issuer.issue({ name: 'early', notBefore: at(1) });
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const encrypted = generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey;

  it.each<[string, Record<string, string>, string, RegExp]>([
    ['an empty file', { '/tls.crt': '' }, 'cert', /an empty file/],
    ['half of a certificate', { '/tls.crt': half(issuer.issue().cert.split(/(?<=-----END CERTIFICATE-----\n)/)[0]!) }, 'cert', /breaks off/],
    ['a chain that breaks off after its leaf', { '/tls.crt': pair.cert.slice(0, -200) }, 'cert', /breaks off/],
    ['a certificate with a bit turned', { '/tls.crt': pair.cert.replace(/\nM(?=[^-])/, '\n*') .replace('CERTIFICATE-----\nM', 'CERTIFICATE-----\n!') }, 'cert', /cannot be read/],
    ['a key where the certificate should be', { '/tls.crt': pair.key }, 'cert', /no certificate/],
    ['one that expired', { '/tls.crt': expired.cert, '/tls.key': expired.key }, 'cert', /CN=old: expired since/],
    ['one whose time has not come', { '/tls.crt': early.cert, '/tls.key': early.key }, 'cert', /CN=early: not valid before/],
    ['the key of another certificate', { '/tls.key': issuer.issue().key }, 'key', /the key of another certificate than the one in \/tls\.crt/],
    ['half of a key', { '/tls.key': half(pair.key) }, 'key', /no private key/],
    ['a public key', { '/tls.key': publicKey.export({ type: 'spki', format: 'pem' }) as string }, 'key', /no private key/],
    ['an encrypted key', { '/tls.key': encrypted }, 'key', /passphrase/],
    ['half of a root', { '/ca.crt': half(root.cert) }, 'ca', /breaks off/],
    ['a second root that breaks off', { '/ca.crt': root.cert + half(gone.cert) }, 'ca', /breaks off/],
  ])('cannot be %s', (_what, contents, knob, found) => {
    const told = problem(contents);
    expect(told.knob).toBe(knob);
    expect(told.found).toMatch(found);
    expect(told.found).toContain(Object.keys(contents)[0]);
  });

  it('cannot be a file that is not there', () => {
    expect(() => read({ '/ca.crt': root.cert, '/tls.crt': pair.cert })).toThrow('/tls.key: no such file (expected: a readable PEM file)');
  });

  it('may have a root that is out of date, as long as there is another', () => {
    const { cert } = CertificateAuthority.root('old').issue({ notBefore: at(-48), notAfter: at(-1), ca: true });
    expect(() => read({ ...good, '/ca.crt': cert + root.cert })).not.toThrow();
    expect(() => read({ ...good, '/ca.crt': cert })).toThrow(/expired since/);
  });
});
