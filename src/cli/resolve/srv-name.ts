/** `_http._tcp.reviews.default.svc.cluster.local`: two labels with an underscore before the service's own name (RFC 2782). */
export function isSrvName(name: string): boolean {
  return /^_[^.]+\._[^.]+\../.test(name);
}
