import fc from 'fast-check';
import { isIP } from 'node:net';
import { expect, it } from 'vitest';
import { addressOfDashedLabel, usableFamily } from '../../src/discovery/address.ts';

it.each(['10.0.0.1', '127.0.0.1', '169.254.20.10', '240.0.0.1', '255.255.255.254'])('%s may be a server', (address) => expect(usableFamily(address)).toBe(4));
it.each(['::1', '2001:db8::1', 'fd00::1', 'fe80::1%eth0', '::ffff:10.0.0.1'])('%s may be a server', (address) => expect(usableFamily(address)).toBe(6));
it.each(['0.0.0.0', '0.1.2.3', '224.0.0.1', '239.255.255.255', '255.255.255.255', '::', '0:0:0:0:0:0:0:0', 'ff02::1', 'FF02::1', 'fe80::1', 'febf::1', '::ffff:0.0.0.0',
  '::ffff:224.0.0.1', '10.0.undefined.undefined', '10.0.0', '010.0.0.1', 'localhost', ''])('%j cannot be a server', (address) => expect(usableFamily(address)).toBeUndefined());

it.each([
  ['10-0-0-1', '10.0.0.1'],
  ['2001-db8--1', '2001:db8::1'],
  ['2001-db8--0', '2001:db8::0'],
  ['web-0', undefined],
  ['0-0-0-0', undefined],
  ['10-0-0-256', undefined],
  ['reviews', undefined],
  ['5678-abcd--2', '5678:abcd::2'],
])('the label %j stands for %j', (label, address) => expect(addressOfDashedLabel(label)).toBe(address));

it('never takes a string for an address that node does not', () => {
  fc.assert(fc.property(fc.string(), (text) => usableFamily(text) === undefined || isIP(text) !== 0), { seed: 3 });
});
