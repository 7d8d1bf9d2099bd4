import { describe, expect, it } from 'vitest';
import { DnsError } from '../../src/discovery/dns-error.ts';
import { encodeQuery } from '../../src/discovery/message.ts';
import { canonicalName } from '../../src/discovery/name.ts';
import { decode } from 'dns-packet';

describe('a name', () => {
  it.each([
    ['Reviews.Shop', 'reviews.shop'],
    ['_http._tcp.reviews.default.svc.cluster.local.', '_http._tcp.reviews.default.svc.cluster.local'],
    ['a', 'a'],
    ['1', '1'],
    ['0x7f.1', '0x7f.1'],
    ['x'.repeat(63), 'x'.repeat(63)],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['日本語.jp', 'xn--wgv71a119e.jp'],
  ])('%j is asked for as %j', (typed, asked) => {
    expect(canonicalName(typed)).toBe(asked);
    expect(decode(encodeQuery(asked, 'A', true)).questions).toEqual([expect.objectContaining({ name: asked, type: 'A' })]);
  });

  it.each([
    '', '.', '..', 'a..b', '.a', 'a.b..', '-a', 'a-', 'a b', 'a/b', 'a%41', 'ü/b', 'ü%41', 'a\nb', 'a\0b', 'a\\.b', '*.a', 'x'.repeat(64), 'x'.repeat(192), 'x'.repeat(300),
    `${'x'.repeat(63)}.`.repeat(4), Array(128).fill('a').join('.'), '\ud800.a', 'xn--\u00fc', 'a:80', '[::1]', '⒈.a', 'ｅ．f ',
  ])('%j is refused before anything is encoded', (typed) => {
    let refused: unknown;
    try {
      const name = canonicalName(typed);
      refused = name;
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(DnsError);
    expect((refused as DnsError).kind).toBe('invalid-name');
    expect((refused as DnsError).message).toMatch(/^name: ".*" \(expected: /s);
  });
});
