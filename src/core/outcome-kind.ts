/**
 * OutcomeKind: what the result of an attempt says, and about whom. Five kinds, because a mesh that confuses them ejects the
 * innocent (envoy#25487: the client's own limit ejected healthy hosts) or trusts the guilty (linkerd2-proxy#4537: an
 * endpoint that refuses in 1 ms looks fast).
 *
 *     success    the endpoint did its work; a 404 is work done
 *     failure    the endpoint's fault: refused, reset, timed out, 5xx
 *     overload   alive but full: 429, or 503 with Retry-After
 *     local      ours: a limit, a stalled event loop, a deadline spent before sending
 *     cancelled  the caller left; says nothing about anybody
 *
 * Only failure and overload touch an endpoint's record, and differently.
 */
export type OutcomeKind = 'success' | 'failure' | 'overload' | 'local' | 'cancelled';
