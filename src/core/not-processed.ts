/**
 * The header by which a server half says that it did not begin with a request, so that any request may be sent again, an order too:
 *
 *     x-inmesh-not-processed: overload; by=10.0.0.7:8080
 *
 * A wrong one pays an invoice twice. The likeliest way to a wrong one is a gateway that copies its upstream's headers into an answer of its own,
 * having done half of the work; so the server says which address says it, and a client believes it only of the very endpoint that it asked. Behind
 * an address that is translated on the way (a Kubernetes Service's) nobody is believed, and what is sent twice is what may be sent twice anyway.
 *
 * (Finagle's `finagle-http-nack` is the model, and has no such check. HTTP/2 has REFUSED_STREAM, which carries no Retry-After.)
 */
import { endpointKey, type Endpoint, type EndpointKey } from './endpoint.ts';

export const NOT_PROCESSED_HEADER = 'x-inmesh-not-processed';

/** No room for it · its deadline had passed when it came. */
export type NotProcessedReason = 'overload' | 'deadline';

/** `by`: address and port at which the server was asked. */
export function notProcessed(reason: NotProcessedReason, by: EndpointKey): string {
  return `${reason}; by=${by}`;
}

/** Whether this says, and the endpoint that was asked says it itself, that it did not begin with the request. */
export function saysNotProcessed(value: string | undefined, asked: Endpoint): boolean {
  if (value === undefined || value.length > LONGEST) return false;
  const by = /^(?:overload|deadline); by=(\S+)$/.exec(value)?.[1];
  return by === endpointKey(asked) || (asked.alternate !== undefined && by === endpointKey({ host: asked.alternate, port: asked.port }));
}

/** With room for the longest address. */
const LONGEST = 100;
