/**
 * Rewrite: what is sent in the place of what was asked. The Gateway API's rules for prefixes, with /foo replaced by /xyz:
 *
 *     /foo/bar → /xyz/bar     /foo/ → /xyz/     /foo → /xyz          (with /xyz/ the same)
 *     and by /:   /foo/bar → /bar   /foo → /
 *
 * The query stays. A prefix is replaced in the path as it was matched, normalised: what is left of it is sent that way.
 */
import type { MeshRequest } from '../core/call.ts';
import type { HeaderChanges, Rewrite } from '../core/route.ts';
import { changedHeaders } from './header-changes.ts';
import { isNormal, normalPath, pathEnd } from './path.ts';

export interface RequestChanges {
  readonly rewrite: Rewrite | undefined;
  readonly requestHeaders: HeaderChanges | undefined;
}

/** `prefix` is the one that matched, '' for none. The very same request where nothing is to be changed. */
export function changedRequest(request: MeshRequest, { rewrite, requestHeaders }: RequestChanges, prefix: string): MeshRequest {
  if (rewrite === undefined && requestHeaders === undefined) return request;
  let { headers } = request;
  if (requestHeaders !== undefined) headers = changedHeaders(headers, requestHeaders);
  // As a header: the authority is also the name by which a server is known to TLS, and that is not rewritten.
  if (rewrite?.host !== undefined) headers = changedHeaders(headers, { set: [['host', rewrite.host]], add: [], remove: [] });
  return { ...request, path: rewrite === undefined ? request.path : rewrittenPath(request.path, rewrite, prefix), headers };
}

export function rewrittenPath(target: string, rewrite: Rewrite, prefix: string): string {
  const end = pathEnd(target);
  if (rewrite.path !== undefined) return rewrite.path + target.slice(end);
  // `*` of OPTIONS and the authority of CONNECT are no paths.
  if (rewrite.prefix === undefined || !target.startsWith('/')) return target;
  const path = isNormal(target, end) ? target.slice(0, end) : normalPath(target.slice(0, end));
  const replacement = rewrite.prefix.endsWith('/') ? rewrite.prefix.slice(0, -1) : rewrite.prefix;
  return (replacement + path.slice(prefix.length) || '/') + target.slice(end);
}
