/**
 * IPv4 or IPv6, for a host that has both. An endpoint goes by one address, so one family is preferred, by what this machine can reach: IPv4
 * where it has such an address itself, IPv6 where that is all it has (RFC 6724 without the table).
 */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

export type AddressFamily = 4 | 6;

export function reachableFamily(interfaces = networkInterfaces()): AddressFamily {
  const own = Object.values(interfaces).flatMap((addresses) => addresses ?? []).filter((address) => !address.internal);
  const has4 = own.some(({ address }) => isIP(address) === 4 && !address.startsWith('169.254.'));
  const has6 = own.some(({ address }) => isIP(address) === 6 && !/^fe[89ab]/i.test(address));
  return has6 && !has4 ? 6 : 4;
}

/** Those of this family, or all where there is none. */
export function ofFamily(addresses: readonly string[], family: AddressFamily): readonly string[] {
  const preferred = addresses.filter((address) => isIP(address) === family);
  return preferred.length > 0 ? preferred : addresses;
}
