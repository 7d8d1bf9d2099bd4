/**
 * Which addresses may become endpoints. What a DNS answer says is where requests go, so addresses that no single server can have are
 * refused: unspecified, multicast, broadcast, and link-local without the scope that DNS cannot carry.
 */
import { isIP } from 'node:net';

/** 4 or 6 for an address that a server may have, undefined for any other string. */
export function usableFamily(address: string): 4 | 6 | undefined {
  const family = isIP(address);
  if (family === 4) return usableIPv4(address) ? 4 : undefined;
  if (family === 6) return usableIPv6(address.toLowerCase()) ? 6 : undefined;
  return undefined;
}

function usableIPv4(address: string): boolean {
  const first = Number.parseInt(address, 10);
  return first !== 0 && !(first >= 224 && first <= 239) && address !== '255.255.255.255';
}

function usableIPv6(address: string): boolean {
  if (/^[0:]+$/.test(address) || address.startsWith('ff')) return false;
  if (/^fe[89ab]/.test(address)) return address.includes('%');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  return mapped === undefined || usableIPv4(mapped);
}

/** `10-0-0-1` is 10.0.0.1, `2001-db8--1` is 2001:db8::1: how Kubernetes names endpoints that have no name of their own. */
export function addressOfDashedLabel(label: string): string | undefined {
  for (const address of [label.replaceAll('-', '.'), label.replaceAll('-', ':')]) {
    if (usableFamily(address) !== undefined) return address;
  }
  return undefined;
}
