import { expect, test } from 'vitest';
import { isDnsName, parseAddress } from '../../src/config/address.ts';

test.each([
  ['reviews', 'reviews', undefined],
  ['Reviews.Shop.', 'reviews.shop', undefined],
  ['reviews:9080', 'reviews', 9080],
  ['my_service', 'my_service', undefined],
  ['10.0.0.1:9080', '10.0.0.1', 9080],
  ['[::1]:9080', '::1', 9080],
  ['[0:0:0::1]', '::1', undefined],
])('reads %s', (text, host, port) => expect(parseAddress(text)).toEqual({ host, port }));

test.each([
  '', '.', ':80', 'a b', 'a/b', 'http://a', 'a:0', 'a:65536', 'a:1:2', 'a:', '::1', '::1:80', '[::1', '[::g]', '[fe80::1%eth0]', '300.1.1.1', '10.1', '*.shop', '-a', 'a-', 'a..b', 'ä',
  'a'.repeat(64), `${'a.'.repeat(127)}a`, 'a@b', 'a?b', 'a#b', '[]', '[::1]x',
])('knows that %j is no address', (text) => expect(parseAddress(text)).toBeUndefined());

test('a name of 253 characters is one, a longer one is none', () => {
  const name = `${'a.'.repeat(126)}a`;
  expect(isDnsName(name)).toBe(true);
  expect(isDnsName(`${name}.`)).toBe(true);
  expect(isDnsName(`${name}.a`)).toBe(false);
});

test('the address of a request and that of a policy compare', () => {
  for (const text of ['[0:0::1]', '[2001:DB8::0:10]', '[::ffff:1.2.3.4]', 'REVIEWS', '10.0.0.1']) {
    expect(parseAddress(text)?.host).toBe(new URL(`http://${text}/`).hostname.replace(/^\[|\]$/g, ''));
  }
});
