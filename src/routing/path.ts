/**
 * Paths as routes see them: normalised as RFC 3986 §6.2.2 has it, so that two spellings of one path take one route.
 *
 *     /a/./b/../%7Euser/%2e%2e/c%2fd?q   →   /a/c%2Fd
 *
 * Escapes of unreserved characters are decoded, the letters of the others put in upper case, then dot segments removed. An encoded slash
 * never becomes a slash: what is one segment to the server is one segment here. Empty segments stay, for servers tell them apart. What is
 * sent stays as the caller wrote it.
 */

/** Where the path ends in a request target. */
export function pathEnd(target: string): number {
  const query = target.indexOf('?');
  const end = query === -1 ? target.length : query;
  const fragment = target.indexOf('#');
  return fragment === -1 ? end : Math.min(end, fragment);
}

/** Whether the path, `target` up to its end, is normal as it stands. Nearly all are, and cost no more than this look. */
export function isNormal(target: string, end: number): boolean {
  const escape = target.indexOf('%');
  if (escape !== -1 && escape < end) return false;
  const dot = target.indexOf('/.');
  return dot === -1 || dot >= end;
}

/** Of a path without its query. Whatever is not an escape stays as it is. */
export function normalPath(path: string): string {
  return withoutDotSegments(path.includes('%') ? path.replace(/%([0-9a-fA-F]{2})/g, normalEscape) : path);
}

const unreserved = /^[A-Za-z0-9._~-]$/;

function normalEscape(escape: string, digits: string): string {
  const character = String.fromCharCode(Number.parseInt(digits, 16));
  return unreserved.test(character) ? character : escape.toUpperCase();
}

/** RFC 3986 §5.2.4. */
function withoutDotSegments(path: string): string {
  if (!path.includes('/.')) return path;
  const kept: string[] = [];
  const segments = path.split('/');
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '.' || segment === '..') {
      // The empty text before the first slash stays.
      if (segment === '..' && kept.length > 1) kept.pop();
      if (isLast) kept.push('');
    } else kept.push(segment);
  }
  return kept.join('/');
}
