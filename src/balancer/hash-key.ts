/**
 * Hash key: what says which requests belong together, so that they go to the same endpoint. In this order:
 *
 *     1. `hashKey` of the call's options      2. the header that the policy names      3. the cookie that the policy names
 *
 * Nothing, or an empty text: the request belongs to nobody. Of a header or cookie that comes more than once the first counts.
 */
import type { HashKnobs } from '../core/balancer-policy.ts';
import type { HeaderList } from '../core/call.ts';
import type { PickRequest } from './picker.ts';

export function hashKeyOf({ hashKey, request }: PickRequest, { header, cookie }: HashKnobs): string | undefined {
  if (hashKey !== undefined && hashKey !== '') return hashKey;
  if (request === undefined) return undefined;
  const named = header === 'off' ? '' : (valueOf(request.headers, header.toLowerCase()) ?? '');
  if (named !== '') return named;
  const cookies = cookie === 'off' ? undefined : valueOf(request.headers, 'cookie');
  const value = cookies === undefined ? '' : cookieIn(cookies, cookie);
  return value === '' ? undefined : value;
}

function valueOf(headers: HeaderList, name: string): string | undefined {
  for (let index = 0; index < headers.length; index += 2) {
    const each = headers[index] as string;
    if (each.length !== name.length || each.toLowerCase() !== name) continue;
    const value = headers[index + 1];
    return typeof value === 'string' ? value : value?.[0];
  }
  return undefined;
}

/** Empty where it is not there. */
function cookieIn(cookies: string, name: string): string {
  for (let from = 0; from < cookies.length; ) {
    const semicolon = cookies.indexOf(';', from);
    const to = semicolon === -1 ? cookies.length : semicolon;
    while (cookies[from] === ' ') from += 1;
    if (cookies.startsWith(name, from) && cookies[from + name.length] === '=') return cookies.slice(from + name.length + 1, to).trim();
    from = to + 1;
  }
  return '';
}
