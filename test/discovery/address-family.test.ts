import type { NetworkInterfaceInfo } from 'node:os';
import { expect, it } from 'vitest';
import { ofFamily, reachableFamily } from '../../src/discovery/address-family.ts';

function machine(...addresses: string[]): Record<string, NetworkInterfaceInfo[]> {
  return { eth0: addresses.map((address) => ({ address, internal: address === '127.0.0.1' || address === '::1' }) as NetworkInterfaceInfo) };
}

it.each([
  [['10.0.0.1', '2001:db8::1'], 4],
  [['10.0.0.1', 'fe80::1'], 4],
  [['127.0.0.1', '::1', '2001:db8::1'], 6],
  [['169.254.1.1', 'fd00::1'], 6],
  [['127.0.0.1', '::1'], 4],
  [[], 4],
] as const)('a machine with %j reaches IPv%i', (addresses, family) => expect(reachableFamily(machine(...addresses))).toBe(family));

it('uses the other family where there is no address of this one', () => {
  expect(ofFamily(['::1', '127.0.0.1'], 4)).toEqual(['127.0.0.1']);
  expect(ofFamily(['::1', '127.0.0.1'], 6)).toEqual(['::1']);
  expect(ofFamily(['::1'], 4)).toEqual(['::1']);
});
